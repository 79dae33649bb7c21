import { expect, test } from "bun:test";
import fc from "fast-check";
import { AppError } from "../../../domain/error.ts";
import { type ArchiveHead, openHeadReader, parseArchiveHead, peekArchive } from "./archive-toc.ts";
import { checkArchive, walkBlocks } from "./archive-walk.ts";
import { readToEnd } from "./read-to-end.ts";

const int = (value: number): Buffer => {
  const bytes = Buffer.alloc(5);
  bytes[0] = value < 0 ? 1 : 0;
  bytes.writeUInt32LE(Math.abs(value), 1);
  return bytes;
};
const text = (value: string | null): Buffer =>
  value === null ? int(-1) : Buffer.concat([int(Buffer.byteLength(value)), Buffer.from(value)]);

interface Entry {
  readonly id: number;
  readonly kind: string;
  readonly name: string;
  readonly hasData: boolean;
  readonly dependsOn: readonly number[];
  readonly definition?: string;
}

/** A head in custom format, as pg_dump of the given format version writes it. */
function archiveHead(minor: number, entries: readonly Entry[]): Buffer {
  const parts: Buffer[] = [Buffer.from("PGDMP"), Buffer.from([1, minor, 0, 4, 8, 1])];
  parts.push(minor >= 15 ? Buffer.from([0]) : int(0));
  for (let field = 0; field < 7; field++) parts.push(int(field));
  parts.push(text("shöp"), text("15.18"), text("15.18 (Debian)"), int(entries.length));
  for (const entry of entries) {
    parts.push(int(entry.id), int(entry.hasData ? 1 : 0), text("0"), text("0"), text(entry.name), text(entry.kind));
    parts.push(int(2), text(entry.definition ?? "CREATE x"), text("DROP x"), text(null), text("public"), text(""));
    if (minor >= 14) parts.push(text("heap"));
    if (minor >= 16) parts.push(int(114));
    parts.push(text("owner"), text("false"), ...entry.dependsOn.map((id) => text(String(id))), text(null));
    parts.push(Buffer.from([2]), Buffer.alloc(8));
  }
  return Buffer.concat(parts);
}

const entries: readonly Entry[] = [
  { id: 1, kind: "TABLE", name: 'we"ird\nname', hasData: false, dependsOn: [] },
  { id: 2, kind: "TABLE DATA", name: 'we"ird\nname', hasData: true, dependsOn: [1] },
  { id: 3, kind: "BLOBS", name: "BLOBS", hasData: true, dependsOn: [] },
];
const row = (length: number): Buffer => Buffer.concat([int(length), Buffer.alloc(length, 120)]);
const body = Buffer.concat([
  Buffer.concat([Buffer.from([1]), int(2), row(10), row(70_000), row(1), int(0)]),
  Buffer.concat([Buffer.from([3]), int(3), int(900), row(20), int(0), int(901), int(0), int(0)]),
]);

async function* cutAt(bytes: Uint8Array, cuts: readonly number[]) {
  let from = 0;
  for (const cut of [...cuts.map((at) => at % (bytes.length + 1)).toSorted((a, b) => a - b), bytes.length]) {
    if (cut > from) yield bytes.subarray(from, cut);
    from = Math.max(from, cut);
  }
}

async function gather(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

for (const minor of [12, 13, 14, 15, 16]) {
  test(`the head of format 1.${minor} is read with exact names`, () => {
    const bytes = archiveHead(minor, entries);
    const head = parseArchiveHead(Buffer.concat([bytes, body]));
    expect(head).toMatchObject({ database: "shöp", serverVersion: "15.18", toolVersion: "15.18 (Debian)" });
    expect(head?.sizeBytes).toBe(bytes.length);
    expect(head?.entries.map((entry) => entry.name)).toEqual(entries.map((entry) => entry.name));
    expect(head?.entries[1]).toMatchObject({ kind: "TABLE DATA", schema: "public", owner: "owner", dependsOn: [1] });
  });

  test(`every beginning of a head of format 1.${minor} asks for more`, () => {
    const bytes = archiveHead(minor, entries);
    for (let length = 0; length < bytes.length; length++)
      expect(parseArchiveHead(bytes.subarray(0, length))).toBeUndefined();
  });
}

test("something else is not an archive, and a newer format is named", () => {
  expect(() => parseArchiveHead(Buffer.from("-- PostgreSQL database dump"))).toThrow(AppError);
  expect(() => parseArchiveHead(archiveHead(17, entries))).toThrow("format 1.17");
});

test("looking at the head gives the whole stream back", async () => {
  const whole = Buffer.concat([archiveHead(14, entries), body]);
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(100_000), { maxLength: 30 }), async (cuts) => {
      const { head, stream } = await peekArchive(cutAt(whole, cuts));
      expect(head.entries).toHaveLength(3);
      expect((await gather(stream)).equals(whole)).toBe(true);
    }),
  );
});

test("a long table of contents is read once, in whatever pieces it comes, and its definitions are not kept", () => {
  const definition = "CREATE TABLE x (".padEnd(3000, "y");
  const many = Array.from({ length: 5000 }, (_, at) => {
    return { id: at + 1, kind: "TABLE", name: `table ${at}`, hasData: false, dependsOn: [at], definition };
  });
  const whole = archiveHead(14, [...many, { ...many[0]!, id: 5001, definition: "z".repeat(5_000_000) }]);
  const reader = openHeadReader();
  const startedAt = performance.now();
  let read: ReturnType<typeof reader.feed>;
  const reused = Buffer.alloc(700);
  let at = 0;
  for (; read === undefined; at += reused.length) {
    const piece = whole.subarray(at, at + reused.length);
    piece.copy(reused);
    read = reader.feed(reused.subarray(0, piece.length));
  }
  expect(at).toBeGreaterThanOrEqual(whole.length);
  expect(read.head.entries).toHaveLength(5001);
  expect(read.head.entries[4999]).toMatchObject({ dumpId: 5000, name: "table 4999", dependsOn: [4999] });
  expect(read.head.sizeBytes).toBe(whole.length);
  expect(JSON.stringify(read.head).length).toBeLessThan(whole.length / 10);
  expect(performance.now() - startedAt).toBeLessThan(5000);
});

test("names are read in the encoding that the archive tells", () => {
  const encoding = { id: 1, kind: "ENCODING", name: "ENCODING", hasData: false, dependsOn: [] };
  const definition = "SET client_encoding = 'WIN1252';\n";
  const bytes = archiveHead(14, [
    { ...encoding, definition },
    { ...entries[0]!, name: "Gr0sse" },
  ]);
  const latin = Buffer.from(bytes.toString("latin1").replace("Gr0sse", "Gr\u00f6sse"), "latin1");
  expect(parseArchiveHead(latin)?.entries[1]?.name).toBe("Grösse");
});

test("a complete archive passes the walk, however it is cut into chunks", async () => {
  const whole = Buffer.concat([archiveHead(14, entries), body]);
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(100_000), { maxLength: 30 }), async (cuts) => {
      expect((await gather(checkArchive(cutAt(whole, cuts), "source_failed", "it"))).equals(whole)).toBe(true);
    }),
  );
});

test("no beginning of an archive passes the walk", async () => {
  const head = archiveHead(14, entries);
  const whole = Buffer.concat([head, body]);
  const parsed = parseArchiveHead(head) as ArchiveHead;
  for (
    let length = head.length;
    length < whole.length;
    length += length > head.length + 60 && length < whole.length - 60 ? 997 : 1
  ) {
    const walk = walkBlocks(parsed);
    walk.feed(whole.subarray(head.length, length));
    expect(walk.findGap()).not.toBeNull();
  }
  for (const length of [0, 4, 5, 20, head.length - 1, head.length, whole.length - 1]) {
    await expect(
      gather(checkArchive(cutAt(whole.subarray(0, length), []), "source_failed", "it")),
    ).rejects.toMatchObject({
      code: "source_failed",
    });
  }
});

test("bytes behind the end, a block twice and an unknown block do not pass the walk", async () => {
  const head = parseArchiveHead(archiveHead(14, entries)) as ArchiveHead;
  const gapOf = (bytes: Buffer): string | null => {
    const walk = walkBlocks(head);
    walk.feed(bytes);
    return walk.findGap();
  };
  expect(gapOf(body)).toBeNull();
  expect(gapOf(Buffer.concat([body, Buffer.from([0])]))).toContain("unknown type 0");
  expect(gapOf(Buffer.concat([body, body]))).toContain("not in the table of contents");
  expect(gapOf(Buffer.concat([body.subarray(0, 0), Buffer.from([1]), int(9), int(0)]))).toContain("data block 9");
});

test("what a program leaves unread is read, and an error there wins", async () => {
  let ended = false;
  async function* source() {
    yield new Uint8Array(1);
    yield new Uint8Array(1);
    ended = true;
  }
  await readToEnd(source(), async (stream) => {
    for await (const _ of stream) break;
  });
  expect(ended).toBe(true);
  async function* failing() {
    yield new Uint8Array(1);
    throw new AppError("backup_corrupt", "the hash differs");
  }
  const reading = readToEnd(failing(), async (stream) => {
    for await (const _ of stream) break;
  });
  await expect(reading).rejects.toThrow("the hash differs");
});
