// What the codecs and the bundle write is read by the stock programs, and the other way round.

import { afterAll, beforeAll, expect } from "bun:test";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openBundle } from "../../src/adapters/bundle/read-bundle.ts";
import { writeBundle } from "../../src/adapters/bundle/write-bundle.ts";
import { codecs } from "../../src/adapters/codec/index.ts";
import { formatManifest } from "../../src/domain/backup/parse-manifest.ts";
import { inChunks, readAll, samplePlain } from "../../src/ports/codec.contract.ts";
import { needs } from "../support/requirement.ts";
import { manifest as sample } from "../support/sample-manifest.ts";

const test = needs("zstd", "gzip", "tar", "bash");
const plain = samplePlain(5_000_000);
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "stock-"));
  await writeFile(join(folder, "plain"), plain);
  await writeFile(join(folder, "nothing"), "");
});
afterAll(() => rm(folder, { recursive: true }));

function shell(line: string): { status: number; said: string } {
  const run = Bun.spawnSync(["bash", "-o", "pipefail", "-c", line], { cwd: folder, stderr: "pipe" });
  return { status: run.exitCode, said: run.stdout.toString() + run.stderr.toString() };
}

for (const [name, level, tool] of [
  ["zstd", 3, "zstd"],
  ["zstd", 19, "zstd"],
  ["gzip", 6, "gzip"],
] as const) {
  test(`${tool} reads what ${name} wrote at level ${level}, and finds it sound`, async () => {
    const extension = codecs[name].extension;
    for (const file of ["plain", "nothing"]) {
      const bytes = new Uint8Array(await readFile(join(folder, file)));
      await writeFile(
        join(folder, `${file}.${extension}`),
        await readAll(codecs[name].compress(inChunks(bytes, 65_536), level)),
      );
      expect(shell(`${tool} -t ${file}.${extension} && ${tool} -dc ${file}.${extension} | cmp - ${file}`).status).toBe(
        0,
      );
    }
  }, 60_000);
}

for (const [name, command] of [
  ["zstd", "zstd -c plain"],
  ["zstd", "zstd --long=27 -c plain"],
  ["zstd", "cat plain | zstd -c"],
  ["zstd", "zstd --no-check -c plain"],
  ["zstd", "head -c 1000000 plain | zstd -c; tail -c +1000001 plain | zstd -1 -c"],
  ["gzip", "gzip -c plain"],
  ["gzip", "head -c 1000000 plain | gzip -c; tail -c +1000001 plain | gzip -9 -n -c"],
] as const) {
  test(`${name} reads the output of: ${command}`, async () => {
    expect(shell(`{ ${command}; } > theirs`).status).toBe(0);
    const theirs = new Uint8Array(await readFile(join(folder, "theirs")));
    const back = await readAll(codecs[name].decompress(inChunks(theirs, 65_536)));
    expect(Buffer.compare(back, plain)).toBe(0);
    for (const cut of [1, 5, 1000]) {
      const reading = readAll(codecs[name].decompress(inChunks(theirs.subarray(0, theirs.length - cut), 65_536)));
      await expect(reading).rejects.toMatchObject({ code: "backup_corrupt" });
    }
  }, 60_000);
}

test("tar unpacks a bundle", async () => {
  const manifest = { ...sample, parts: [{ ...sample.parts[0]!, plainBytes: plain.length }] };
  const bundle = writeBundle({ manifest, gzip: codecs.gzip, openPart: () => inChunks(plain, 65_536) });
  await writeFile(join(folder, "out.tar.gz"), await readAll(bundle));
  expect(shell("tar -tzf out.tar.gz").said).toBe("manifest.json\ndatabase/database.dump\n");
  expect(shell("mkdir out && tar -xzf out.tar.gz -C out && cmp out/database/database.dump plain")).toEqual({
    status: 0,
    said: "",
  });
  expect(await readFile(join(folder, "out/manifest.json"), "utf8")).toBe(formatManifest(manifest));
}, 60_000);

test("a bundle made by tar is read, and one with a link is refused", async () => {
  const long = `${"d".repeat(60)}/${"e".repeat(60)}`;
  await mkdir(join(folder, "in/documents", long), { recursive: true });
  await mkdir(join(folder, "in/database"));
  await writeFile(join(folder, "in/manifest.json"), "{}");
  await writeFile(join(folder, "in/database/app.sql.gz"), "sql");
  await writeFile(join(folder, "in/documents", long, "file ü.pdf"), "pdf");
  for (const form of ["gnu", "posix", "ustar"]) {
    expect(shell(`tar --format=${form} -czf in.tar.gz -C in manifest.json database documents`).status).toBe(0);
    const bytes = new Uint8Array(await readFile(join(folder, "in.tar.gz")));
    const bundle = await openBundle(codecs.gzip.decompress(inChunks(bytes, 1000)));
    const members: string[] = [];
    for await (const { path, stream } of bundle.members())
      members.push(`${path}: ${Buffer.from(await readAll(stream)).toString()}`);
    expect(members).toEqual(["database/app.sql.gz: sql", `documents/${long}/file ü.pdf: pdf`]);
  }
  expect(
    shell("ln -s /etc/passwd in/documents/link && tar -czf in.tar.gz -C in manifest.json database documents").status,
  ).toBe(0);
  const linked = new Uint8Array(await readFile(join(folder, "in.tar.gz")));
  const reading = (async () => {
    const bundle = await openBundle(codecs.gzip.decompress(inChunks(linked, 1000)));
    for await (const member of bundle.members()) await readAll(member.stream);
  })();
  await expect(reading).rejects.toMatchObject({ code: "backup_corrupt" });
}, 60_000);
