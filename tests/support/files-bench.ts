// A tree of files with a source over it, a temporary directory, and mounts that go with it.

import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { open } from "../../src/adapters/source/files/index.ts";
import { restoreParts, type TakenDump } from "../../src/ports/source.contract.ts";
import { fullRestore, type RestoreMode, type Source } from "../../src/ports/source.ts";

const never = new AbortController().signal;

export interface FilesBench extends AsyncDisposable {
  readonly root: string;
  readonly tree: string;
  readonly tmpDir: string;
  readonly logged: string[];
  source(more?: { paths?: string[]; exclude?: string[] }): Source;
  mount(path: string, ...options: string[]): void;
}

export function makeFilesBench(): FilesBench {
  const root = mkdtempSync(join(tmpdir(), "source-files-"));
  const tree = join(root, "tree");
  const tmpDir = join(root, "tmp");
  const mounts: string[] = [];
  const logged: string[] = [];
  mkdirSync(tree);
  mkdirSync(tmpDir, { mode: 0o700 });
  return {
    root,
    tree,
    tmpDir,
    logged,
    source: (more = {}) =>
      open(
        { paths: [tree], exclude: [], ...more },
        { tmpDir, tools: {}, log: (_level, message) => void logged.push(message) },
      ),
    mount(path, ...options) {
      execFileSync("mount", [...options, path]);
      mounts.push(path);
    },
    async [Symbol.asyncDispose]() {
      for (const path of mounts.toReversed()) execFileSync("umount", [path]);
      rmSync(root, { recursive: true });
    },
  };
}

export async function restoreFiles(
  source: Source,
  place: string,
  mode: RestoreMode,
  taken: TakenDump,
): Promise<readonly string[]> {
  await using target = await source.openTarget({ database: place, mode, stopConnections: false, signal: never });
  const warnings: string[] = [];
  for (const part of restoreParts(taken)) warnings.push(...(await target.restore(part, fullRestore, never)).warnings);
  await target.commit();
  return warnings;
}
