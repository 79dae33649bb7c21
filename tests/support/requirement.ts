// A test that needs a program says so here. In CI a missing program fails the test; elsewhere it is skipped by name.

import { test } from "bun:test";
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";

const isRoot = process.geteuid?.() === 0;

export function findProgram(name: string): string | undefined {
  if (name.includes("/")) return existsSync(name) ? name : undefined;
  const folders = (process.env["PATH"] ?? "").split(delimiter).concat("/usr/sbin", "/usr/local/sbin");
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
}

/** `const testWith = needs("age", "zstd")` then `testWith("name", fn)`; "root" stands for the right to mount and chown. */
export function needs(...programs: string[]): typeof test {
  const missing = programs.filter((program) => (program === "root" ? !isRoot : findProgram(program) === undefined));
  if (missing.length === 0 || process.env["CI"] === "true") return test;
  return ((name: string) =>
    test.skip(`${name} (needs ${missing.join(", ")}: npm run setup)`, () => {})) as unknown as typeof test;
}
