// The text form of a manifest's authentication: how its key is derived, and the HMAC-SHA256.

import { timingSafeEqual } from "node:crypto";
import { isAllowedCost, saltBytes, type ScryptCost } from "../../../domain/backup/container-format.ts";
import { AppError } from "../../../domain/error.ts";
import { manifestMac, type DerivedKeys } from "../derive-keys.ts";

/** The `value` of a manifest's `mac`, taken apart. */
export interface SealText {
  readonly scrypt: ScryptCost | null;
  readonly salt: Uint8Array;
  readonly mac: Uint8Array;
}

const macBytes = 32;

/** `scrypt.15.8.3.<salt>.<mac>` or `raw.<salt>.<mac>`. */
export function formatManifestMac(
  keys: DerivedKeys,
  { scrypt, salt }: Pick<SealText, "scrypt" | "salt">,
  bytes: Uint8Array,
): string {
  const derivation = scrypt === null ? ["raw"] : ["scrypt", scrypt.log2N, scrypt.r, scrypt.p];
  return [...derivation, Buffer.from(salt).toString("base64url"), manifestMac(keys, bytes).toString("base64url")].join(
    ".",
  );
}

/** Throws `manifest_invalid`; the cost of what it returns may be paid. */
export function parseManifestMac(value: string): SealText {
  const match = /^(?:raw|scrypt\.(\d{2})\.(\d)\.(\d))\.([\w-]{22})\.([\w-]{43})$/.exec(value);
  const [log2N, r, p] = [match?.[1], match?.[2], match?.[3]].map(Number);
  const cost: ScryptCost | null = match?.[1] === undefined ? null : { log2N: log2N!, r: r!, p: p! };
  const salt = Buffer.from(match?.[4] ?? "", "base64url");
  const mac = Buffer.from(match?.[5] ?? "", "base64url");
  if (salt.length !== saltBytes || mac.length !== macBytes || (cost !== null && !isAllowedCost(cost))) {
    throw new AppError("manifest_invalid", "the manifest's authentication is not in a form this program knows");
  }
  return { scrypt: cost, salt, mac };
}

export function verifyManifestMac(keys: DerivedKeys, mac: SealText, bytes: Uint8Array): boolean {
  return timingSafeEqual(manifestMac(keys, bytes), mac.mac);
}
