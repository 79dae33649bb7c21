// pg_dump in custom format, uncompressed, as a stream.

import { AppError } from "../../../domain/error.ts";
import type { ByteStream } from "../../../ports/byte-stream.ts";
import type { DumpPart } from "../../../ports/source.ts";
import type { ToolOptions } from "../../process/spawn-tool.ts";
import { checkArchive } from "./archive-walk.ts";
import { spawnTool } from "../../process/spawn-tool.ts";
import { translateToolExit } from "./tool-error.ts";

export const archiveMagic = Buffer.from("PGDMP");

/** `onLocked` is called at the first byte: pg_dump writes it after it holds the locks on all its tables. */
export function startCustomDump(
  database: string,
  tool: Omit<ToolOptions, "fail">,
  onLocked: () => void,
): Pick<DumpPart, "stream" | "digest"> {
  const doing = `pg_dump of database "${database}"`;
  const what = `what ${doing} wrote`;
  const { stdout, digest } = spawnTool({
    ...tool,
    largeOutput: { worker: "source/postgres/read-dump-worker", what },
    fail: (exit) => translateToolExit(exit, doing, "source_failed"),
  });
  if (digest !== undefined) return { stream: checkStart(stdout, doing, onLocked), digest };
  return { stream: checkStart(checkArchive(stdout, "source_failed", what), doing, onLocked) };
}

async function* checkStart(dump: ByteStream, doing: string, onLocked: () => void): ByteStream {
  let head: Uint8Array | undefined = new Uint8Array(0);
  for await (const chunk of dump) {
    if (head === undefined) {
      yield chunk;
      continue;
    }
    head = Buffer.concat([head, chunk]);
    if (head.length < archiveMagic.length) continue;
    if (!archiveMagic.equals(head.subarray(0, archiveMagic.length))) {
      throw new AppError("source_failed", `${doing} did not write an archive: it does not begin with PGDMP`);
    }
    onLocked();
    const first: Uint8Array = head;
    head = undefined;
    yield first;
  }
  if (head !== undefined) throw new AppError("source_failed", `${doing} ended well but wrote no archive`);
}
