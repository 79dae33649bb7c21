// scripts/decrypt-backup.mjs under the real Node, on the documented vectors and on what the program writes.

import { afterAll, beforeAll, expect } from "bun:test";
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { copyFile, mkdtemp, readFile, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hashBytes, vectorsFolder, type FormatVector } from "../../scripts/make-format-vectors.ts";
import { codecs } from "../../src/adapters/codec/index.ts";
import { open } from "../../src/adapters/cipher/aes-256-gcm/index.ts";
import { formatKeyToken } from "../../src/adapters/cipher/key-material.ts";
import { inChunks, readAll, samplePlain } from "../../src/ports/codec.contract.ts";
import { needs } from "../support/requirement.ts";

const test = needs("node");
const script = join(import.meta.dir, "../../scripts/decrypt-backup.mjs");
const password = "canary of the decrypt script";
const never = new AbortController().signal;
const adapterContext = { tmpDir: tmpdir(), tools: {}, defaultKey: () => Promise.reject(new Error("not asked for")) };
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "decrypt-"));
  // Alone in a directory: no package of ours within its reach.
  await copyFile(script, join(folder, "decrypt-backup.mjs"));
});
afterAll(() => rm(folder, { recursive: true }));

interface Outcome {
  readonly status: number;
  readonly said: string;
  readonly stdout: Buffer;
}

async function run(args: readonly string[], env: Record<string, string> = {}, stdin = ""): Promise<Outcome> {
  const child = Bun.spawn(["node", "decrypt-backup.mjs", ...args], {
    cwd: folder,
    env: { PATH: process.env["PATH"]!, ...env },
    stdin: Buffer.from(stdin),
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, said] = await Promise.all([
    new Response(child.stdout).arrayBuffer(),
    new Response(child.stderr).text(),
  ]);
  return { status: await child.exited, said, stdout: Buffer.from(stdout) };
}

async function nodeHasZstd(): Promise<boolean> {
  const probe = "process.exit(typeof require('node:zlib').zstdDecompressSync === 'function' ? 0 : 1)";
  return Bun.spawnSync(["node", "-e", probe]).exitCode === 0;
}

async function sealed(secret: string, plain: Uint8Array, algorithm: "zstd" | "gzip" | "none"): Promise<Uint8Array> {
  const cipher = await open({ password: secret }, adapterContext);
  const compressed = codecs[algorithm].compress(inChunks(plain, 65_536), 3);
  return readAll(cipher.encrypt(compressed, { backupId: "k3v9q2xa", part: "database" }, never));
}

test("every documented file is opened or refused as the documentation says", async () => {
  for (const file of await readdir(vectorsFolder)) {
    const vector = (await Bun.file(join(vectorsFolder, file)).json()) as FormatVector;
    const [input, output] = [join(folder, `${vector.name}.enc`), join(folder, `${vector.name}.out`)];
    await writeFile(input, Buffer.from(vector.stored, "base64"));
    const outcome = await run([input, output], { BACKUPCTL_PASSWORD: vector.secret });
    if (vector.refusal === null) {
      expect([file, outcome.status, outcome.said]).toEqual([file, 0, expect.stringContaining(`wrote ${output}`)]);
      expect(Buffer.compare(await readFile(output), hashBytes("plain", vector.plainBytes))).toBe(0);
      expect((await stat(output)).mode & 0o777).toBe(0o600);
    } else {
      expect([file, outcome.status]).toEqual([file, 1]);
      expect(outcome.said).toContain(vector.refusal === "wrong_key" ? `key ${vector.keyId} is needed` : "refused");
      expect(existsSync(output) || existsSync(`${output}.partial`)).toBe(false);
    }
  }
}, 60_000);

test("what the program writes is decrypted and decompressed, with the password from each place", async () => {
  const plain = samplePlain(5_000_000);
  await writeFile(join(folder, "password"), `${password}\nsecond line\n`);
  const ways: readonly [string[], Record<string, string>, string][] = [
    [["--password-file", "password"], {}, ""],
    [["--password-stdin"], {}, `${password}\n`],
    [[], { BACKUPCTL_PASSWORD: password }, ""],
  ];
  const hasZstd = await nodeHasZstd();
  for (const [algorithm, extension] of [
    ["zstd", ".zst"],
    ["gzip", ".gz"],
    ["none", ""],
  ] as const) {
    await writeFile(join(folder, `a.dump${extension}.enc`), await sealed(password, plain, algorithm));
    for (const [args, env, stdin] of ways) {
      const outcome = await run([...args, `a.dump${extension}.enc`], env, stdin);
      expect([outcome.status, outcome.said]).toEqual([0, expect.stringContaining("wrote a.dump")]);
      expect(outcome.said).not.toContain(password);
      const isPlain = algorithm !== "zstd" || hasZstd;
      const output = join(folder, isPlain ? "a.dump" : "a.dump.zst");
      const written = new Uint8Array(await readFile(output));
      const opened = isPlain ? written : await readAll(codecs.zstd.decompress(inChunks(written, 65_536)));
      expect(Buffer.compare(opened, plain)).toBe(0);
      await rm(output);
    }
  }
}, 60_000);

test("the compressed stream is kept on request, and goes to standard output on request", async () => {
  const plain = samplePlain(3_000_000);
  await writeFile(join(folder, "b.sql.gz.enc"), await sealed(password, plain, "gzip"));
  const outcome = await run(["--keep-compressed", "b.sql.gz.enc", "-"], { BACKUPCTL_PASSWORD: password });
  expect(outcome.status).toBe(0);
  expect(Buffer.compare(await readAll(codecs.gzip.decompress(inChunks(outcome.stdout, 65_536))), plain)).toBe(0);
}, 30_000);

test("a key file opens what was sealed with it, also typed with spaces", async () => {
  const token = formatKeyToken(Uint8Array.from(randomBytes(32)));
  const plain = samplePlain(10_000);
  await writeFile(join(folder, "c.dump.enc"), await sealed(token, plain, "none"));
  await writeFile(join(folder, "key"), `# backupctl key\n${token}\n`);
  expect((await run(["--key-file", "key", "c.dump.enc", "c1"])).status).toBe(0);
  const spaced = token.replaceAll(/(.{6})/g, "$1 ");
  expect((await run(["c.dump.enc", "c2"], { BACKUPCTL_PASSWORD: spaced })).status).toBe(0);
  for (const output of ["c1", "c2"]) expect(Buffer.compare(await readFile(join(folder, output)), plain)).toBe(0);
  const wrong = formatKeyToken(Uint8Array.from(randomBytes(32)));
  const refused = await run(["c.dump.enc", "c3"], { BACKUPCTL_PASSWORD: wrong });
  expect([refused.status, refused.said]).toEqual([1, expect.stringContaining("does not fit")]);
  const mistyped = await run(["c.dump.enc", "c3"], { BACKUPCTL_PASSWORD: `${token.slice(0, -1)}` });
  expect([mistyped.status, mistyped.said]).toEqual([1, expect.stringContaining("typing error")]);
  const password_ = await run(["c.dump.enc", "c3"], { BACKUPCTL_PASSWORD: password });
  expect([password_.status, password_.said]).toEqual([1, expect.stringContaining("sealed with a key file")]);
}, 30_000);

test("an existing file is never replaced, and a failed run leaves nothing", async () => {
  await writeFile(join(folder, "d.dump.enc"), await sealed(password, samplePlain(1000), "none"));
  await writeFile(join(folder, "d.dump"), "mine");
  const outcome = await run(["d.dump.enc"], { BACKUPCTL_PASSWORD: password });
  expect([outcome.status, outcome.said]).toEqual([1, expect.stringContaining("d.dump exists already")]);
  expect(await readFile(join(folder, "d.dump"), "utf8")).toBe("mine");
}, 30_000);

test("wrong usage, a missing file and a missing password say what to do", async () => {
  expect((await run([])).status).toBe(2);
  expect((await run(["--password", "x", "file"])).status).toBe(2);
  expect((await run(["absent.enc"], { BACKUPCTL_PASSWORD: "x" })).status).toBe(1);
  await writeFile(join(folder, "junk.enc"), "junk that is long enough");
  expect((await run(["junk.enc"], { BACKUPCTL_PASSWORD: "x" })).said).toContain("no encrypted backup");
  const asked = await run(["d.dump.enc", "d2"]);
  expect([asked.status, asked.said]).toEqual([1, expect.stringContaining("no password was given")]);
}, 30_000);
