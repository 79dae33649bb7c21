// An archive whose prelude was read already, so that one knows what is in it before anything is started; the stream
// still gives every byte, and ends only when the archive is whole.

import type { TableCount } from "../../../domain/backup/manifest.ts";
import { AppError } from "../../../domain/error.ts";
import type { ByteStream } from "../../../ports/byte-stream.ts";
import { type ArchiveCollection, type ArchivePrelude, createArchiveReader } from "./archive-reader.ts";

export interface OpenArchive {
  readonly prelude: ArchivePrelude;
  readonly preludeBytes: Uint8Array;
  /** To be read, or left by `return`, once. */
  readonly stream: ByteStream;
}

export function corruptArchive(problem: string): AppError {
  return new AppError("backup_corrupt", `the mongodump archive is damaged: ${problem}`, {
    hint: "it was cut or changed; use another backup",
  });
}

export async function openArchive(source: ByteStream): Promise<OpenArchive> {
  const reader = createArchiveReader({ checksums: true, fail: corruptArchive });
  const iterator = source[Symbol.asyncIterator]();
  const head: Uint8Array[] = [];
  let prelude: ArchivePrelude;
  try {
    while (reader.prelude() === undefined) {
      const next = await iterator.next();
      if (next.done === true) {
        reader.end();
        throw corruptArchive("it ends too early");
      }
      // A source may use its buffer again.
      head.push(Uint8Array.from(next.value));
      reader.push(next.value);
    }
    prelude = reader.prelude()!;
  } catch (error) {
    await iterator.return?.();
    throw error;
  }

  async function* stream(): ByteStream {
    try {
      yield* head.splice(0);
      for (;;) {
        const next = await iterator.next();
        if (next.done === true) break;
        reader.push(next.value);
        yield next.value;
      }
      reader.end();
    } finally {
      await iterator.return?.();
    }
  }

  return { prelude, preludeBytes: Buffer.concat(head).subarray(0, prelude.bytes), stream: stream() };
}

/** Documents per collection of one database; views, time series and the server's own collections are left out. */
export function countDocuments(
  prelude: ArchivePrelude,
  documents: ReadonlyMap<string, number>,
  database: string,
): readonly TableCount[] {
  return prelude.collections
    .filter((collection) => collection.database === database && hasOwnDocuments(collection))
    .map(({ collection }) => ({
      schema: "",
      table: collection,
      rows: documents.get(`${database}.${collection}`) ?? 0,
    }));
}

function hasOwnDocuments({ collection, type }: ArchiveCollection): boolean {
  return type !== "view" && type !== "timeseries" && !collection.startsWith("system.");
}
