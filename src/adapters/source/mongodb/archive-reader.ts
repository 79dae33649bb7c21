// Reads a mongodump archive as it streams by: a prelude that names every collection, then blocks of documents, and for
// each collection one end block with the checksum of its documents. An archive has no end mark of its own: it is whole
// when it stops between two blocks and every collection that the prelude names has ended.

import { BSON } from "mongodb";
import { createCrc64, type Crc64 } from "./crc64.ts";

export interface ArchiveCollection {
  readonly database: string;
  readonly collection: string;
  /** `view` and `timeseries`; else a collection of plain documents. */
  readonly type: string;
  /** Options and indexes as extended JSON. */
  readonly metadata: string;
}

export interface ArchivePrelude {
  readonly serverVersion: string;
  readonly toolVersion: string;
  readonly collections: readonly ArchiveCollection[];
  /** Length of the prelude, with the magic number and its terminator. */
  readonly bytes: number;
}

export interface ArchiveReader {
  /** Throws what `fail` makes of a damage. */
  push(chunk: Uint8Array): void;
  /** Known as soon as enough was pushed. */
  prelude(): ArchivePrelude | undefined;
  /** After the last chunk: throws unless the archive is whole. Returns the number of documents by `database.collection`. */
  end(): ReadonlyMap<string, number>;
}

export interface ReaderOptions {
  readonly checksums: boolean;
  fail(problem: string): Error;
}

const magic = [0x6d, 0xe2, 0x99, 0x81];
/** The largest document of a server, and room for what it adds by itself. */
const largestDocument = 16 * 1024 * 1024 + 16 * 1024;
const largestPrelude = 256 * 1024 * 1024;
const bucketPrefix = "system.buckets.";

interface Namespace {
  documents: number;
  ended: boolean;
  readonly crc: Crc64 | undefined;
}

export function createArchiveReader({ checksums, fail }: ReaderOptions): ArchiveReader {
  let total = 0;
  let place: "magic" | "header" | "collections" | "block" | "documents" | "ended-block" = "magic";
  const size = Buffer.alloc(4);
  let sizeFilled = 0;
  let gathered: Buffer | undefined;
  let gatheredFilled = 0;
  let skip = 0;
  let header: { serverVersion: string; toolVersion: string } | undefined;
  let prelude: ArchivePrelude | undefined;
  const collections: ArchiveCollection[] = [];
  const expected = new Map<string, ArchiveCollection>();
  const namespaces = new Map<string, Namespace>();
  let current: Namespace | undefined;

  function push(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.length) {
      if (skip > 0) at = skipDocument(chunk, at);
      else if (gathered !== undefined) at = gather(chunk, at);
      else at = readSize(chunk, at);
    }
    total += chunk.length;
    if (prelude === undefined && total > largestPrelude) throw fail("it names more collections than any server has");
  }

  function skipDocument(chunk: Uint8Array, at: number): number {
    const taken = Math.min(skip, chunk.length - at);
    current!.crc?.update(chunk, at, at + taken);
    skip -= taken;
    if (skip === 0) {
      if (chunk[at + taken - 1] !== 0) throw fail("a document does not end where its length says");
      current!.documents += 1;
    }
    return at + taken;
  }

  function gather(chunk: Uint8Array, at: number): number {
    const document = gathered!;
    const taken = Math.min(document.length - gatheredFilled, chunk.length - at);
    document.set(chunk.subarray(at, at + taken), gatheredFilled);
    gatheredFilled += taken;
    if (gatheredFilled === document.length) {
      gathered = undefined;
      readDocument(document);
    }
    return at + taken;
  }

  function readSize(chunk: Uint8Array, at: number): number {
    const taken = Math.min(4 - sizeFilled, chunk.length - at);
    size.set(chunk.subarray(at, at + taken), sizeFilled);
    sizeFilled += taken;
    if (sizeFilled < 4) return at + taken;
    sizeFilled = 0;
    if (place === "magic") {
      if (magic.some((byte, i) => size[i] !== byte)) throw fail("it does not begin as an archive of mongodump");
      place = "header";
      return at + taken;
    }
    const length = size.readInt32LE();
    if (length === -1) endBlock(total + at + taken);
    else if (length < 5 || length > largestDocument)
      throw fail("what should be a document or the end of a block is neither");
    else if (place === "ended-block") throw fail("there are documents in the end mark of a collection");
    else if (place === "documents") {
      current!.crc?.update(size, 0, 4);
      skip = length - 4;
    } else {
      gathered = Buffer.alloc(length);
      gathered.set(size);
      gatheredFilled = 4;
    }
    return at + taken;
  }

  function endBlock(offset: number): void {
    if (place === "header" || place === "block") throw fail("a block has no header");
    if (place === "collections") prelude = { ...header!, collections, bytes: offset };
    place = "block";
    current = undefined;
  }

  function readDocument(bytes: Buffer): void {
    const fields = parse(bytes);
    const text = (name: string): string => (typeof fields[name] === "string" ? fields[name] : "");
    if (place === "header") {
      header = { serverVersion: text("server_version"), toolVersion: text("tool_version") };
      place = "collections";
      return;
    }
    const database = text("db");
    const collection = text("collection");
    const key = `${database}.${collection}`;
    if (place === "collections") {
      const type = text("type");
      const described = { database, collection, type, metadata: text("metadata") };
      collections.push(described);
      expected.set(type === "timeseries" ? `${database}.${bucketPrefix}${collection}` : key, described);
      return;
    }
    if (!expected.has(key)) throw fail(`it has documents of collection "${key}", which its beginning does not name`);
    const known = namespaces.get(key) ?? { documents: 0, ended: false, crc: checksums ? createCrc64() : undefined };
    namespaces.set(key, known);
    if (known.ended) throw fail(`collection "${key}" goes on after its end mark`);
    current = known;
    place = "documents";
    if (fields["EOF"] !== true) return;
    known.ended = true;
    place = "ended-block";
    const checksum = fields["CRC"];
    if (
      known.crc !== undefined &&
      (typeof checksum !== "bigint" || BigInt.asUintN(64, checksum) !== known.crc.value())
    ) {
      throw fail(`the documents of collection "${key}" do not have the checksum that they were written with`);
    }
  }

  function parse(bytes: Buffer): Record<string, unknown> {
    try {
      return BSON.deserialize(bytes, { useBigInt64: true });
    } catch {
      throw fail("a header cannot be read");
    }
  }

  function end(): ReadonlyMap<string, number> {
    if (total === 0) throw fail("it is empty");
    if (prelude === undefined) throw fail("it ends before it has named its collections");
    if (place !== "block" || sizeFilled > 0 || gathered !== undefined) throw fail("it ends in the middle of a block");
    for (const [key, { type }] of expected) {
      if (type !== "view" && namespaces.get(key)?.ended !== true)
        throw fail(`the end of collection "${key}" is missing`);
    }
    return new Map([...namespaces].map(([key, { documents }]) => [key, documents]));
  }

  return { push, prelude: () => prelude, end };
}
