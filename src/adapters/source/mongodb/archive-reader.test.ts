// Archives made by hand: every way in which one can be cut or changed is seen.

import { expect, test } from "bun:test";
import { BSON } from "mongodb";
import { createArchiveReader } from "./archive-reader.ts";
import { createCrc64 } from "./crc64.ts";

const terminator = Buffer.from([0xff, 0xff, 0xff, 0xff]);
const bson = (value: object): Buffer => Buffer.from(BSON.serialize(value));
const magic = Buffer.from([0x6d, 0xe2, 0x99, 0x81]);
const header = bson({
  concurrent_collections: new BSON.Int32(4),
  version: "0.1",
  server_version: "7.0.2",
  tool_version: "100.9.0",
});

const describe = (collection: string, type = ""): Buffer =>
  bson({ db: "shop", collection, metadata: "{}", size: new BSON.Int32(0), type });

const block = (collection: string, ...documents: Buffer[]): Buffer =>
  Buffer.concat([bson({ db: "shop", collection, EOF: false, CRC: new BSON.Long(0) }), ...documents, terminator]);

function checksum(bytes: Uint8Array): bigint {
  const crc = createCrc64();
  crc.update(bytes, 0, bytes.length);
  return crc.value();
}

const end = (collection: string, ...documents: Buffer[]): Buffer => {
  const crc = BSON.Long.fromBigInt(BigInt.asIntN(64, checksum(Buffer.concat(documents))));
  return Buffer.concat([bson({ db: "shop", collection, EOF: true, CRC: crc }), terminator]);
};

const one = bson({ _id: 1, text: "ü".repeat(300) });
const two = bson({ _id: 2 });
const three = bson({ _id: 3, list: [1, 2, 3] });
/** Blocks of two collections take turns, a view has no block, an empty collection only an end. */
const pieces = [
  Buffer.concat([magic, header, describe("a"), describe("b"), describe("none"), describe("v", "view"), terminator]),
  block("a", one, two),
  block("b", three),
  block("a", three),
  end("a", one, two, three),
  end("none"),
  end("b", three),
];
const whole = Buffer.concat(pieces);

function read(bytes: Uint8Array, chunkBytes = bytes.length, checksums = true): ReadonlyMap<string, number> {
  const reader = createArchiveReader({ checksums, fail: (problem) => new Error(problem) });
  for (let at = 0; at < bytes.length; at += chunkBytes) reader.push(bytes.subarray(at, at + chunkBytes));
  return reader.end();
}

test("the checksum is that of CRC-64/XZ, whatever the length of the pieces", () => {
  const text = Buffer.from("123456789");
  expect(checksum(text)).toBe(0x995dc9bbdf1939fan);
  const long = Buffer.from(Array.from({ length: 5_000 }, (_, i) => (i * 7) & 255));
  const crc = createCrc64();
  for (let at = 0; at < long.length; at += 13) crc.update(long, at, Math.min(at + 13, long.length));
  expect(crc.value()).toBe(checksum(long));
});

test.each([1, 2, 3, 7, 64, 1_000, whole.length])("documents are counted in chunks of %i bytes", (chunkBytes) => {
  expect(read(whole, chunkBytes)).toEqual(
    new Map([
      ["shop.a", 3],
      ["shop.b", 1],
      ["shop.none", 0],
    ]),
  );
});

test("the prelude tells versions, collections and its own length", () => {
  const reader = createArchiveReader({ checksums: false, fail: (problem) => new Error(problem) });
  for (const byte of pieces[0]!.subarray(0, -1)) reader.push(Uint8Array.of(byte));
  expect(reader.prelude()).toBeUndefined();
  reader.push(Uint8Array.of(0xff, 0x10));
  expect(reader.prelude()).toMatchObject({ serverVersion: "7.0.2", toolVersion: "100.9.0", bytes: pieces[0]!.length });
  expect(reader.prelude()?.collections.map(({ collection, type }) => [collection, type])).toEqual([
    ["a", ""],
    ["b", ""],
    ["none", ""],
    ["v", "view"],
  ]);
});

test("an archive that was cut anywhere is not whole", () => {
  for (let bytes = 0; bytes < whole.length; bytes++) {
    expect(() => read(whole.subarray(0, bytes)), `${bytes} bytes`).toThrow();
    expect(() => read(whole.subarray(0, bytes), 50, false), `${bytes} bytes`).toThrow();
  }
});

test("a changed bit of any document is seen by its collection's checksum", () => {
  const places = [one, two, three].flatMap((document) => {
    const from = whole.indexOf(document);
    return Array.from(document, (_, i) => from + i);
  });
  for (const at of places) {
    const changed = Buffer.from(whole);
    changed[at]! ^= 4;
    expect(() => read(changed), `byte ${at}`).toThrow();
  }
});

test.each([
  ["another beginning", Buffer.concat([Buffer.from("PGDM"), whole.subarray(4)]), /does not begin/],
  ["two ends of a block", Buffer.concat([whole, terminator]), /no header/],
  ["bytes after the end", Buffer.concat([whole, Buffer.from([9])]), /middle of a block/],
  ["documents after the end of their collection", Buffer.concat([whole, block("a", two)]), /goes on after its end/],
  ["a collection that the beginning does not name", Buffer.concat([whole, block("x", two)]), /does not name/],
  [
    "documents out of order",
    Buffer.concat([pieces[0]!, block("b", three), block("a", two, one), block("a", three), ...pieces.slice(4)]),
    /checksum/,
  ],
  [
    "an end of a collection that is missing",
    Buffer.concat([pieces[0]!, ...pieces.slice(1, 6)]),
    /end of collection "shop.b"/,
  ],
  ["a length that no document has", Buffer.concat([whole, Buffer.from([4, 0, 0, 0])]), /neither/],
  ["a length above the largest document", Buffer.concat([whole, Buffer.from([0, 0, 0, 2])]), /neither/],
  [
    "documents in an end mark",
    Buffer.concat([pieces[0]!, end("none").subarray(0, -4), two, terminator]),
    /in the end mark/,
  ],
  ["a header that is no document", Buffer.concat([magic, Buffer.from([8, 0, 0, 0, 0x99, 1, 1, 1])]), /cannot be read/],
  ["nothing", Buffer.alloc(0), /empty/],
])("%s is a damage", (_, bytes, message) => {
  expect(() => read(bytes)).toThrow(message);
});

test("a time series ends as its buckets", () => {
  const prelude = Buffer.concat([magic, header, describe("t", "timeseries"), terminator]);
  expect(read(Buffer.concat([prelude, end("system.buckets.t")]))).toEqual(new Map([["shop.system.buckets.t", 0]]));
  expect(() => read(prelude)).toThrow(/system\.buckets\.t/);
});
