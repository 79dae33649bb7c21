// A dump in directory format, unpacked from its tar into TMP_DIR for the time of its use.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { AppError } from "../../../domain/error.ts";
import type { ByteStream } from "../../../ports/byte-stream.ts";
import { type ArchiveHead, parseArchiveHead } from "./archive-toc.ts";
import { unpackFlatTar } from "./flat-tar.ts";
import { openTmpSpace } from "./tmp-space.ts";

export interface UnpackedDump extends AsyncDisposable {
  readonly path: string;
  readonly head: ArchiveHead;
}

export async function openUnpackedDump(stream: ByteStream, tmpDir: string, signal: AbortSignal): Promise<UnpackedDump> {
  await using held = new AsyncDisposableStack();
  const space = held.use(await openTmpSpace(tmpDir, null, "unpacking a directory dump"));
  await unpackFlatTar(stream, space.path, signal);
  const toc = await readFile(join(space.path, "toc.dat")).catch(() => undefined);
  const head = toc === undefined ? undefined : parseArchiveHead(toc);
  if (head === undefined) throw new AppError("backup_corrupt", "the directory dump has no complete table of contents");
  const owned = held.move();
  return { path: space.path, head, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}
