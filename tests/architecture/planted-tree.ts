// A copy of the tree in which breaches are planted, each in files of its own, to see which of them a gate reports.

import { appendFile, cp, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { gates } from "../../scripts/check/gates.ts";

const root = join(import.meta.dir, "../..");
const copied = [
  "src",
  "scripts",
  "tests",
  "changelog",
  "deploy",
  "package.json",
  "tsconfig.json",
  ".oxlintrc.json",
  ".oxfmtrc.json",
  ".fallowrc.json",
];

export interface Verdict {
  readonly passed: boolean;
  readonly output: string;
}

export interface PlantedTree extends AsyncDisposable {
  plant(files: Readonly<Record<string, string>>): Promise<void>;
  /** Adds to the end of a file that exists. */
  append(path: string, text: string): Promise<void>;
  remove(path: string): Promise<void>;
  ask(gate: keyof typeof gates, ...extraArguments: string[]): Promise<Verdict>;
}

export async function copyTree(): Promise<PlantedTree> {
  const folder = await mkdtemp(join(tmpdir(), "backupctl-gates-"));
  for (const name of copied) await cp(join(root, name), join(folder, name), { recursive: true });
  await symlink(join(root, "node_modules"), join(folder, "node_modules"));
  return {
    plant: async (files) => {
      for (const [path, text] of Object.entries(files)) {
        await mkdir(dirname(join(folder, path)), { recursive: true });
        await writeFile(join(folder, path), text, { flag: "wx" });
      }
    },
    append: (path, text) => appendFile(join(folder, path), text),
    remove: (path) => rm(join(folder, path), { recursive: true }),
    ask: async (gate, ...extraArguments) => {
      const command = [...gates[gate].command, ...extraArguments];
      const child = Bun.spawn(command, { cwd: folder, stdin: "ignore", stdout: "pipe", stderr: "pipe" });
      const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
      // Some tools paint their output in CI.
      return { passed: child.exitCode === 0, output: Bun.stripANSI(stdout + stderr) };
    },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}
