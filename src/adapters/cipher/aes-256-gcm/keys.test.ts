// Which key a part is sealed with and opened with, what the key id gives away, and the seal of a manifest.

import { aes256GcmDefinition } from "./definition.ts";
import { afterAll, beforeAll, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inChunks, readAll, samplePlain } from "../../../ports/codec.contract.ts";
import type { Cipher } from "../../../ports/cipher.ts";
import type { CipherAdapterContext } from "../definition.ts";
import { formatKeyToken } from "../key-material.ts";
import { Aes256GcmConfig } from "./config.ts";
import { describeKeys, open } from "./index.ts";
import { parseManifestMac } from "./manifest-mac.ts";

const never = new AbortController().signal;
const part = { backupId: "k3v9q2xa", part: "database" };
const plain = samplePlain(1000);
const salt = Uint8Array.from(randomBytes(16));
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "keys-"));
});
afterAll(() => rm(folder, { recursive: true }));

function contextWith(secret?: string, passwordSalt: Uint8Array | undefined = salt): CipherAdapterContext {
  return {
    tmpDir: folder,
    tools: {},
    ...(passwordSalt === undefined ? {} : { passwordSalt: async () => passwordSalt }),
    async defaultKey() {
      if (secret === undefined) throw new Error("the default key was not to be asked for");
      return { secret, keyId: "unused" };
    },
  };
}
const seal = (cipher: Cipher): Promise<Uint8Array> => readAll(cipher.encrypt(inChunks(plain, 100), part, never));
const unseal = (cipher: Cipher, stored: Uint8Array): Promise<Uint8Array> =>
  readAll(cipher.decrypt(inChunks(stored, 100), part, never));

test("without a password of its own a project uses the installation's key", async () => {
  const secret = "the installation's own passphrase";
  const byDefault = await open({}, contextWith(secret));
  const byPassword = await open({ password: secret }, contextWith());
  expect(byDefault.keyId).toBe(byPassword.keyId);
  expect(await unseal(byPassword, await seal(byDefault))).toEqual(plain);
});

test("a key file and its text in the place of a password are the same key, whatever the salt", async () => {
  const token = formatKeyToken(Uint8Array.from(randomBytes(32)));
  const path = join(folder, "key");
  await writeFile(path, `# a comment\n\n${token}\n`);
  const fromFile = await open({ key_file: path }, contextWith());
  const fromText = await open({ password: token }, contextWith(undefined, Uint8Array.from(randomBytes(16))));
  expect(fromText.keyId).toBe(fromFile.keyId);
  expect(await unseal(fromText, await seal(fromFile))).toEqual(plain);
});

test("older backups are opened with previous passwords and keys", async () => {
  const token = formatKeyToken(Uint8Array.from(randomBytes(32)));
  const now = await open({ password: "now", previous_passwords: ["before", token] }, contextWith());
  for (const older of ["before", token]) {
    const stored = await seal(
      await open({ password: older }, contextWith(undefined, Uint8Array.from(randomBytes(16)))),
    );
    expect(await unseal(now, stored)).toEqual(plain);
  }
  const current = await open({ password: "now" }, contextWith());
  expect(await unseal(current, await seal(now))).toEqual(plain);
});

test("a backup of a password says so when only a key file is given, and the other way round", async () => {
  const token = formatKeyToken(Uint8Array.from(randomBytes(32)));
  const [byPassword, byKey] = [
    await open({ password: "p" }, contextWith()),
    await open({ password: token }, contextWith()),
  ];
  await expect(unseal(byKey, await seal(byPassword))).rejects.toThrow("(a password)");
  await expect(unseal(byPassword, await seal(byKey))).rejects.toThrow("(a key file)");
});

test("the id of a password is stable on one installation and says nothing on another", async () => {
  const first = await open({ password: "same" }, contextWith());
  const again = await open({ password: "same" }, contextWith());
  const elsewhere = await open({ password: "same" }, contextWith(undefined, Uint8Array.from(randomBytes(16))));
  expect(first.keyId).toMatch(/^[0-9a-f]{16}$/);
  expect(again.keyId).toBe(first.keyId);
  expect(elsewhere.keyId).not.toBe(first.keyId);
  expect(await unseal(elsewhere, await seal(first))).toEqual(plain);
});

test("without a salt of the installation the process has one of its own", async () => {
  const context = { tmpDir: folder, tools: {}, defaultKey: () => Promise.reject(new Error("not asked for")) };
  const [first, second] = [await open({ password: "p" }, context), await open({ password: "p" }, context)];
  expect(first.keyId).toBe(second.keyId);
  expect(await unseal(second, await seal(first))).toEqual(plain);
});

test("a password and a key file together are refused", async () => {
  await expect(open({ password: "p", key_file: "/x" }, contextWith())).rejects.toMatchObject({
    code: "config_invalid",
  });
});

test("a key file that is missing, huge or without a key is named", async () => {
  const [junk, huge] = [join(folder, "junk"), join(folder, "huge")];
  await writeFile(junk, "# only a comment\n");
  await writeFile(huge, "bkk1_".padEnd(100_000, "A"));
  for (const path of [join(folder, "absent"), junk, huge]) {
    const opening = open({ key_file: path }, contextWith());
    await expect(opening).rejects.toMatchObject({ code: "cipher_failed" });
    await expect(opening).rejects.toThrow(path);
  }
});

test("a key with a typing error is refused without being repeated", async () => {
  const token = formatKeyToken(Uint8Array.from(randomBytes(32)));
  const mistyped = `${token.slice(0, 20)}${token[20] === "x" ? "y" : "x"}${token.slice(21)}`;
  for (const text of [mistyped, token.slice(0, -1), `${token}A`]) {
    const opening = open({ password: text }, contextWith());
    await expect(opening).rejects.toMatchObject({ code: "cipher_failed" });
    await expect(opening).rejects.not.toThrow(text.slice(5));
  }
});

test("a check runs a round trip and honours the signal", async () => {
  const cipher = await open({ password: "p" }, contextWith());
  expect(await cipher.check(never)).toBeUndefined();
  await expect(cipher.check(AbortSignal.abort(new Error("enough")))).rejects.toThrow("enough");
});

test("a manifest's seal is made and recognised, also with an older key and on another installation", async () => {
  const bytes = Buffer.from("manifest");
  const token = formatKeyToken(Uint8Array.from(randomBytes(32)));
  const reader = await open(
    { password: "now", previous_passwords: ["old", token] },
    contextWith(undefined, Uint8Array.from(randomBytes(16))),
  );
  for (const password of ["now", "old", token]) {
    const value = await (await open({ password }, contextWith())).authenticate!(bytes);
    expect(await reader.verifyAuthentication!(bytes, value)).toBe(true);
    expect(await reader.verifyAuthentication!(Buffer.from("manifesT"), value)).toBe(false);
    const stranger = await open({ password: "stranger" }, contextWith());
    expect(await stranger.verifyAuthentication!(bytes, value)).toBe(false);
  }
});

test("a seal in an unknown form or with an unaffordable derivation is refused", async () => {
  const cipher = await open({ password: "p" }, contextWith());
  const value = await cipher.authenticate!(Buffer.from("x"));
  expect(value).toMatch(/^scrypt\.15\.8\.3\.[\w-]{22}\.[\w-]{43}$/);
  expect(parseManifestMac(value).scrypt).toEqual({ log2N: 15, r: 8, p: 3 });
  for (const [from, to] of [
    ["scrypt.15", "scrypt.18"],
    ["scrypt.15", "scrypt.09"],
    [".8.3.", ".9.3."],
    [".8.3.", ".0.3."],
    [".8.3.", ".8.9."],
    [".8.3.", ".8.0."],
    ["scrypt.15.8.3", "argon"],
    [/.$/, ""],
    [/^/, "x"],
  ] as const) {
    const verifying = cipher.verifyAuthentication!(Buffer.from("x"), value.replace(from, to));
    await expect(verifying).rejects.toMatchObject({ code: "manifest_invalid" });
  }
});

test("every derivation within the limits is read from a seal, and those just outside are not", () => {
  const mac = (cost: string): string => `scrypt.${cost}.${"A".repeat(22)}.${"A".repeat(43)}`;
  expect(parseManifestMac(mac("10.1.1")).scrypt).toEqual({ log2N: 10, r: 1, p: 1 });
  expect(parseManifestMac(mac("17.8.8")).scrypt).toEqual({ log2N: 17, r: 8, p: 8 });
  for (const cost of ["09.1.1", "18.1.1", "10.0.1", "10.9.1", "10.1.0", "10.1.9"]) {
    expect(() => parseManifestMac(mac(cost))).toThrow("not in a form this program knows");
  }
  const raw = parseManifestMac(`raw.${"A".repeat(22)}.${"A".repeat(43)}`);
  expect([raw.scrypt, raw.salt.length, raw.mac.length]).toEqual([null, 16, 32]);
});

test("the keys are described with their secret, the current one first", async () => {
  const token = formatKeyToken(Uint8Array.from(randomBytes(32)));
  const keys = await describeKeys({ password: token, previous_passwords: ["old"] }, contextWith());
  expect(keys.map(({ kind, secret, note }) => [kind, secret, note])).toEqual([
    ["key", token, null],
    ["password", "old", "for older backups only"],
  ]);
  expect(keys[0]!.keyId).toBe((await open({ password: token }, contextWith())).keyId);
});

test("a process that keeps no salt describes a password by the salt that it also seals with", async () => {
  const { passwordSalt: _salt, ...context } = contextWith();
  const [described] = await describeKeys({ password: "p" }, context);
  expect(described!.keyId).toBe((await open({ password: "p" }, context)).keyId);
  const [kept] = await describeKeys({ password: "p" }, { ...context, passwordSalt: async () => new Uint8Array(16) });
  expect(kept!.keyId).not.toBe(described!.keyId);
});

test("unknown settings are refused", () => {
  expect(Aes256GcmConfig.safeParse({ passwort: "x" }).success).toBe(false);
  expect(Aes256GcmConfig.safeParse({ password: "" }).success).toBe(false);
  expect(Aes256GcmConfig.safeParse({ password: "p", previous_passwords: ["q"] }).success).toBe(true);
});

test("says where a key comes from: the password wins, then the file, else the installation's own", () => {
  const origin = (config: object): unknown => aes256GcmDefinition.keyOrigin!(config as never);
  expect(origin({ password: "p", key_file: "/k" })).toEqual({ kind: "password" });
  expect(origin({ key_file: "/k" })).toEqual({ kind: "file", path: "/k" });
  expect(origin({})).toEqual({ kind: "installation" });
});
