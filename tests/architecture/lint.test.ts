// The linter, the type checker and the formatter, each with one mistake per rule planted in a copy of the tree.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { gates } from "../../scripts/check/gates.ts";
import { copyTree, type PlantedTree } from "./planted-tree.ts";

interface Planting {
  readonly rule: string;
  readonly path: string;
  readonly text: string;
  /** What the gate says about it. */
  readonly says: string;
}

const resource = "declare const open: () => Promise<AsyncDisposable>;\ndeclare const work: () => Promise<number>;\n";

const plantings: Readonly<Partial<Record<keyof typeof gates, readonly Planting[]>>> = {
  lint: [
    { rule: "a default export", path: "src/domain/a.ts", text: "export default 1;\n", says: "no-default-export" },
    {
      rule: "a file over 400 lines",
      path: "src/domain/b.ts",
      text: `${"// a line\n".repeat(401)}export {};\n`,
      says: "max-lines",
    },
    {
      rule: "a promise that nobody waits for",
      path: "src/usecases/e.ts",
      text: "declare const f: () => Promise<void>;\nexport function g(): void {\n  f();\n}\n",
      says: "no-floating-promises",
    },
    {
      rule: "a resource closed before the promise that is returned has settled",
      path: "src/usecases/f.ts",
      text: `${resource}export async function f(): Promise<number> {\n  await using _held = await open();\n  return work();\n}\n`,
      says: "return-await",
    },
    {
      rule: "a spy outside the adapters",
      path: "src/usecases/h.test.ts",
      text: 'import { spyOn } from "bun:test";\nspyOn(Math, "random");\n',
      says: "no-restricted-imports",
    },
    {
      rule: "a thrown value that is no error",
      path: "src/usecases/i.ts",
      text: 'export function f(): never {\n  throw "x";\n}\n',
      says: "only-throw-error",
    },
    {
      rule: "a forgotten case",
      path: "src/usecases/j.ts",
      text: 'export function f(x: "a" | "b"): void {\n  switch (x) {\n    case "a":\n      return;\n  }\n}\n',
      says: "switch-exhaustiveness-check",
    },
    {
      rule: "a line on the console",
      path: "src/usecases/k.ts",
      text: 'export const f = (): void => console.log("x");\n',
      says: "no-console",
    },
    {
      rule: "an empty catch",
      path: "src/usecases/l.ts",
      text: "export function f(g: () => void): void {\n  try {\n    g();\n  } catch {}\n}\n",
      says: "no-empty",
    },
    { rule: "a name in camel case", path: "src/usecases/mN.ts", text: "export {};\n", says: "filename-case" },
    {
      rule: "a cycle of imports",
      path: "src/usecases/o.ts",
      text: 'import { p } from "./p.ts";\nexport const o = (): number => p();\n',
      says: "no-cycle",
    },
    {
      rule: "a type imported as a value",
      path: "src/usecases/q.ts",
      text: 'import { Clock } from "../ports/clock.ts";\nexport type Q = Clock;\n',
      says: "consistent-type-imports",
    },
    {
      rule: "a comment that switches nothing off",
      path: "src/usecases/r.ts",
      text: `// ${"oxlint"}-disable-next-line no-console -- long gone\nexport {};\n`,
      says: "no problems were reported",
    },
  ],
  domain: [
    { rule: "node:fs", path: "src/domain/a.ts", text: 'import "node:fs";\n', says: "node:fs" },
    {
      rule: "node:crypto's types",
      path: "src/domain/b.ts",
      text: 'export type { Hash } from "node:crypto";\n',
      says: "node:crypto",
    },
    { rule: "bun", path: "src/domain/c.ts", text: 'import "bun:sqlite";\n', says: "bun:sqlite" },
    { rule: "a global of Bun", path: "src/domain/d.ts", text: "export const d = Bun.version;\n", says: "'Bun'" },
    { rule: "process", path: "src/domain/e.ts", text: "export const e = process.env;\n", says: "'process'" },
    { rule: "fetch", path: "src/domain/f.ts", text: 'export const f = () => fetch("x");\n', says: "'fetch'" },
    {
      rule: "a timer",
      path: "src/domain/g.ts",
      text: "export const g = () => setTimeout(() => {}, 1);\n",
      says: "'setTimeout'",
    },
    {
      rule: "the console",
      path: "src/domain/h.ts",
      text: 'export const h = () => console.log("x");\n',
      says: "'console'",
    },
    { rule: "a Buffer", path: "src/domain/i.ts", text: "export const i = Buffer.alloc(1);\n", says: "'Buffer'" },
    { rule: "a port", path: "src/domain/j.ts", text: 'export * from "../ports/clock.ts";\n', says: "rootDir" },
    {
      rule: "a port's types",
      path: "src/domain/k.ts",
      text: 'export type * from "../ports/lock.ts";\n',
      says: "rootDir",
    },
  ],
  types: [
    {
      rule: "an index that may miss",
      path: "src/usecases/a.ts",
      text: "export const f = (list: string[]): string => list[0];\n",
      says: "TS2322",
    },
    { rule: "an enum", path: "src/usecases/b.ts", text: "export enum B {\n  One,\n}\n", says: "TS1294" },
    {
      rule: "a mistake in a script",
      path: "scripts/planted.ts",
      text: 'export const c: number = "c";\n',
      says: "TS2322",
    },
    {
      rule: "a mistake in a test",
      path: "tests/support/planted.ts",
      text: 'export const d: 1 = "d";\n',
      says: "TS2322",
    },
  ],
  shell: [
    {
      rule: "an unquoted path in a script",
      path: "scripts/planted.sh",
      text: "#!/bin/sh\nrm -rf $1\n",
      says: "SC2086",
    },
    {
      rule: "a script without the ending .sh",
      path: "scripts/planted-program",
      text: '#!/bin/bash\ncd "$1"\n',
      says: "SC2164",
    },
    {
      rule: "a script of the deployment",
      path: "deploy/planted.sh",
      text: "#!/bin/sh\nif [ $1 = x ]; then echo x; fi\n",
      says: "SC2086",
    },
  ],
  format: [
    { rule: "a crooked line", path: "src/usecases/a.ts", text: "export   const a=1\n", says: "src/usecases/a.ts" },
  ],
};

/** Extra files that a planting needs and that are no breach of their own. */
const companions = { "src/usecases/p.ts": 'import { o } from "./o.ts";\nexport const p = (): number => o();\n' };

for (const [gate, list] of Object.entries(plantings) as [keyof typeof gates, readonly Planting[]][]) {
  describe(`the gate '${gate}'`, () => {
    let tree: PlantedTree;
    let passed: boolean;
    let output: string;
    beforeAll(async () => {
      tree = await copyTree();
      for (const { path, text } of list) await tree.plant({ [path]: text });
      if (gate === "lint") await tree.plant(companions);
      ({ passed, output } = await tree.ask(gate, ...(gate === "lint" ? ["--format", "unix"] : [])));
    }, 120_000);
    afterAll(() => tree[Symbol.asyncDispose]());

    for (const { rule, path, says } of list) {
      test(`does not let pass ${rule}`, () => {
        expect(passed).toBe(false);
        // Whether a path is told from the root or from the project's folder is the tool's choice.
        const known = [path, path.replace("src/domain/", "")];
        const lines = output.split("\n").filter((line) => known.some((name) => line.startsWith(name)));
        expect(lines.some((line) => line.includes(says))).toBe(true);
      });
    }
  });
}
