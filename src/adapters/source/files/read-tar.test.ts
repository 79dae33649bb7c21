import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { AppError } from "../../../domain/error.ts";
import { readTar } from "./read-tar.ts";
import { encodeSparseMap } from "./sparse-map.ts";
import { maxHeaderBytes, roundUp, writeHeader, type TarEntry } from "./tar-header.ts";

const plain: TarEntry = {
  type: "file",
  name: "a",
  linkName: "",
  mode: 0o644,
  uid: 0,
  gid: 0,
  userName: "root",
  groupName: "root",
  sizeBytes: 0,
  modifiedNs: 0n,
  device: { major: 0, minor: 0 },
};

function pack(entry: Partial<TarEntry>, content: Uint8Array = new Uint8Array(0)): Buffer {
  const full = { ...plain, ...entry, sizeBytes: entry.sizeBytes ?? content.length };
  const header = Buffer.alloc(maxHeaderBytes(full));
  const length = writeHeader(header, 0, full);
  const padding = Buffer.alloc(roundUp(content.length) - content.length);
  return Buffer.concat([header.subarray(0, length), content, padding]);
}

const end = Buffer.alloc(1024);

async function* chunked(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

interface Seen {
  readonly entry: TarEntry;
  readonly content: Buffer;
  readonly realBytes: number;
}

async function readAll(bytes: Uint8Array, chunkBytes = 700): Promise<Seen[]> {
  const seen: Seen[] = [];
  for await (const member of readTar(chunked(bytes, chunkBytes))) {
    const parts: Uint8Array[] = [];
    for await (const part of member.content()) parts.push(Buffer.from(part));
    seen.push({ entry: member.entry, content: Buffer.concat(parts), realBytes: member.realBytes });
  }
  return seen;
}

async function expectDamage(bytes: Uint8Array): Promise<AppError> {
  const error = (await readAll(bytes).catch((caught: unknown) => caught)) as AppError;
  expect(error.code).toBe("backup_corrupt");
  return error;
}

test("any entry comes back as it was written, in chunks of any size", async () => {
  const bytes = fc.uint8Array({ maxLength: 2_000 });
  const name = fc
    .array(fc.integer({ min: 1, max: 255 }), { minLength: 1, maxLength: 300 })
    .map((codes) => String.fromCharCode(...codes).replaceAll("/", "x"));
  const entry = fc.record({
    name,
    mode: fc.integer({ min: 0, max: 0o7777 }),
    uid: fc.integer({ min: 0, max: 0xffff_fffe }),
    gid: fc.integer({ min: 0, max: 0xffff_fffe }),
    userName: fc.oneof(fc.constant(""), fc.constant("user"), fc.constant("n".repeat(40)), fc.constant("\xc3\xbc")),
    modifiedNs: fc.bigInt({ min: -(10n ** 18n), max: 4n * 10n ** 19n }),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(entry, bytes), { maxLength: 4 }),
      fc.integer({ min: 1, max: 3_000 }),
      async (members, size) => {
        const archive = Buffer.concat([...members.map(([fields, content]) => pack(fields, content)), end]);
        const seen = await readAll(archive, size);
        expect(seen.map(({ entry: read, content }) => [read, content.toString("hex")])).toEqual(
          members.map(([fields, content]) => [
            { ...plain, ...fields, sizeBytes: content.length },
            Buffer.from(content).toString("hex"),
          ]),
        );
      },
    ),
    { numRuns: 150 },
  );
});

test("links, devices and directories keep what they are", async () => {
  const archive = Buffer.concat([
    pack({ type: "directory", name: "d" }),
    pack({ type: "symlink", name: "s", linkName: "l".repeat(200) }),
    pack({ type: "link", name: "h", linkName: "a" }),
    pack({ type: "block", name: "b", device: { major: 259, minor: 1_000_000 } }),
    pack({ type: "fifo", name: "f" }),
    end,
  ]);
  const seen = (await readAll(archive)).map(({ entry }) => entry);
  expect(seen.map((entry) => [entry.type, entry.name, entry.linkName])).toEqual([
    ["directory", "d/", ""],
    ["symlink", "s", "l".repeat(200)],
    ["link", "h", "a"],
    ["block", "b", ""],
    ["fifo", "f", ""],
  ]);
  expect(seen[3]!.device).toEqual({ major: 259, minor: 1_000_000 });
});

test("a size beyond 8 GiB is in the header and in the extended header", async () => {
  const sizeBytes = 20 * 1024 ** 3;
  const header = pack({ sizeBytes });
  let read: TarEntry | undefined;
  await expect(
    (async () => {
      for await (const member of readTar(chunked(header, 512))) read = member.entry;
    })(),
  ).rejects.toMatchObject({ code: "backup_corrupt" });
  expect(read?.sizeBytes).toBe(sizeBytes);
});

describe("damage", () => {
  const archive = Buffer.concat([
    pack({ name: "a" }, Buffer.alloc(1_000, 1)),
    pack({ name: "b", modifiedNs: 1n }),
    end,
  ]);

  test("every cut is noticed", async () => {
    for (let length = 0; length < archive.length; length += 37) await expectDamage(archive.subarray(0, length));
    await expectDamage(archive.subarray(0, archive.length - 1));
  });

  test("every flipped byte of a header is noticed", async () => {
    for (let at = 0; at < 512; at++) {
      if (at === 155) continue; // The blank after the checksum means nothing.
      const flipped = Buffer.from(archive);
      flipped[at]! ^= 0x15;
      await expectDamage(flipped);
    }
  });

  test("bytes after the end are noticed, zeros are not", async () => {
    expect(await readAll(Buffer.concat([archive, Buffer.alloc(9_000)]))).toHaveLength(2);
    await expectDamage(Buffer.concat([archive, Buffer.alloc(600), Buffer.from("x")]));
    await expectDamage(Buffer.concat([archive, archive]));
  });

  test("an empty stream is no archive, and an archive of nothing is one", async () => {
    await expectDamage(new Uint8Array(0));
    expect(await readAll(end)).toEqual([]);
  });

  test("extended headers are not believed: length, numbers, times and size", async () => {
    const pax = (records: string): Buffer => {
      const body = Buffer.from(records, "latin1");
      const header = Buffer.alloc(512);
      writeHeader(header, 0, { ...plain, name: "pax", sizeBytes: body.length });
      header.write("x", 156, "latin1");
      header.fill(0x20, 148, 156);
      let sum = 0;
      for (const byte of header) sum += byte;
      header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
      return Buffer.concat([header, body, Buffer.alloc(roundUp(body.length) - body.length)]);
    };
    const record = (key: string, value: string): string => {
      const rest = key.length + value.length + 3;
      return `${rest + String(rest + 2).length} ${key}=${value}\n`;
    };
    for (const records of [
      "99 path=a\n",
      "0 path=a\n",
      "x path=a\n",
      "9 path=a",
      "6 pa=a\n9 path=b\n",
      record("size", "-1"),
      record("size", "1e3"),
      record("size", "99999999999999999"),
      record("mtime", "soon"),
      record("uid", "root"),
    ])
      await expectDamage(Buffer.concat([pax(records), pack({}), end]));
    expect((await readAll(Buffer.concat([pax(record("path", "other")), pack({}), end])))[0]!.entry.name).toBe("other");
    await expectDamage(Buffer.concat([pax(record("path", "a".repeat(2_000_000))), pack({}), end]));
  });

  test("a member of a type that we cannot restore is refused, not skipped", async () => {
    const odd = pack({ name: "odd" });
    odd.write("V", 156, "latin1");
    odd.fill(0x20, 148, 156);
    let sum = 0;
    for (const byte of odd.subarray(0, 512)) sum += byte;
    odd.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
    expect((await expectDamage(Buffer.concat([odd, end]))).message).toContain("unknown type");
  });
});

describe("sparse members", () => {
  const pieces = [
    { offset: 4_096, length: 100 },
    { offset: 1_000_000, length: 4_096 },
  ];

  function packSparse(map: Buffer, dataBytes: number, realBytes: number): Buffer {
    return Buffer.concat([
      pack({ name: "sparse", sparseRealBytes: realBytes }, Buffer.concat([map, Buffer.alloc(dataBytes, 5)])),
      end,
    ]);
  }

  test("come back with their pieces and real size", async () => {
    for await (const member of readTar(
      chunked(packSparse(encodeSparseMap(pieces, 2_000_000), 4_196, 2_000_000), 999),
    )) {
      expect(member.entry.name).toBe("sparse");
      expect(member.realBytes).toBe(2_000_000);
      expect(member.pieces).toEqual([...pieces, { offset: 2_000_000, length: 0 }]);
    }
  });

  test("a map that does not fit is damage", async () => {
    const map = encodeSparseMap(pieces, 2_000_000);
    await expectDamage(packSparse(map, 4_195, 2_000_000));
    await expectDamage(packSparse(map, 4_196, 1_000_000));
    await expectDamage(packSparse(encodeSparseMap(pieces.toReversed(), 2_000_000), 4_196, 2_000_000));
    await expectDamage(packSparse(Buffer.from(`9999999\n${"1\n".repeat(251)}`.padEnd(512, "\0")), 0, 2_000_000));
    await expectDamage(packSparse(Buffer.alloc(512, 0x31), 0, 2_000_000));
  });
});
