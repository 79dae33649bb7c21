import { afterEach, beforeEach, expect, test } from "bun:test";
import { chmod, mkdir, mkdtemp, readFile, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AppError } from "../../domain/error.ts";
import type { CipherAdapterContext } from "./definition.ts";
import { cipherDefinitions } from "./index.ts";
import { formatKeyToken, parseKeyFile, parseKeyToken, toKeyMaterial } from "./key-material.ts";
import { createKeyFile, defaultKeyOf, saltPath, type KeyStoreSettings } from "./key-store.ts";
import { listKeys } from "./list-keys.ts";

let baseDir: string;
let settings: KeyStoreSettings;

beforeEach(async () => {
  baseDir = await mkdtemp(join(tmpdir(), "key-store-"));
  settings = { baseDir, encryptionKey: null, encryptionKeyFile: join(baseDir, "secrets", "key") };
});
afterEach(() => rm(baseDir, { recursive: true }));

test("a key file is made on first use, readable by its owner only, and kept", async () => {
  const { secret, keyId } = await defaultKeyOf(settings).defaultKey();
  expect(parseKeyToken(secret)).toHaveLength(32);
  expect((await stat(settings.encryptionKeyFile)).mode & 0o777).toBe(0o600);
  expect((await stat(join(baseDir, "secrets"))).mode & 0o777).toBe(0o700);
  const text = await readFile(settings.encryptionKeyFile, "utf8");
  expect(text).toContain(`# backupctl key ${keyId}`);
  expect(text).toContain(`\n${secret}\n`);
  expect(await defaultKeyOf(settings).defaultKey()).toEqual({ secret, keyId, previous: [] });
  expect(await readdir(join(baseDir, "secrets"))).toEqual(["key"]);
});

test("many that start at once end up with one key and one salt", async () => {
  const stores = Array.from({ length: 8 }, () => defaultKeyOf(settings));
  const keys = await Promise.all(stores.map((store) => store.defaultKey()));
  const salts = await Promise.all(stores.map((store) => store.passwordSalt()));
  expect(new Set(keys.map(({ secret }) => secret)).size).toBe(1);
  expect(new Set(salts.map((salt) => Buffer.from(salt).toString("hex"))).size).toBe(1);
  expect(await readdir(join(baseDir, "secrets"))).toEqual(["key"]);
});

test("nothing is written before a key is asked for", async () => {
  defaultKeyOf(settings);
  expect(await readdir(baseDir)).toEqual([]);
});

test("ENCRYPTION_KEY comes before the key file and must be long", async () => {
  const encryptionKey = "x".repeat(32);
  const { secret, keyId } = await defaultKeyOf({ ...settings, encryptionKey }).defaultKey();
  expect(secret).toBe(encryptionKey);
  expect(keyId).toMatch(/^[0-9a-f]{16}$/);
  await expect(stat(settings.encryptionKeyFile)).rejects.toThrow("ENOENT");
  for (const short of ["", "x".repeat(31)]) {
    await expect(defaultKeyOf({ ...settings, encryptionKey: short }).defaultKey()).rejects.toMatchObject({
      code: "config_invalid",
      message: `ENCRYPTION_KEY has ${short.length} characters`,
    });
  }
});

test("ENCRYPTION_KEY may be a key in its text form, and then must be whole", async () => {
  const token = formatKeyToken(new Uint8Array(32).fill(7));
  expect((await defaultKeyOf({ ...settings, encryptionKey: token }).defaultKey()).secret).toBe(token);
  const cut = token.slice(0, -2);
  await expect(defaultKeyOf({ ...settings, encryptionKey: cut }).defaultKey()).rejects.toMatchObject({
    code: "cipher_failed",
  });
});

test("a key file without a key is never replaced", async () => {
  await mkdir(join(baseDir, "secrets"));
  await writeFile(settings.encryptionKeyFile, "");
  await expect(defaultKeyOf(settings).defaultKey()).rejects.toMatchObject({ code: "cipher_failed" });
  expect(await readFile(settings.encryptionKeyFile, "utf8")).toBe("");
});

test("key generate refuses to replace a key, and leaves no temporary file", async () => {
  const path = join(baseDir, "new-key");
  const { keyId } = await createKeyFile(path);
  const before = await readFile(path, "utf8");
  await expect(createKeyFile(path)).rejects.toMatchObject({ code: "object_exists" });
  expect(await readFile(path, "utf8")).toBe(before);
  expect(await readdir(baseDir)).toEqual(["new-key"]);
  const store = defaultKeyOf({ ...settings, encryptionKeyFile: path });
  expect((await store.defaultKey()).keyId).toBe(keyId);
});

test("a place where no key can be written is an error", async () => {
  await writeFile(join(baseDir, "file"), "");
  const encryptionKeyFile = join(baseDir, "file", "key");
  await expect(defaultKeyOf({ ...settings, encryptionKeyFile }).defaultKey()).rejects.toThrow();
  await expect(createKeyFile(encryptionKeyFile)).rejects.toThrow();
});

test("the salt is kept, and damaged or unwritable ones do not stop anything", async () => {
  const salt = await defaultKeyOf(settings).passwordSalt();
  expect(salt).toHaveLength(16);
  expect(await defaultKeyOf(settings).passwordSalt()).toEqual(salt);
  await writeFile(saltPath(settings), "damaged");
  const fresh = await defaultKeyOf(settings).passwordSalt();
  expect(fresh).toHaveLength(16);
  expect(fresh).not.toEqual(salt);
  await rm(join(baseDir, ".backupctl"), { recursive: true });
  await writeFile(join(baseDir, ".backupctl"), "a file where a directory belongs");
  const store = defaultKeyOf(settings);
  expect(await store.passwordSalt()).toHaveLength(16);
  expect(await store.passwordSalt()).toEqual(await store.passwordSalt());
});

test("a key's text has a check sum and may be typed with white space", () => {
  const key = new Uint8Array(32).map((_, at) => at * 7);
  const token = formatKeyToken(key);
  expect(token).toMatch(/^bkk1_[\w-]{48}$/);
  expect(parseKeyToken(`  ${token.slice(0, 10)} ${token.slice(10)}\n`)).toEqual(key);
  expect(toKeyMaterial(token)).toEqual({ kind: "raw", key });
  expect(toKeyMaterial("bkk2 something")).toEqual({ kind: "password", password: "bkk2 something" });
  for (let at = 5; at < token.length; at++) {
    const other = token[at] === "A" ? "B" : "A";
    expect(() => parseKeyToken(token.slice(0, at) + other + token.slice(at + 1))).toThrow(AppError);
  }
});

test("the first line of a key file that is no comment counts", () => {
  const token = formatKeyToken(new Uint8Array(32));
  expect(parseKeyFile(`# one\r\n\r\n${token}\r\nmore`, "x")).toEqual({ key: new Uint8Array(32), retired: [] });
  const older = formatKeyToken(new Uint8Array(32).fill(1));
  const { retired } = parseKeyFile(`${token}\n# retired\n${older}\n`, "x");
  expect(retired).toEqual([new Uint8Array(32).fill(1)]);
  expect(() => parseKeyFile(`${token}\n${older.slice(0, -1)}`, "x")).toThrow("has a typing error");
  expect(() => parseKeyFile(`text\n${token}`, "/keys/x")).toThrow("key file /keys/x holds no key");
});

test("each key is listed once with all that use it", async () => {
  const context: CipherAdapterContext = { tmpDir: baseDir, tools: {}, ...defaultKeyOf(settings) };
  const identityFile = join(baseDir, "identity");
  await writeFile(identityFile, "AGE-SECRET-KEY-1X\n");
  await chmod(identityFile, 0o600);
  const keys = await listKeys(
    [
      { name: "this installation", encryption: { type: "aes-256-gcm", settings: {} } },
      { name: "project shop", encryption: { type: "aes-256-gcm", settings: {} } },
      {
        name: "project blog",
        encryption: { type: "aes-256-gcm", settings: { password: "p", previous_passwords: ["q"] } },
      },
      { name: "project shop", encryption: { type: "aes-256-gcm", settings: {} } },
      {
        name: "project age",
        encryption: { type: "age", settings: { recipient: "age1qqqqqqqqqqqqqqqqq", identity_file: identityFile } },
      },
      { name: "project public", encryption: { type: "age", settings: { recipient: "age1zzzzzzzzzzzzzzzzz" } } },
    ],
    cipherDefinitions,
    context,
  );
  expect(keys.map(({ scheme, kind, usedBy }) => [scheme, kind, usedBy.join(" + ")])).toEqual([
    ["aes-256-gcm", "key", "this installation + project shop"],
    ["aes-256-gcm", "password", "project blog"],
    ["aes-256-gcm", "password", "project blog"],
    ["age", "age identity", "project age"],
    ["age", "age identity", "project public"],
  ]);
  expect(keys.map(({ secret }) => secret)).toEqual([
    (await context.defaultKey()).secret,
    "p",
    "q",
    "AGE-SECRET-KEY-1X\n",
    null,
  ]);
  expect(new Set(keys.map(({ keyId }) => keyId)).size).toBe(5);
  await expect(
    listKeys([{ name: "x", encryption: { type: "rot13", settings: {} } }], cipherDefinitions, context),
  ).rejects.toMatchObject({ code: "unsupported" });
});
