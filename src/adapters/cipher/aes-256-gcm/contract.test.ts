// The contract on small segments, so that every border is cheap to reach, and on the segments of the product.

import { randomBytes } from "node:crypto";
import { defaultScryptCost, type ScryptCost } from "../../../domain/backup/container-format.ts";
import { describeCipherContract, type CipherSubject } from "../../../ports/cipher.contract.ts";
import type { Cipher } from "../../../ports/cipher.ts";
import { open } from "./index.ts";
import { formatKeyToken } from "../key-material.ts";
import { deriveKeys } from "../derive-keys.ts";
import { seal } from "./seal.ts";

const canary = "canary-Pa55-word-of-the-contract";
const segmentLog2 = 12;
const headerBytes = 125 + "k3v9q2xa".length + "database".length;

const cipherContext = {
  tmpDir: "/nonexistent",
  tools: {},
  defaultKey: () => Promise.reject(new Error("not asked for")),
};

async function openSmall(secret: string): Promise<Cipher> {
  const cipher = await open({ password: secret }, cipherContext);
  const salt = randomBytes(16);
  const scrypt: ScryptCost | null = secret.startsWith("bkk1_") ? null : { log2N: 10, r: 8, p: 1 };
  const material =
    scrypt === null
      ? ({ kind: "raw", key: Buffer.from(secret.slice(5), "base64url").subarray(0, 32) } as const)
      : ({ kind: "password", password: secret } as const);
  const keys = await deriveKeys(material, salt, scrypt ?? defaultScryptCost);
  const options = { keys, salt, scrypt, segmentLog2, random: randomBytes };
  return { ...cipher, encrypt: (plain, context, signal) => seal(plain, context, options, signal) };
}

async function openSubject(secret: string, other: string): Promise<CipherSubject> {
  return {
    cipher: await openSmall(secret),
    stranger: await openSmall(other),
    canaries: [secret, other],
    [Symbol.asyncDispose]: async () => {},
  };
}

const small = {
  segmentBytes: 2 ** segmentLog2,
  storedSegmentBytes: 2 ** segmentLog2 + 16,
  headerBytes,
  bindsContext: true,
  attempts: 200,
  headerCodes: ["backup_corrupt"],
};

describeCipherContract("aes-256-gcm with a password", () => openSubject(canary, `${canary}-other`), small);
describeCipherContract(
  "aes-256-gcm with a key file",
  () => openSubject(formatKeyToken(randomBytes(32)), formatKeyToken(randomBytes(32))),
  small,
);
describeCipherContract(
  "aes-256-gcm with the product's segments",
  async () => ({
    cipher: await open({ password: canary }, cipherContext),
    stranger: await open({ password: `${canary}-other` }, cipherContext),
    canaries: [canary],
    [Symbol.asyncDispose]: async () => {},
  }),
  { ...small, segmentBytes: 2 ** 20, storedSegmentBytes: 2 ** 20 + 16, attempts: 10 },
);
