// Creates the indexes that an archive describes, on servers that do not take them as mongorestore sends them.

import { BSON, type Document } from "mongodb";
import { AppError } from "../../../domain/error.ts";
import type { ArchiveCollection } from "./archive-reader.ts";
import { connect } from "./connection.ts";
import { corruptArchive } from "./open-archive.ts";
import type { RestorePlace } from "./restore-part.ts";

export async function createIndexes(
  { config, database, prefix }: RestorePlace,
  collections: readonly ArchiveCollection[],
  signal: AbortSignal,
): Promise<void> {
  await using connection = await connect(config, { signal, errorCode: "restore_failed" });
  for (const { collection, metadata } of collections) {
    const indexes = readIndexes(collection, metadata);
    if (indexes.length === 0) continue;
    await connection.run(`creating the indexes of collection "${database}.${prefix}${collection}"`, (db) =>
      db(database).command({ createIndexes: prefix + collection, indexes }),
    );
  }
}

/** Without the index on `_id`, which every collection has, and without what the server sets by itself. */
export function readIndexes(collection: string, metadata: string): readonly Document[] {
  if (metadata === "") return [];
  let described: Document;
  try {
    described = BSON.EJSON.parse(metadata) as Document;
  } catch {
    throw corruptArchive(`the description of collection "${collection}" cannot be read`);
  }
  const indexes: unknown = described["indexes"] ?? [];
  if (!Array.isArray(indexes))
    throw new AppError("backup_corrupt", `the indexes of collection "${collection}" are no list`);
  return indexes
    .filter((index: Document) => index["name"] !== "_id_")
    .map(({ v: _version, ns: _namespace, ...index }: Document) => index);
}
