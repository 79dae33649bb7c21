// The gate for shell scripts: shellcheck over every script of scripts/, deploy/ and .ci/, known by its first line.
// Where shellcheck is missing, CI fails and a developer's machine is told (npm run setup brings it).

import { readFile } from "node:fs/promises";
import { join } from "node:path";

const root = process.argv[2] ?? process.cwd();
const paths = [...new Bun.Glob("{scripts,deploy,.ci}/**/*").scanSync({ cwd: root, dot: true, onlyFiles: true })];
const scripts: string[] = [];
for (const path of paths.toSorted()) {
  const firstLine = (await readFile(join(root, path), "latin1")).split("\n", 1)[0]!;
  if (/^#!.*\b(sh|bash)\b/.test(firstLine)) scripts.push(path);
}
if (scripts.length === 0) {
  console.error("shell: there is no script");
  process.exit(1);
}
if (Bun.which("shellcheck") === null) {
  console.error("shell: shellcheck is not installed (npm run setup brings it), nothing was looked at");
  process.exit(process.env["CI"] === "true" ? 1 : 0);
}
const child = Bun.spawn(["shellcheck", "--format", "gcc", ...scripts], {
  cwd: root,
  stdin: "ignore",
  stdout: "inherit",
  stderr: "inherit",
});
const exitCode = await child.exited;
console.log(`shell: ${scripts.length} scripts`);
process.exit(exitCode === 0 ? 0 : 1);
