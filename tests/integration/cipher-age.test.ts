import { afterAll, beforeAll, expect } from "bun:test";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { codecs } from "../../src/adapters/codec/index.ts";
import { open } from "../../src/adapters/cipher/age/index.ts";
import { describeCipherContract } from "../../src/ports/cipher.contract.ts";
import { inChunks, readAll, samplePlain } from "../../src/ports/codec.contract.ts";
import { needs } from "../support/requirement.ts";

const test = needs("age", "age-keygen", "zstd");
const never = new AbortController().signal;
const context = { backupId: "k3v9q2xa", part: "database" };
const adapterContext = { tmpDir: tmpdir(), tools: {}, defaultKey: () => Promise.reject(new Error("not asked for")) };
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "age-"));
});
afterAll(() => rm(folder, { recursive: true }));

interface KeyPair {
  readonly recipient: string;
  readonly identityFile: string;
  readonly secret: string;
}

async function makeKey(name: string): Promise<KeyPair> {
  const identityFile = join(folder, name);
  const made = Bun.spawnSync(["age-keygen", "-o", identityFile]);
  const recipient = /age1\w+/.exec(made.stderr.toString())![0];
  return { recipient, identityFile, secret: /AGE-SECRET-KEY-\w+/.exec(await readFile(identityFile, "utf8"))![0] };
}

describeCipherContract(
  "age",
  async () => {
    const own = await makeKey("own");
    const other = await makeKey("other");
    return {
      cipher: await open({ recipients: [own.recipient], identity_file: own.identityFile }, adapterContext),
      stranger: await open({ recipient: other.recipient, identity_file: other.identityFile }, adapterContext),
      publicOnly: await open({ recipient: own.recipient }, adapterContext),
      canaries: [own.secret, other.secret],
      [Symbol.asyncDispose]: async () => {},
    };
  },
  {
    test,
    segmentBytes: 65_536,
    storedSegmentBytes: 65_536 + 16,
    headerBytes: 200,
    bindsContext: false,
    attempts: 20,
    headerCodes: ["backup_corrupt", "wrong_key"],
  },
);

test("age and zstd alone open what was written, and the other way round", async () => {
  const key = await makeKey("stock");
  const cipher = await open({ recipient: key.recipient, identity_file: key.identityFile }, adapterContext);
  const plain = samplePlain(3_000_000);
  const stored = await readAll(cipher.encrypt(codecs.zstd.compress(inChunks(plain, 65_536), 3), context, never));
  await writeFile(join(folder, "ours.zst.age"), stored);
  await writeFile(join(folder, "plain"), plain);
  const shell = (line: string): number =>
    Bun.spawnSync(["bash", "-o", "pipefail", "-c", line], { cwd: folder }).exitCode;
  expect(shell("age -d -i stock ours.zst.age | zstd -d | cmp - plain")).toBe(0);
  expect(shell(`zstd -c plain | age -a -r ${key.recipient} > theirs.age`)).toBe(0);
  const theirs = await readFile(join(folder, "theirs.age"));
  const opened = codecs.zstd.decompress(cipher.decrypt(inChunks(theirs, 1000), undefined, never));
  expect(Buffer.compare(await readAll(opened), plain)).toBe(0);
});

test("recipients come from a file too, without comments, each once", async () => {
  const [first, second] = [await makeKey("first"), await makeKey("second")];
  const recipientsFile = join(folder, "recipients");
  await writeFile(recipientsFile, `# both of us\n${first.recipient}\n\n${second.recipient}\n${first.recipient}\n`);
  const cipher = await open({ recipients_file: recipientsFile, identity_file: second.identityFile }, adapterContext);
  expect(cipher.keyId).toBe(`${first.recipient.slice(0, 16)}+1`);
  expect(await cipher.check(never)).toBeUndefined();
});

test("a private key among the recipients is refused before it could reach an argument list", async () => {
  const key = await makeKey("leaked");
  const refused = open({ recipient: key.secret }, adapterContext);
  await expect(refused).rejects.toMatchObject({ code: "cipher_failed" });
  await expect(refused).rejects.not.toThrow(key.secret);
});

test("an identity file that is missing or no identity is a problem of the cipher, not of the backup", async () => {
  const key = await makeKey("good");
  await writeFile(join(folder, "junk"), "junk\n");
  for (const identity_file of [join(folder, "absent"), join(folder, "junk")]) {
    const cipher = await open({ recipient: key.recipient, identity_file }, adapterContext);
    await expect(cipher.check(never)).rejects.toMatchObject({ code: "cipher_failed" });
  }
});

test("without recipients nothing is encrypted", async () => {
  const cipher = await open({}, adapterContext);
  expect(cipher.keyId).toBe("none");
  await expect(readAll(cipher.encrypt(inChunks(samplePlain(5), 5), context, never))).rejects.toMatchObject({
    code: "cipher_failed",
  });
});

test("a recipient that is no key is refused by age", async () => {
  const cipher = await open({ recipient: "age1nonsense" }, adapterContext);
  await expect(cipher.check(never)).rejects.toMatchObject({ code: "cipher_failed" });
});

test("a missing program is named with its package", async () => {
  const path = process.env["PATH"];
  const cipher = await open({ recipient: "age1nonsense" }, adapterContext);
  process.env["PATH"] = folder;
  try {
    await expect(cipher.check(never)).rejects.toMatchObject({ code: "tool_missing" });
  } finally {
    process.env["PATH"] = path;
  }
});
