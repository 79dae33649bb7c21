import { expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { manifest as sample } from "../../../tests/support/sample-manifest.ts";
import type { Manifest } from "../../domain/backup/manifest.ts";
import { formatManifest, parseManifest } from "../../domain/backup/parse-manifest.ts";
import { sniffPayload } from "../../domain/backup/sniff-payload.ts";
import { AppError } from "../../domain/error.ts";
import { inChunks, readAll, samplePlain } from "../../ports/codec.contract.ts";
import { codecs } from "../codec/index.ts";
import { openBundle } from "./read-bundle.ts";
import { formatTarHeader, parsePax, parseTarHeader } from "./tar-header.ts";
import { bundlePath, writeBundle } from "./write-bundle.ts";

const database = samplePlain(100_003);
const documents = samplePlain(512, 2);
const manifest: Manifest = {
  ...sample,
  parts: [
    { ...sample.parts[0]!, plainBytes: database.length },
    {
      ...sample.parts[0]!,
      name: "assets",
      format: "files.tar",
      key: `${sample.stem}.files.tar`,
      plainBytes: documents.length,
    },
  ],
};
const contents: Readonly<Record<string, Uint8Array>> = { database, assets: documents };

async function tarOf(content: Manifest = manifest, parts = contents): Promise<Uint8Array> {
  const bundle = writeBundle({
    manifest: content,
    gzip: codecs.gzip,
    openPart: ({ name }) => inChunks(parts[name]!, 777),
  });
  return readAll(codecs.gzip.decompress(bundle));
}

/** Everything in a bundle, fully read: path → hash. */
async function unpack(tar: Uint8Array, chunkBytes = 1000): Promise<{ text: string; files: Record<string, string> }> {
  const bundle = await openBundle(inChunks(tar, chunkBytes));
  const files: Record<string, string> = {};
  for await (const member of bundle.members()) {
    const content = await readAll(member.stream);
    expect(content.length).toBe(member.sizeBytes);
    files[`${member.kind} ${member.path}`] = createHash("sha256").update(content).digest("hex");
  }
  return { text: bundle.manifestText, files };
}

async function refusal(tar: Uint8Array, limits?: Parameters<typeof openBundle>[1]): Promise<string> {
  try {
    const bundle = await openBundle(inChunks(tar, 700), limits);
    for await (const member of bundle.members()) await readAll(member.stream);
    return "accepted";
  } catch (error) {
    expect(error).toBeInstanceOf(AppError);
    expect((error as AppError).code).toBe("backup_corrupt");
    return (error as AppError).message;
  }
}

const end = new Uint8Array(1024);
const file = (path: string, content = "x"): Uint8Array[] => [
  formatTarHeader(path, content.length, 0),
  Buffer.from(content.padEnd(Math.ceil(content.length / 512) * 512, "\0")),
];
const bundleOf = (...members: Uint8Array[][]): Uint8Array =>
  Buffer.concat([...file("manifest.json", "{}"), ...members.flat(), end]);

/** A header with another type, or another field changed, and its check sum put right. */
function edited(header: Uint8Array, edit: (block: Buffer) => void): Uint8Array {
  const block = Buffer.from(header);
  edit(block);
  block.fill(0x20, 148, 156);
  block.write(
    `${block
      .reduce((sum, byte) => sum + byte, 0)
      .toString(8)
      .padStart(6, "0")}\0 `,
    148,
  );
  return block;
}

const sha = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

test("manifest, database and documents come back as they were, whatever the chunks", async () => {
  const tar = await tarOf();
  for (const chunkBytes of [1, 511, 512, 513, tar.length]) {
    const { text, files } = await unpack(tar, chunkBytes);
    expect(parseManifest(text)).toEqual(manifest);
    expect(text).toBe(formatManifest(manifest));
    expect(files).toEqual({
      "database database/database.dump": sha(database),
      "document documents/assets.files.tar": sha(documents),
    });
  }
});

test("a bundle is recognised by its first bytes", async () => {
  expect(sniffPayload((await tarOf()).subarray(0, 4096))).toEqual({ kind: "bundle" });
});

test("files go to documents, everything else to database", () => {
  expect(bundlePath({ name: "assets", format: "files.tar" })).toBe("documents/assets.files.tar");
  expect(bundlePath({ name: "globals", format: "globals.sql" })).toBe("database/globals.globals.sql");
});

test("a part that is longer or shorter than the manifest says ends the export", async () => {
  for (const wrong of [database.subarray(1), samplePlain(database.length + 1)]) {
    await expect(tarOf(manifest, { ...contents, database: wrong })).rejects.toMatchObject({ code: "backup_corrupt" });
  }
});

test("every cut is found", async () => {
  const tar = bundleOf(file("database/a", "hello"), file("documents/b", "x".repeat(513)));
  expect(await refusal(tar)).toBe("accepted");
  for (let length = 0; length < tar.length; length += 64) {
    expect([length, await refusal(tar.subarray(0, length))]).not.toEqual([length, "accepted"]);
  }
});

test("bytes after the end are found, zeros are not", async () => {
  const tar = bundleOf(file("database/a"));
  expect(await refusal(Buffer.concat([tar, new Uint8Array(9000)]))).toBe("accepted");
  expect(await refusal(Buffer.concat([tar, new Uint8Array(9000), Buffer.from("x")]))).toContain("something follows");
  const damagedEnd = Uint8Array.from(tar);
  damagedEnd[tar.length - 1] = 1;
  expect(await refusal(damagedEnd)).toContain("end mark");
});

test("paths that leave their place are refused", async () => {
  for (const path of [
    "../x",
    "database/../../x",
    "database/..",
    "database/./x",
    "database//x",
    "/database/x",
    "database",
    "documents",
    "documents\\..\\x",
    "documents/a\nb",
    "documents/\u007f",
    "etc/passwd",
    "databases/x",
    "manifest.json",
    "",
    `documents/${"a/".repeat(2100)}x`,
  ]) {
    expect([path, await refusal(bundleOf(file(path)))]).toEqual([
      path,
      expect.stringContaining("the bundle is refused"),
    ]);
  }
  expect(await refusal(bundleOf(file("./database/x"), file("documents/..x/y..")))).toBe("accepted");
});

test("links, devices, sparse files and unknown types are refused", async () => {
  for (const type of ["1", "2", "3", "4", "6", "S", "K", "D", "V", "z"]) {
    const [header, content] = file("documents/x") as [Uint8Array, Uint8Array];
    const member = [edited(header, (block) => block.write(type, 156)), content];
    expect(await refusal(bundleOf(member))).toContain("is no plain file");
  }
  for (const record of ["30 GNU.sparse.realsize=1000000\n", "22 linkpath=/etc/passwd\n"]) {
    const sized = `${record.length}${record.slice(2)}`;
    const [header, content] = file("pax", sized) as [Uint8Array, Uint8Array];
    const pax = [edited(header, (block) => block.write("x", 156)), content];
    expect(await refusal(bundleOf(pax, file("documents/x")))).toContain("a pax header holds");
  }
});

test("directories are passed over, and a file may not be there twice", async () => {
  const folder = [edited(formatTarHeader("documents/a/", 0, 0), (block) => block.write("5", 156))];
  const top = [edited(formatTarHeader("documents/", 0, 0), (block) => block.write("5", 156))];
  const tar = bundleOf(top, folder, file("documents/a/b"));
  expect(Object.keys((await unpack(tar)).files)).toEqual(["document documents/a/b"]);
  expect(await refusal(bundleOf(file("documents/a"), file("documents/a")))).toContain("twice");
  expect(await refusal(bundleOf(file("documents/a"), file("./documents/a")))).toContain("twice");
  const full = [edited(formatTarHeader("documents/a/", 5, 0), (block) => block.write("5", 156))];
  expect(await refusal(bundleOf(full))).toContain("has a content");
});

test("long names travel in a pax header and are read from GNU's form too", async () => {
  const path = `documents/${"ü".repeat(120)}/${"y".repeat(200)}`;
  expect(Object.keys((await unpack(bundleOf(file(path)))).files)).toEqual([`document ${path}`]);
  const [header, content] = file("././@LongLink", `${path}\0`) as [Uint8Array, Uint8Array];
  const gnu = [edited(header, (block) => block.write("L", 156)), content];
  gnu[0] = edited(gnu[0]!, (block) =>
    block.write(`${(Buffer.byteLength(path) + 1).toString(8).padStart(11, "0")}\0`, 124),
  );
  gnu[1] = Buffer.concat([Buffer.from(path), new Uint8Array(1024 - Buffer.byteLength(path))]).subarray(
    0,
    Math.ceil((Buffer.byteLength(path) + 1) / 512) * 512,
  );
  expect(Object.keys((await unpack(bundleOf(gnu, file("documents/short")))).files)).toEqual([`document ${path}`]);
  expect(await refusal(Buffer.concat([...file("manifest.json", "{}"), ...gnu, end]))).toContain("inside a member");
});

test("a prefix of the ustar form belongs to the name", async () => {
  const [header, content] = file("b.txt") as [Uint8Array, Uint8Array];
  const prefixed = edited(header, (block) => block.write("documents/a", 345));
  expect(Object.keys((await unpack(bundleOf([prefixed, content]))).files)).toEqual(["document documents/a/b.txt"]);
});

test("a header is laid out as ustar says", () => {
  const block = Buffer.from(formatTarHeader("database/a", 0o1234567, Date.UTC(2026, 10, 21, 1, 2, 3, 999)));
  expect(block.length).toBe(512);
  const field = (at: number, length: number): string => block.toString("latin1", at, at + length);
  expect(field(0, 100)).toBe("database/a".padEnd(100, "\0"));
  expect(field(100, 24)).toBe("0000600\u00000000000\u00000000000\u0000");
  expect(field(124, 12)).toBe("00001234567\0");
  expect(field(136, 12)).toBe(`${(Date.UTC(2026, 10, 21, 1, 2, 3) / 1000).toString(8).padStart(11, "0")}\0`);
  expect(field(156, 1)).toBe("0");
  expect(field(257, 8)).toBe("ustar\u000000");
});

test("a pax header is used only where the short form does not reach", () => {
  expect(formatTarHeader("n".repeat(100), 1, 0).length).toBe(512);
  expect(formatTarHeader("n".repeat(101), 1, 0).length).toBe(1536);
  expect(formatTarHeader("n", 8 ** 11 - 1, 0).length).toBe(512);
  expect(formatTarHeader("n", 8 ** 11, 0).length).toBe(1536);
  expect(parseTarHeader(formatTarHeader("n", 8 ** 11 - 1, 0))).toEqual({
    type: "file",
    path: "n",
    sizeBytes: 8 ** 11 - 1,
  });
  expect(parseTarHeader(formatTarHeader("n".repeat(101), 77, 0).subarray(1024)).sizeBytes).toBe(77);
});

test("sizes above 8 GiB are written and read in the pax and the GNU form", () => {
  const header = formatTarHeader("database/large", 2 ** 40, 0);
  expect(header.length).toBe(1536);
  expect(parsePax(header.subarray(512, 512 + parseTarHeader(header.subarray(0, 512)).sizeBytes))).toEqual({
    path: "database/large",
    sizeBytes: 2 ** 40,
  });
  const binary = (edit: (block: Buffer) => void): Uint8Array =>
    edited(formatTarHeader("database/large", 1, 0), (block) => {
      block.fill(0, 124, 136);
      block[124] = 0x80;
      edit(block);
    });
  expect(parseTarHeader(binary((block) => block.writeBigUInt64BE(2n ** 40n, 128))).sizeBytes).toBe(2 ** 40);
  for (const edit of [
    (block: Buffer) => block.writeBigUInt64BE(2n ** 60n, 128),
    (block: Buffer) => block.writeUInt8(1, 127),
    (block: Buffer) => block.writeUInt8(0xff, 124),
  ]) {
    expect(() => parseTarHeader(binary(edit))).toThrow("impossible size");
  }
});

test("damaged headers are refused", async () => {
  const [header, content] = file("database/a") as [Uint8Array, Uint8Array];
  for (const at of [0, 105, 130, 150, 200, 400]) {
    const damaged = Uint8Array.from(header);
    damaged[at] = damaged[at]! ^ 0x01;
    expect(await refusal(bundleOf([damaged, content]))).toContain("tar header is damaged");
  }
  const noSize = edited(header, (block) => block.write("nonsense!!!", 124));
  expect(await refusal(bundleOf([noSize, content]))).toContain("tar header is damaged");
  for (const pax of [
    "x",
    "5 a=b\n",
    "99 path=x\n",
    "0 path=x\n",
    "10 path=x",
    "9 =value\n",
    "-9 path=x\n",
    "12 size=1e9\n",
  ]) {
    const [paxHeader, records] = file("pax", pax) as [Uint8Array, Uint8Array];
    const member = [edited(paxHeader, (block) => block.write("x", 156)), records];
    expect([pax, await refusal(bundleOf(member, file("documents/x")))]).not.toEqual([pax, "accepted"]);
  }
});

test("a global pax header is passed over", async () => {
  const [header, records] = file("pax", "17 path=../../x\n") as [Uint8Array, Uint8Array];
  const member = [edited(header, (block) => block.write("g", 156)), records];
  expect(Object.keys((await unpack(bundleOf(member, file("documents/x")))).files)).toEqual(["document documents/x"]);
});

test("what a bomb would unpack to is bounded before it is read", async () => {
  const huge = [edited(formatTarHeader("x", 2 ** 30, 0), (block) => block.write("x", 156))];
  expect(await refusal(bundleOf(huge))).toContain("an extended header has");
  const manifestBomb = Buffer.concat([formatTarHeader("manifest.json", 2 ** 30, 0), end]);
  expect(await refusal(manifestBomb)).toContain("its manifest has");
  const two = bundleOf(file("documents/a", "12345"), file("documents/b", "12345"));
  expect(await refusal(two, { maxMembers: 3, maxTotalBytes: 10 })).toBe("accepted");
  expect(await refusal(two, { maxMembers: 2, maxTotalBytes: 10 })).toContain("more than 2 files");
  expect(await refusal(two, { maxMembers: 3, maxTotalBytes: 9 })).toContain("more than 9 bytes");
});

test("an archive that does not begin with a manifest is no bundle", async () => {
  for (const tar of [
    Buffer.concat([...file("database/a"), end]),
    Buffer.concat([edited(formatTarHeader("manifest.json", 0, 0), (block) => block.write("5", 156)), end]),
    end,
  ]) {
    expect(await refusal(tar)).toContain("does not begin with manifest.json");
  }
});

test("members that are not read are passed over, and leaving early ends the input", async () => {
  const tar = bundleOf(file("documents/a", "a".repeat(5000)), file("documents/b"));
  const bundle = await openBundle(inChunks(tar, 100));
  const paths: string[] = [];
  for await (const member of bundle.members()) paths.push(member.path);
  expect(paths).toEqual(["documents/a", "documents/b"]);

  let closed = 0;
  async function* watched(): AsyncGenerator<Uint8Array> {
    try {
      yield* inChunks(tar, 100);
    } finally {
      closed += 1;
    }
  }
  const left = await openBundle(watched());
  for await (const _ of left.members()) break;
  await (await openBundle(watched())).close();
  await expect(openBundle(inChunks(tar.subarray(512), 100))).rejects.toThrow(AppError);
  expect(closed).toBe(2);
});
