// Runs one SQLite job in a child of our own runtime. The compiled program is that runtime too: BUN_BE_BUN makes it act
// as `bun`, so nothing else has to be installed and no hidden command is needed.

import { AppError } from "../../../domain/error.ts";
import type { ByteStream } from "../../../ports/byte-stream.ts";
import { spawnTool } from "../../process/spawn-tool.ts";
import childSource from "./sqlite-child.ts" with { type: "text" };
import type { ChildAnswer, ChildJob, ChildReply } from "./sqlite-child.ts";

export type { ChildAnswer, ChildJob } from "./sqlite-child.ts";

/** The engine's own refusal, still to be translated by whoever knows what was tried. */
export class SqliteError extends Error {
  override readonly name = "SqliteError";
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** `tmpDir` is the working directory and takes SQLite's own temporary files. Throws `SqliteError` or the signal's reason. */
export async function runChild(job: ChildJob, tmpDir: string, signal: AbortSignal): Promise<ChildAnswer> {
  await using child = spawnTool({
    command: process.execPath,
    args: ["--no-env-file", "-e", childSource],
    // An empty directory of ours: a bunfig.toml or node_modules elsewhere would be loaded by the runtime.
    cwd: tmpDir,
    env: { BUN_BE_BUN: "1", SQLITE_TMPDIR: tmpDir, TMPDIR: tmpDir },
    stdin: oneChunk(JSON.stringify(job)),
    signal,
    fail: (exit) =>
      new AppError("internal", `the SQLite process ended with ${exit.signal ?? exit.code}: ${lastLine(exit.stderr)}`, {
        details: { exitCode: exit.code, signal: exit.signal },
      }),
  });
  const chunks: Uint8Array[] = [];
  for await (const chunk of child.stdout) chunks.push(chunk);
  const reply = JSON.parse(Buffer.concat(chunks).toString("utf8")) as ChildReply;
  if (reply.error !== undefined) throw new SqliteError(reply.error.code, reply.error.message);
  return reply.answer;
}

async function* oneChunk(text: string): ByteStream {
  yield Buffer.from(text);
}

function lastLine(text: string): string {
  return text.trim().split("\n").at(-1) ?? "";
}
