import { afterAll, beforeAll, expect } from "bun:test";
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { codecs } from "../../src/adapters/codec/index.ts";
import { open } from "../../src/adapters/cipher/gpg/index.ts";
import { describeCipherContract } from "../../src/ports/cipher.contract.ts";
import { inChunks, readAll, samplePlain } from "../../src/ports/codec.contract.ts";
import { needs } from "../support/requirement.ts";

const test = needs("gpg", "zstd");
const never = new AbortController().signal;
const context = { backupId: "k3v9q2xa", part: "database" };
const adapterContext = { tmpDir: tmpdir(), tools: {}, defaultKey: () => Promise.reject(new Error("not asked for")) };
const canary = "canary-passphrase-of-gpg";
// Sockets of the agent have short names only below a short path.
let folder: string;
const homes: string[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "gpg-"));
});
afterAll(async () => {
  for (const home of homes) Bun.spawnSync(["gpgconf", "--homedir", home, "--kill", "all"]);
  await rm(folder, { recursive: true });
});

function gpg(home: string, args: readonly string[], stdin = ""): string {
  const run = Bun.spawnSync(["gpg", "--homedir", home, "--batch", "--no-tty", "--quiet", ...args], {
    stdin: Buffer.from(stdin),
    stderr: "pipe",
  });
  if (run.exitCode !== 0) throw new Error(`gpg ${args.join(" ")}: ${run.stderr.toString()}`);
  return run.stdout.toString();
}

async function makeHome(
  name: string,
  user: string,
  passphrase: string,
): Promise<{ home: string; passphraseFile: string }> {
  const home = join(folder, name);
  await mkdir(home, { mode: 0o700 });
  homes.push(home);
  // Few rounds of key stretching: the tests open the key a hundred times.
  await writeFile(join(home, "gpg-agent.conf"), "s2k-count 65536\n");
  const passphraseFile = join(folder, `${name}.pass`);
  await writeFile(passphraseFile, `${passphrase}\n`);
  await chmod(passphraseFile, 0o600);
  const unlock = ["--pinentry-mode", "loopback", "--passphrase-file", passphraseFile];
  gpg(home, [...unlock, "--quick-generate-key", user, "future-default", "default", "never"]);
  return { home, passphraseFile };
}

/** A home that knows only the public key. */
async function publicHome(name: string, from: string): Promise<string> {
  const home = join(folder, name);
  await mkdir(home, { mode: 0o700 });
  homes.push(home);
  gpg(home, ["--import"], gpg(from, ["--export", "--armor"]));
  return home;
}

describeCipherContract(
  "gpg",
  async () => {
    const own = await makeHome("own", "Own <own@example.com>", canary);
    const other = await makeHome("other", "Other <other@example.com>", "");
    return {
      cipher: await open(
        { recipient: "own@example.com", homedir: own.home, passphrase_file: own.passphraseFile },
        adapterContext,
      ),
      stranger: await open({ recipients: ["other@example.com"], homedir: other.home }, adapterContext),
      publicOnly: await open(
        { recipient: "own@example.com", homedir: await publicHome("public", own.home) },
        adapterContext,
      ),
      canaries: [canary],
      [Symbol.asyncDispose]: async () => {},
    };
  },
  {
    test,
    // gpg has no segments of its own; these only spread the attempts.
    segmentBytes: 50_000,
    storedSegmentBytes: 50_000,
    headerBytes: 120,
    bindsContext: false,
    attempts: 12,
    headerCodes: ["backup_corrupt", "wrong_key"],
  },
);

test("gpg and zstd alone open what was written, and the other way round", async () => {
  const { home } = await makeHome("stock", "Stock <stock@example.com>", "");
  const cipher = await open({ recipient: "stock@example.com", homedir: home }, adapterContext);
  const plain = samplePlain(3_000_000);
  const stored = await readAll(cipher.encrypt(codecs.zstd.compress(inChunks(plain, 65_536), 3), context, never));
  await writeFile(join(folder, "ours.zst.gpg"), stored);
  await writeFile(join(folder, "plain"), plain);
  const shell = (line: string): number =>
    Bun.spawnSync(["bash", "-o", "pipefail", "-c", line], { cwd: folder }).exitCode;
  expect(shell(`gpg --homedir ${home} --batch -q -d ours.zst.gpg | zstd -d | cmp - plain`)).toBe(0);
  expect(
    shell(`zstd -c plain | gpg --homedir ${home} --batch --trust-model always -a -r stock@example.com -e > t.asc`),
  ).toBe(0);
  const theirs = await readFile(join(folder, "t.asc"));
  const opened = codecs.zstd.decompress(cipher.decrypt(inChunks(theirs, 1000), undefined, never));
  expect(Buffer.compare(await readAll(opened), plain)).toBe(0);
});

test("the recipient must be exactly one known key", async () => {
  const { home } = await makeHome("two", "Shop One <one@example.com>", "");
  gpg(home, ["--pinentry-mode", "loopback", "--passphrase", "", "--quick-generate-key", "Shop Two <two@example.com>"]);
  await expect(open({ recipient: "Shop", homedir: home }, adapterContext)).rejects.toThrow(
    "2 keys that fit recipient Shop",
  );
  await expect(open({ recipient: "nobody@example.com", homedir: home }, adapterContext)).rejects.toMatchObject({
    code: "cipher_failed",
  });
  const both = await open({ recipients: ["one@example.com", "two@example.com"], homedir: home }, adapterContext);
  expect(both.keyId).toMatch(/^[0-9A-F]{16}\+1$/);
});

test("an expired key is refused when it is opened, not in the night", async () => {
  const home = join(folder, "expired");
  await mkdir(home, { mode: 0o700 });
  homes.push(home);
  const made = ["--faked-system-time", "20200101T000000", "--pinentry-mode", "loopback", "--passphrase", ""];
  gpg(home, [...made, "--quick-generate-key", "Old <old@example.com>", "rsa2048", "encr", "1d"]);
  await expect(open({ recipient: "old@example.com", homedir: home }, adapterContext)).rejects.toThrow("has expired");
});

test("a key that needs a passphrase nobody gave is named and does not wait", async () => {
  const { home } = await makeHome("locked", "Locked <locked@example.com>", canary);
  Bun.spawnSync(["gpgconf", "--homedir", home, "--kill", "all"]);
  const cipher = await open({ recipient: "locked@example.com", homedir: home }, adapterContext);
  const stored = await readAll(cipher.encrypt(inChunks(samplePlain(10), 10), context, never));
  await expect(readAll(cipher.decrypt(inChunks(stored, 10), context, never))).rejects.toMatchObject({
    code: "wrong_key",
    message: expect.stringContaining("could not unlock"),
  });
}, 20_000);

test("input that is no gpg file, or only an unencrypted one, is refused", async () => {
  const { home } = await makeHome("literal", "Plain <plain@example.com>", "");
  const cipher = await open({ recipient: "plain@example.com", homedir: home }, adapterContext);
  const literal = Bun.spawnSync(["gpg", "--homedir", home, "--batch", "--store"], {
    stdin: Buffer.from("select 1;"),
  }).stdout;
  expect(literal.length).toBeGreaterThan(0);
  for (const bytes of [samplePlain(1000), new Uint8Array(literal)]) {
    await expect(readAll(cipher.decrypt(inChunks(bytes, 100), context, never))).rejects.toMatchObject({
      code: "backup_corrupt",
    });
  }
});

test("without a recipient gpg can only decrypt", async () => {
  const { home } = await makeHome("reader", "Reader <reader@example.com>", "");
  const writer = await open({ recipient: "reader@example.com", homedir: home }, adapterContext);
  const stored = await readAll(writer.encrypt(inChunks(samplePlain(100), 10), context, never));
  const cipher = await open({ homedir: home }, adapterContext);
  expect([cipher.keyId, cipher.canDecrypt]).toEqual(["none", true]);
  expect(Buffer.compare(await readAll(cipher.decrypt(inChunks(stored, 50), context, never)), samplePlain(100))).toBe(0);
  await expect(readAll(cipher.encrypt(inChunks(stored, 50), context, never))).rejects.toMatchObject({
    code: "cipher_failed",
  });
});

test("a missing program is named with its package", async () => {
  const path = process.env["PATH"];
  process.env["PATH"] = folder;
  try {
    await expect(open({ recipient: "any" }, adapterContext)).rejects.toMatchObject({ code: "tool_missing" });
  } finally {
    process.env["PATH"] = path;
  }
});
