// Reads the head of a PostgreSQL archive (custom format, or toc.dat of the directory format): who wrote it, and the
// table of contents with exact names, which the text of `pg_restore --list` does not give.

import { AppError } from "../../../domain/error.ts";
import type { ByteStream } from "../../../ports/byte-stream.ts";

export interface TocEntry {
  readonly dumpId: number;
  /** `TABLE`, `TABLE DATA`, `INDEX`, `EXTENSION` … */
  readonly kind: string;
  readonly name: string;
  readonly schema: string | null;
  readonly owner: string | null;
  /** Null for the database's own. */
  readonly tablespace: string | null;
  /** Of kinds that are told by it, else empty: the definitions of many tables would fill the memory. */
  readonly definition: string;
  /** Statement that drops it, empty when something else does. */
  readonly drop: string;
  /** A data block of its own follows the table of contents. */
  readonly hasData: boolean;
  /** Dump ids that this entry needs. */
  readonly dependsOn: readonly number[];
}

export interface ArchiveHead {
  readonly database: string;
  /** Versions of the dumped server and of the pg_dump that wrote it. */
  readonly serverVersion: string;
  readonly toolVersion: string;
  readonly entries: readonly TocEntry[];
  /** Where the data blocks begin, and how long their integers are without the sign byte. */
  readonly sizeBytes: number;
  readonly intBytes: number;
}

const oldestVersion = 0x01_0c; // 1.12, PostgreSQL 9.0
const newestVersion = 0x01_10; // 1.16, PostgreSQL 17 and 18
const maximumHeadBytes = 1024 * 1024 * 1024;
const definedKinds = new Set(["ENCODING", "BLOB METADATA"]);
const moreNeeded = new Error("the archive's head goes on");

interface Cursor {
  byte(): number;
  int(): number;
  text(): string | null;
  /** For `take`, when it is wanted after all. */
  skipText(): { readonly from: number; readonly to: number };
  take(place: { readonly from: number; readonly to: number }): string;
  skip(bytes: number): void;
  position(): number;
  /** How many bytes the last step needed. */
  wantedBytes(): number;
}

function corrupt(what: string): AppError {
  return new AppError("backup_corrupt", `the PostgreSQL archive ${what}`);
}

function openCursor(bytes: Buffer, start: number, intBytes: number, decoder: TextDecoder | undefined): Cursor {
  let at = start;
  let wanted = 0;
  function skip(length: number): void {
    wanted = at + length;
    if (wanted > bytes.length) throw moreNeeded;
    at = wanted;
  }
  function int(): number {
    const from = at;
    skip(1 + intBytes);
    let value = 0;
    for (let index = intBytes; index > 0; index--) value = value * 256 + bytes[from + index]!;
    return bytes[from] === 0 ? value : -value;
  }
  function skipText(): { from: number; to: number } {
    const length = int();
    if (length > maximumHeadBytes) throw corrupt("has a table of contents that cannot be read");
    const from = at;
    if (length > 0) skip(length);
    return { from, to: length < 0 ? -1 : at };
  }
  const take = ({ from, to }: { from: number; to: number }): string =>
    decoder === undefined ? bytes.toString("utf8", from, to) : decoder.decode(bytes.subarray(from, to));
  return {
    byte() {
      skip(1);
      return bytes[at - 1]!;
    },
    int,
    text() {
      const place = skipText();
      return place.to < 0 ? null : take(place);
    },
    skipText,
    take,
    skip,
    position: () => at,
    wantedBytes: () => wanted,
  };
}

/** Throws `backup_corrupt`; undefined when the bytes are a beginning that is not long enough yet. */
export function parseArchiveHead(bytes: Uint8Array): ArchiveHead | undefined {
  return openHeadReader().feed(bytes)?.head;
}

export interface HeadReader {
  /**
   * Takes the bytes that come next. Gives the head when they end it, and what follows it in them; throws
   * `backup_corrupt`. Entry by entry, so that a long table of contents is read once and never held as a whole.
   */
  feed(bytes: Uint8Array): { readonly head: ArchiveHead; readonly rest: Uint8Array } | undefined;
}

export function openHeadReader(): HeadReader {
  let pending: Uint8Array[] = [];
  let [pendingBytes, wantedBytes, readBytes] = [0, 0, 0];
  let start: HeadStart | undefined;
  let decoder: TextDecoder | undefined;
  const entries: TocEntry[] = [];
  const known = new Map<string, string>();
  const once = (text: string): string => {
    const same = known.get(text);
    if (same === undefined) known.set(text, text);
    return same ?? text;
  };

  /** The place up to which whole pieces were read. */
  function readPieces(bytes: Buffer): number {
    let cursor = openCursor(bytes, start === undefined ? 11 : 0, start?.intBytes ?? intBytesOf(bytes), decoder);
    let done = 0;
    try {
      if (start === undefined) {
        start = readStart(bytes, cursor);
        done = cursor.position();
      }
      while (entries.length < start.count) {
        const entry = readEntry(cursor, start, once);
        entries.push(entry);
        done = cursor.position();
        if (entry.kind !== "ENCODING") continue;
        // Names are in the encoding of the dump, which an entry before all of them tells.
        decoder = findDecoder(entry.definition);
        cursor = openCursor(bytes, done, start.intBytes, decoder);
      }
    } catch (error) {
      if (error !== moreNeeded) throw error;
      wantedBytes = cursor.wantedBytes() - done;
    }
    return done;
  }

  return {
    feed(chunk) {
      pending.push(chunk);
      pendingBytes += chunk.length;
      if (pendingBytes < Math.max(wantedBytes, shortestHeadBytes * Number(start === undefined))) {
        pending[pending.length - 1] = new Uint8Array(chunk);
        return undefined;
      }
      const [first] = pending;
      const bytes =
        pending.length === 1 ? Buffer.from(first!.buffer, first!.byteOffset, first!.length) : Buffer.concat(pending);
      const done = readPieces(bytes);
      readBytes += done;
      if (start === undefined || entries.length < start.count) {
        pending = [new Uint8Array(bytes.subarray(done))];
        pendingBytes -= done;
        return undefined;
      }
      const { database, serverVersion, toolVersion, intBytes } = start;
      const name = decoder === undefined ? database.toString("utf8") : decoder.decode(database);
      const head = { database: name, serverVersion, toolVersion, entries, sizeBytes: readBytes, intBytes };
      return { head, rest: bytes.subarray(done) };
    },
  };
}

function findDecoder(statement: string): TextDecoder | undefined {
  const encoding = /'([^']*)'/.exec(statement)?.[1] ?? "UTF8";
  if (encoding === "UTF8" || encoding === "SQL_ASCII") return undefined;
  const label = encoding
    .toLowerCase()
    .replace(/^win(?=\d)/, "windows-")
    .replace(/^iso_(?=\d)/, "iso-")
    .replace(/^koi8r$/, "koi8-r")
    .replace(/^koi8u$/, "koi8-u")
    .replaceAll("_", "-");
  try {
    return new TextDecoder(label as Bun.Encoding);
  } catch {
    // One that only PostgreSQL knows: names outside ASCII cannot be matched then, the data is not touched.
    return undefined;
  }
}

interface HeadStart {
  readonly version: number;
  readonly format: number;
  readonly intBytes: number;
  readonly offsetBytes: number;
  readonly database: Buffer;
  readonly serverVersion: string;
  readonly toolVersion: string;
  readonly count: number;
}

const shortestHeadBytes = 11;

function intBytesOf(bytes: Uint8Array): number {
  if (Buffer.from(bytes.subarray(0, 5)).toString("latin1") !== "PGDMP") throw corrupt("does not begin with PGDMP");
  const version = bytes[5]! * 256 + bytes[6]!;
  if (version < oldestVersion || version > newestVersion) {
    const found = `${bytes[5]}.${bytes[6]}`;
    throw new AppError("unsupported", `the PostgreSQL archive has format ${found}, 1.12 to 1.16 are known`);
  }
  const [intBytes, offsetBytes] = [bytes[8]!, bytes[9]!];
  if (intBytes < 2 || intBytes > 8 || offsetBytes > 16) throw corrupt("has a head that cannot be read");
  return intBytes;
}

function readStart(bytes: Buffer, cursor: Cursor): HeadStart {
  const version = bytes[5]! * 256 + bytes[6]!;
  if (version >= 0x01_0f) cursor.byte();
  else cursor.int();
  for (let field = 0; field < 7; field++) cursor.int();
  const { from, to } = cursor.skipText();
  const database = Buffer.from(bytes.subarray(from, Math.max(from, to)));
  const serverVersion = cursor.text() ?? "";
  const toolVersion = cursor.text() ?? "";
  const count = cursor.int();
  if (count < 0) throw corrupt("has a table of contents that cannot be read");
  const [intBytes, offsetBytes, format] = [bytes[8]!, bytes[9]!, bytes[10]!];
  return { version, format, intBytes, offsetBytes, database, serverVersion, toolVersion, count };
}

function readEntry(cursor: Cursor, start: HeadStart, once: (text: string) => string): TocEntry {
  const { version, format } = start;
  const shared = (text: string | null): string | null => (text === null || text === "" ? null : once(text));
  const dumpId = cursor.int();
  const hasData = cursor.int() !== 0;
  cursor.skipText(); // oid of the catalogue
  cursor.skipText(); // oid
  const name = once(cursor.text() ?? "");
  const kind = once(cursor.text() ?? "");
  cursor.int(); // section
  const definition = cursor.skipText();
  const drop = cursor.text() ?? "";
  cursor.skipText(); // copy statement
  const schema = shared(cursor.text());
  const tablespace = shared(cursor.text());
  if (version >= 0x01_0e) cursor.skipText(); // table access method
  if (version >= 0x01_10) cursor.int(); // relkind
  const owner = shared(cursor.text());
  cursor.skipText(); // with oids
  const dependsOn: number[] = [];
  for (let text = cursor.text(); text !== null; text = cursor.text()) dependsOn.push(Number(text));
  if (format === 1) cursor.skip(1 + start.offsetBytes);
  else if (format === 3 || format === 5) cursor.skipText(); // a directory's toc.dat says that it is a tar
  else throw corrupt(`has the format ${format}, which pg_restore does not read from a file`);
  const isDefined = definedKinds.has(kind) && definition.to >= 0;
  return {
    dumpId,
    kind,
    name,
    schema,
    owner,
    tablespace,
    definition: isDefined ? cursor.take(definition) : "",
    drop,
    hasData,
    dependsOn,
  };
}

/** Takes the head from a stream and gives the whole stream back, head included. */
export async function peekArchive(
  stream: ByteStream,
): Promise<{ readonly head: ArchiveHead; readonly stream: ByteStream }> {
  const source = stream[Symbol.asyncIterator]();
  const chunks: Uint8Array[] = [];
  const reader = openHeadReader();
  let length = 0;
  let head: ArchiveHead | undefined;
  try {
    while (head === undefined) {
      const next = await source.next();
      if (next.done) throw corrupt(length === 0 ? "is empty" : "ends within its table of contents");
      chunks.push(next.value);
      length += next.value.length;
      head = reader.feed(next.value)?.head;
      if (length > maximumHeadBytes) throw corrupt("has a table of contents that does not end");
    }
  } catch (error) {
    await source.return?.();
    throw error;
  }
  async function* replay(): ByteStream {
    try {
      yield* chunks.splice(0);
      for (let next = await source.next(); !next.done; next = await source.next()) yield next.value;
    } finally {
      await source.return?.();
    }
  }
  return { head, stream: replay() };
}
