// The cipher of our own format. A random data key per part is wrapped by a key from a password or a key file.

import { randomBytes, timingSafeEqual } from "node:crypto";
import {
  defaultScryptCost,
  defaultSegmentLog2,
  saltBytes,
  type ParsedHeader,
} from "../../../domain/backup/container-format.ts";
import { AppError } from "../../../domain/error.ts";
import type { Cipher } from "../../../ports/cipher.ts";
import type { CipherAdapterContext, KeyDescription } from "../definition.ts";
import { formatKeyToken, readKeyFile, toKeyMaterial, type KeyMaterial } from "../key-material.ts";
import { checkRoundTrip } from "../round-trip-check.ts";
import type { Aes256GcmConfig } from "./config.ts";
import { deriveKeys, type DerivedKeys } from "../derive-keys.ts";
import { formatManifestMac, parseManifestMac, verifyManifestMac } from "./manifest-mac.ts";
import { seal } from "./seal.ts";
import { unseal } from "./unseal.ts";

/** For installations without a salt of their own (`restore --from` on a bare machine). */
const processSalt = randomBytes(saltBytes);

export async function open(config: Aes256GcmConfig, context: CipherAdapterContext): Promise<Cipher> {
  const { current, previous } = await findKeyMaterial(config, context);
  const salt = (await context.passwordSalt?.()) ?? processSalt;
  const keys = await deriveKeys(current, salt, defaultScryptCost);
  const keyId = hex(keys.keyId);
  const scrypt = current.kind === "password" ? defaultScryptCost : null;

  async function findKeys(header: ParsedHeader): Promise<DerivedKeys> {
    const needed = header.scrypt === null ? "raw" : "password";
    for (const material of [current, ...previous]) {
      if (material.kind !== needed) continue;
      const candidate = await deriveKeys(material, header.salt, header.scrypt ?? defaultScryptCost);
      if (timingSafeEqual(candidate.keyId, header.keyId)) return candidate;
    }
    throw wrongKey(header);
  }

  const cipher: Cipher = {
    scheme: "aes-256-gcm",
    extension: "enc",
    keyId,
    canDecrypt: true,
    check: (signal) => checkRoundTrip(cipher, signal),
    encrypt(plain, part, signal) {
      const options = { keys, salt, scrypt, segmentLog2: defaultSegmentLog2, random: randomBytes };
      return seal(plain, part, options, signal);
    },
    decrypt: (stored, part, signal) => unseal(stored, part, findKeys, signal),
    async authenticate(bytes) {
      return formatManifestMac(keys, { salt, scrypt }, bytes);
    },
    async verifyAuthentication(bytes, value) {
      const mac = parseManifestMac(value);
      for (const material of [current, ...previous]) {
        if ((material.kind === "raw") !== (mac.scrypt === null)) continue;
        const candidate = await deriveKeys(material, mac.salt, mac.scrypt ?? defaultScryptCost);
        if (verifyManifestMac(candidate, mac, bytes)) return true;
      }
      return false;
    },
  };
  return cipher;
}

export async function describeKeys(
  config: Aes256GcmConfig,
  context: CipherAdapterContext,
): Promise<readonly KeyDescription[]> {
  const { current, previous } = await findKeyMaterial(config, context);
  const salt = (await context.passwordSalt?.()) ?? processSalt;
  return Promise.all(
    [current, ...previous].map(async (material, index) => ({
      scheme: "aes-256-gcm",
      keyId: hex((await deriveKeys(material, salt, defaultScryptCost)).keyId),
      kind: material.kind === "raw" ? "key" : "password",
      secret: material.kind === "raw" ? formatKeyToken(material.key) : material.password,
      note: index === 0 ? null : "for older backups only",
      ...(index === 0 ? {} : { retired: true as const }),
    })),
  );
}

interface KeyRing {
  readonly current: KeyMaterial;
  readonly previous: readonly KeyMaterial[];
}

async function findKeyMaterial(config: Aes256GcmConfig, context: CipherAdapterContext): Promise<KeyRing> {
  if (config.password !== undefined && config.key_file !== undefined) {
    throw new AppError("config_invalid", "encryption has both a password and a key_file", {
      hint: "keep one; an older password belongs in previous_passwords",
    });
  }
  const older = (config.previous_passwords ?? []).map(toKeyMaterial);
  if (config.password !== undefined) return { current: toKeyMaterial(config.password), previous: older };
  if (config.key_file !== undefined) {
    const { key, retired } = await readKeyFile(config.key_file);
    return { current: rawKey(key), previous: [...retired.map(rawKey), ...older] };
  }
  const { secret, previous = [] } = await context.defaultKey();
  return { current: toKeyMaterial(secret), previous: [...previous.map(toKeyMaterial), ...older] };
}

function rawKey(key: Uint8Array): KeyMaterial {
  return { kind: "raw", key };
}

function wrongKey(header: ParsedHeader): AppError {
  const keyId = hex(header.keyId);
  const kind = header.scrypt === null ? "key file" : "password";
  const message = `part ${header.part} of backup ${header.backupId} needs key ${keyId} (a ${kind}), which none of the given keys is`;
  return new AppError("wrong_key", message, {
    hint: `give the ${kind} that was in use when the backup was made; older ones go into previous_passwords, ENCRYPTION_KEY_PREVIOUS, or behind the first key of the key file`,
    details: { keyId },
  });
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
