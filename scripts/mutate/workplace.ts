// A copy of the tree where one mutated file at a time meets the tests; the checkout itself is never touched.

import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { copyTree } from "../measure/copy-tree.ts";

const timeLimitMs = 180_000;

export interface Workplace extends AsyncDisposable {
  passes(tests: readonly string[]): Promise<boolean>;
  /** Whether a test fails, or runs into the time limit, with this text in place of the file. */
  notices(path: string, text: string, tests: readonly string[]): Promise<boolean>;
}

export async function openWorkplace(root: string): Promise<Workplace> {
  const folder = await mkdtemp(join(tmpdir(), "backupctl-mutate-"));
  await copyTree(root, folder);
  // End-to-end tests run the program from source here: compiling it for each mutant would take longer than the tests.
  const program = join(folder, "program");
  await writeFile(program, `#!/bin/sh\nexec ${process.execPath} ${join(folder, "src/main.ts")} "$@"\n`, {
    mode: 0o755,
  });

  const passes = async (tests: readonly string[]): Promise<boolean> => {
    const child = Bun.spawn(
      [
        join(root, "node_modules/.bin/bun"),
        "test",
        "--bail",
        // Two copies share the machine: what is slow is not noticed.
        "--timeout=30000",
        ...tests.map((path) => (path.endsWith(".ts") ? `./${path}` : `./${path}/`)),
      ],
      {
        cwd: folder,
        env: { ...process.env, BACKUPCTL_BINARY: program },
        stdin: "ignore",
        stdout: "ignore",
        stderr: "ignore",
        timeout: timeLimitMs,
        killSignal: "SIGKILL",
      },
    );
    return (await child.exited) === 0;
  };
  return {
    passes,
    notices: async (path, text, tests) => {
      const original = await readFile(join(folder, path), "utf8");
      await writeFile(join(folder, path), text);
      try {
        return !(await passes(tests));
      } finally {
        await writeFile(join(folder, path), original);
      }
    },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}
