// An empty restic repository whose key is cheap to open: restic itself stretches a new password for half a second, and
// every call afterwards pays for it again. Written as restic's format has it, so that restic tells no difference.

import { createCipheriv, createHash, randomBytes, scryptSync } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";

interface KeyPair {
  /** 32 bytes for AES-256-CTR. */
  readonly encrypt: Buffer;
  /** 16 bytes each for Poly1305-AES. */
  readonly k: Buffer;
  readonly r: Buffer;
}

const cost = { N: 16, r: 8, p: 1 } as const;
/** Any irreducible one will do. */
const polynomial = "31f31f89d5b707";

/** The files of a repository, by their paths in it. */
export function makeQuickRepository(password: string): ReadonlyMap<string, Buffer> {
  const master: KeyPair = { encrypt: randomBytes(32), k: randomBytes(16), r: clamp(randomBytes(16)) };
  const config = { version: 2, id: randomBytes(32).toString("hex"), chunker_polynomial: polynomial };
  const salt = randomBytes(64);
  const stretched = scryptSync(password, salt, 64, cost);
  const user = { encrypt: stretched.subarray(0, 32), k: stretched.subarray(32, 48), r: stretched.subarray(48) };
  const secret = {
    mac: { k: master.k.toString("base64"), r: master.r.toString("base64") },
    encrypt: master.encrypt.toString("base64"),
  };
  const key = Buffer.from(
    JSON.stringify({
      created: "2026-01-01T00:00:00Z",
      username: "test",
      hostname: "test",
      kdf: "scrypt",
      ...cost,
      salt: salt.toString("base64"),
      data: seal(JSON.stringify(secret), user).toString("base64"),
    }),
  );
  return new Map([
    ["config", seal(JSON.stringify(config), master)],
    [`keys/${createHash("sha256").update(key).digest("hex")}`, key],
  ]);
}

/** Makes it at `directory`, which need not exist. */
export async function writeQuickRepository(directory: string, password: string): Promise<void> {
  for (const folder of ["data", "index", "keys", "locks", "snapshots"]) {
    await mkdir(join(directory, folder), { recursive: true, mode: 0o700 });
  }
  for (const [path, content] of makeQuickRepository(password)) {
    await mkdir(dirname(join(directory, path)), { recursive: true });
    await writeFile(join(directory, path), content, { mode: 0o600 });
  }
}

function seal(text: string, { encrypt, k, r }: KeyPair): Buffer {
  const nonce = randomBytes(16);
  const cipher = createCipheriv("aes-256-ctr", encrypt, nonce);
  const sealed = Buffer.concat([cipher.update(text, "utf8"), cipher.final()]);
  const block = createCipheriv("aes-128-ecb", k, null).setAutoPadding(false);
  return Buffer.concat([nonce, sealed, poly1305(sealed, r, block.update(nonce))]);
}

function clamp(r: Buffer): Buffer {
  for (const index of [3, 7, 11, 15]) r[index] = r[index]! & 15;
  for (const index of [4, 8, 12]) r[index] = r[index]! & 252;
  return r;
}

function poly1305(message: Buffer, rBytes: Buffer, sBytes: Buffer): Buffer {
  const prime = 2n ** 130n - 5n;
  const r = littleEndian(clamp(Buffer.from(rBytes)));
  let sum = 0n;
  for (let start = 0; start < message.length; start += 16) {
    const part = message.subarray(start, start + 16);
    sum = ((sum + littleEndian(part) + 2n ** BigInt(8 * part.length)) * r) % prime;
  }
  const tag = (sum + littleEndian(sBytes)) & (2n ** 128n - 1n);
  return Buffer.from(tag.toString(16).padStart(32, "0"), "hex").reverse();
}

function littleEndian(bytes: Buffer): bigint {
  return BigInt(`0x${Buffer.from(bytes).reverse().toString("hex")}`);
}
