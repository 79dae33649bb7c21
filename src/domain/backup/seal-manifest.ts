// Binds a manifest to the key of its backup. The seal covers every field, also those this program does not know, in a
// form that does not depend on white space or the order of fields.

import { AppError } from "../error.ts";
import type { Manifest } from "./manifest.ts";
import { formatManifest, parseJson, parseManifest } from "./parse-manifest.ts";
import { fieldsOf, invalid } from "./read-json.ts";

/** What a cipher offers for it; a cipher of public keys offers nothing. */
export interface ManifestSealer {
  readonly keyId: string;
  authenticate?(bytes: Uint8Array): Promise<string>;
  verifyAuthentication?(bytes: Uint8Array, value: string): Promise<boolean>;
}

const sealScheme = "hmac-sha256";
const maxDepth = 32;

/** The manifest with its `mac`, or unchanged where the cipher cannot seal. */
export async function sealManifest(sealer: ManifestSealer | null, manifest: Manifest): Promise<Manifest> {
  if (sealer?.authenticate === undefined) return manifest;
  const value = await sealer.authenticate(sealedBytes(formatManifest(manifest)));
  return { ...manifest, mac: { scheme: sealScheme, keyId: sealer.keyId, value } };
}

/**
 * Reads a manifest and, where the cipher can, proves that nobody changed it; throws `manifest_invalid`.
 * `sealer` null: there is no key at hand, and the manifest is only read.
 */
export async function checkManifest(sealer: ManifestSealer | null, json: string): Promise<Manifest> {
  const manifest = parseManifest(json);
  if (sealer?.verifyAuthentication === undefined) return manifest;
  const mac = manifest.mac ?? null;
  if (mac === null || mac.scheme !== sealScheme) {
    throw new AppError(
      "manifest_invalid",
      `the manifest of backup ${manifest.backupId} is not sealed with the backup's key`,
      {
        hint: "somebody removed the seal, or the backup was made without encryption",
      },
    );
  }
  if (await sealer.verifyAuthentication(sealedBytes(json), mac.value)) return manifest;
  throw new AppError(
    "manifest_invalid",
    `the manifest of backup ${manifest.backupId} was changed after it was written, or sealed with another key than ${mac.keyId}`,
    {
      hint: `if key ${mac.keyId} is an older one of yours, add it to previous_passwords; else do not trust this backup`,
      details: { keyId: mac.keyId },
    },
  );
}

/** The text without `mac`: fields sorted by name, no white space, everything outside ASCII escaped. */
export function sealedBytes(json: string): Uint8Array {
  const { mac: _mac, ...fields } = fieldsOf(parseJson(json), "the top");
  const canonical = canonicalJson(fields, 0);
  return Uint8Array.from(canonical, (character) => character.charCodeAt(0));
}

function canonicalJson(value: unknown, depth: number): string {
  if (depth > maxDepth) throw invalid("the top", `at most ${maxDepth} levels`);
  if (Array.isArray(value)) return `[${value.map((item) => canonicalJson(item, depth + 1)).join(",")}]`;
  if (typeof value !== "object" || value === null) return asciiJson(value);
  const entries = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([field, item]) => `${asciiJson(field)}:${canonicalJson(item, depth + 1)}`).join(",")}}`;
}

function asciiJson(value: unknown): string {
  return JSON.stringify(value).replaceAll(
    /[\u007f-\uffff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
