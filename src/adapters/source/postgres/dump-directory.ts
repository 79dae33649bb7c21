// pg_dump with parallel jobs: its directory is in TMP_DIR, each file leaves as soon as pg_dump has finished it.

import { existsSync } from "node:fs";
import { open, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { AppError } from "../../../domain/error.ts";
import type { ByteStream } from "../../../ports/byte-stream.ts";
import { spawnTool, type ToolOptions } from "../../process/spawn-tool.ts";
import { archiveMagic } from "./dump-custom.ts";
import { endOfTar, tarEntry } from "./flat-tar.ts";
import { openTmpSpace } from "./tmp-space.ts";
import { translateToolExit } from "./tool-error.ts";

export interface DirectoryDumpInput {
  readonly database: string;
  readonly tool: Omit<ToolOptions, "fail">;
  readonly tmpDir: string;
  readonly expectedBytes: number;
  /** Called when the first table has been dumped: all locks are held then. */
  readonly onLocked: () => void;
  /** Called while files grow of which nothing can leave yet. */
  readonly onActivity: () => void;
}

const activityPollMs = 2_000;

export async function* streamDirectoryDump(input: DirectoryDumpInput): ByteStream {
  const doing = `parallel pg_dump of database "${input.database}"`;
  await using space = await openTmpSpace(input.tmpDir, input.expectedBytes, doing);
  const directory = join(space.path, "dump");
  const startedAtMs = Date.now();
  const finished: string[] = [];
  let wake = (): void => {};
  await using dump = spawnTool({
    ...input.tool,
    args: [...input.tool.args, "--format=directory", "--compress=0", "--no-sync", "--verbose", `--file=${directory}`],
    fail: (exit) => translateToolExit(exit, doing, "source_failed"),
    onStderrLine(line) {
      const item = /^pg_dump: finished item (\d+) TABLE DATA /.exec(line)?.[1];
      if (item === undefined) {
        if (!/^pg_dump: (?!warning|error)/.test(line)) input.tool.onStderrLine?.(line);
        return;
      }
      finished.push(`${item}.dat`);
      wake();
    },
  });
  let exited = false;
  const done = dump.succeed().finally(() => {
    exited = true;
    wake();
  });
  done.catch(() => {});

  let writtenBytes = 0;
  const poll = setInterval(() => {
    void sizeOf(directory).then((bytes) => {
      if (bytes !== writtenBytes) input.onActivity();
      writtenBytes = bytes;
    });
  }, activityPollMs);
  using _poll = { [Symbol.dispose]: () => clearInterval(poll) };

  let yieldedBytes = 0;
  async function* moveOut(name: string): ByteStream {
    for await (const chunk of tarEntry(directory, name, startedAtMs)) {
      yieldedBytes += chunk.length;
      yield chunk;
    }
    await rm(join(directory, name));
  }

  for (;;) {
    const name = finished.shift();
    if (name !== undefined) {
      if (yieldedBytes === 0) input.onLocked();
      if (existsSync(join(directory, name))) yield* moveOut(name);
    } else if (exited) break;
    else await new Promise<void>((resolve) => (wake = resolve));
  }
  await done;
  input.onLocked();
  await checkContents(directory, doing);
  for (const name of (await readdir(directory)).toSorted()) yield* moveOut(name);
  yield endOfTar;
}

/** Files come and go meanwhile: what is gone counts nothing. */
async function sizeOf(directory: string): Promise<number> {
  const names = await readdir(directory).catch(() => []);
  const sizes = await Promise.all(
    names.map((name) =>
      stat(join(directory, name)).then(
        ({ size }) => size,
        () => 0,
      ),
    ),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}

async function checkContents(directory: string, doing: string): Promise<void> {
  const magic = Buffer.alloc(archiveMagic.length);
  try {
    await using file = await open(join(directory, "toc.dat"), "r");
    await file.read(magic, 0, magic.length, 0);
  } catch {
    // Reported below: no table of contents, no archive.
  }
  if (!magic.equals(archiveMagic)) throw new AppError("source_failed", `${doing} ended well but wrote no archive`);
}
