// From a password or raw key to the keys in use. A derivation is remembered for the life of the process: the parts of
// one installation share their salt, so that the slow step is done once.

import { createHash, createHmac, hkdfSync, scrypt } from "node:crypto";
import { defaultScryptCost, keyIdBytes, saltBytes, type ScryptCost } from "../../domain/backup/container-format.ts";
import { toKeyMaterial, type KeyMaterial } from "./key-material.ts";

export interface DerivedKeys {
  readonly keyId: Uint8Array;
  /** Wraps the data keys. */
  readonly wrapKey: Uint8Array;
  /** Authenticates manifests. */
  readonly manifestKey: Uint8Array;
}

const scryptMaxMemoryBytes = 160 * 1024 * 1024;
const maxRemembered = 64;
const remembered = new Map<string, Promise<DerivedKeys>>();

/** `cost` counts for a password only: a raw key needs no stretching. */
export function deriveKeys(material: KeyMaterial, salt: Uint8Array, cost: ScryptCost): Promise<DerivedKeys> {
  const secret = material.kind === "raw" ? material.key : material.password;
  const costName = `${cost.log2N}.${cost.r}.${cost.p}`;
  const name = createHash("sha256").update(`${material.kind}\0${costName}\0`).update(salt).update(secret).digest("hex");
  let derived = remembered.get(name);
  if (derived === undefined) {
    if (remembered.size >= maxRemembered) remembered.clear();
    derived = derive(material, salt, cost);
    remembered.set(name, derived);
    derived.catch(() => remembered.delete(name));
  }
  return derived;
}

async function derive(material: KeyMaterial, salt: Uint8Array, cost: ScryptCost): Promise<DerivedKeys> {
  const master =
    material.kind === "raw"
      ? expand(material.key, salt, "backupctl/1 master", 32)
      : await stretch(material.password, salt, cost);
  return {
    // A raw key cannot be guessed, so its name need not hide behind the salt and stays the same everywhere.
    keyId: material.kind === "raw" ? rawKeyId(material.key) : expand(master, none, "backupctl/1 key id", keyIdBytes),
    wrapKey: expand(master, none, "backupctl/1 wrap", 32),
    manifestKey: expand(master, none, "backupctl/1 manifest", 32),
  };
}

const none = new Uint8Array(0);
const noSalt = new Uint8Array(saltBytes);

/** The key id of a secret as text: 16 hex digits. Only a password's hangs on the salt. */
export async function keyIdOf(secret: string, salt: Uint8Array = noSalt): Promise<string> {
  const keys = await deriveKeys(toKeyMaterial(secret), salt, defaultScryptCost);
  return Buffer.from(keys.keyId).toString("hex");
}

function rawKeyId(key: Uint8Array): Uint8Array {
  return expand(key, none, "backupctl/1 raw key id", keyIdBytes);
}

function expand(secret: Uint8Array, salt: Uint8Array, purpose: string, length: number): Uint8Array {
  return new Uint8Array(hkdfSync("sha256", secret, salt, purpose, length));
}

let lastStretch: Promise<unknown> = Promise.resolve();

/** One at a time: each takes 32 MiB, and backups that begin at the same moment would take that at once. */
function stretch(password: string, salt: Uint8Array, cost: ScryptCost): Promise<Uint8Array> {
  const key = lastStretch.then(() => stretchNow(password, salt, cost));
  lastStretch = key.catch(() => {});
  return key;
}

function stretchNow(password: string, salt: Uint8Array, { log2N, r, p }: ScryptCost): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    scrypt(password, salt, 32, { N: 2 ** log2N, r, p, maxmem: scryptMaxMemoryBytes }, (error, key) => {
      // Bun says undefined where Node says null.
      if (error) reject(error);
      else resolve(key);
    });
  });
}

/** HMAC-SHA256. */
export function manifestMac(keys: DerivedKeys, bytes: Uint8Array): Buffer {
  return createHmac("sha256", keys.manifestKey).update(bytes).digest();
}
