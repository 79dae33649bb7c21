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
const moreNeeded = new Error("the archive's head goes on");

interface Cursor {
  byte(): number;
  int(): number;
  text(): string | null;
  skip(bytes: number): void;
  position(): number;
}

function corrupt(what: string): AppError {
  return new AppError("backup_corrupt", `the PostgreSQL archive ${what}`);
}

function openCursor(bytes: Uint8Array, start: number, intBytes: number, decoder: TextDecoder): Cursor {
  let at = start;
  function take(length: number): Uint8Array {
    if (at + length > bytes.length) throw moreNeeded;
    at += length;
    return bytes.subarray(at - length, at);
  }
  function int(): number {
    const negative = take(1)[0] !== 0;
    const value = take(intBytes).reduceRight((sum, byte) => sum * 256 + byte, 0);
    return negative ? -value : value;
  }
  return {
    byte: () => take(1)[0]!,
    int,
    text() {
      const length = int();
      if (length < 0) return null;
      if (length > maximumHeadBytes) throw corrupt("has a table of contents that cannot be read");
      return decoder.decode(take(length));
    },
    skip: (length) => void take(length),
    position: () => at,
  };
}

/** Throws `backup_corrupt`; undefined when the bytes are a beginning that is not long enough yet. */
export function parseArchiveHead(bytes: Uint8Array): ArchiveHead | undefined {
  try {
    const head = readHead(bytes, new TextDecoder());
    const decoder = findDecoder(head.entries);
    return decoder === undefined ? head : readHead(bytes, decoder);
  } catch (error) {
    if (error === moreNeeded) return undefined;
    throw error;
  }
}

/** Names are in the encoding of the dump, which the table of contents itself names. */
function findDecoder(entries: readonly TocEntry[]): TextDecoder | undefined {
  const statement = entries.find((entry) => entry.kind === "ENCODING")?.definition ?? "";
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

function readHead(bytes: Uint8Array, decoder: TextDecoder): ArchiveHead {
  if (bytes.length < 11) throw moreNeeded;
  if (Buffer.from(bytes.subarray(0, 5)).toString("latin1") !== "PGDMP") throw corrupt("does not begin with PGDMP");
  const version = bytes[5]! * 256 + bytes[6]!;
  if (version < oldestVersion || version > newestVersion) {
    const found = `${bytes[5]}.${bytes[6]}`;
    throw new AppError("unsupported", `the PostgreSQL archive has format ${found}, 1.12 to 1.16 are known`);
  }
  const [intBytes, offsetBytes, format] = [bytes[8]!, bytes[9]!, bytes[10]!];
  if (intBytes < 2 || intBytes > 8 || offsetBytes > 16) throw corrupt("has a head that cannot be read");
  const cursor = openCursor(bytes, 11, intBytes, decoder);
  if (version >= 0x01_0f) cursor.byte();
  else cursor.int();
  for (let field = 0; field < 7; field++) cursor.int();
  const database = cursor.text() ?? "";
  const serverVersion = cursor.text() ?? "";
  const toolVersion = cursor.text() ?? "";
  const count = cursor.int();
  if (count < 0) throw corrupt("has a table of contents that cannot be read");
  const entries: TocEntry[] = [];
  for (let index = 0; index < count; index++) {
    entries.push(readEntry(cursor, version));
    if (format === 1) cursor.skip(1 + offsetBytes);
    else if (format === 3 || format === 5) cursor.text(); // a directory's toc.dat says that it is a tar
    else throw corrupt(`has the format ${format}, which pg_restore does not read from a file`);
  }
  return { database, serverVersion, toolVersion, entries, sizeBytes: cursor.position(), intBytes };
}

function readEntry(cursor: Cursor, version: number): TocEntry {
  const dumpId = cursor.int();
  const hasData = cursor.int() !== 0;
  cursor.text(); // oid of the catalogue
  cursor.text(); // oid
  const name = cursor.text() ?? "";
  const kind = cursor.text() ?? "";
  cursor.int(); // section
  const definition = cursor.text() ?? "";
  const drop = cursor.text() ?? "";
  cursor.text(); // copy statement
  const schema = cursor.text();
  const tablespace = cursor.text();
  if (version >= 0x01_0e) cursor.text(); // table access method
  if (version >= 0x01_10) cursor.int(); // relkind
  const owner = cursor.text();
  cursor.text(); // with oids
  const dependsOn: number[] = [];
  for (let text = cursor.text(); text !== null; text = cursor.text()) dependsOn.push(Number(text));
  return {
    dumpId,
    kind,
    name,
    schema: emptyAsNull(schema),
    owner: emptyAsNull(owner),
    tablespace: emptyAsNull(tablespace),
    definition,
    drop,
    hasData,
    dependsOn,
  };
}

function emptyAsNull(text: string | null): string | null {
  return text === "" ? null : text;
}

/** Takes the head from a stream and gives the whole stream back, head included. */
export async function peekArchive(
  stream: ByteStream,
): Promise<{ readonly head: ArchiveHead; readonly stream: ByteStream }> {
  const source = stream[Symbol.asyncIterator]();
  const chunks: Uint8Array[] = [];
  let [length, triedAt] = [0, 0];
  let head: ArchiveHead | undefined;
  try {
    while (head === undefined) {
      const next = await source.next();
      if (!next.done) {
        chunks.push(next.value);
        length += next.value.length;
        // Parsing again only after the bytes have doubled keeps the work linear.
        if (length < triedAt * 2) continue;
      }
      triedAt = length;
      head = parseArchiveHead(Buffer.concat(chunks));
      if (head === undefined && next.done)
        throw corrupt(length === 0 ? "is empty" : "ends within its table of contents");
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
