// A stored part read back as the plain dump. The stream ends only when lengths and hashes of the stored and of the
// plain bytes are those of the manifest; what it yields before that is not yet proven.

import { AppError } from "../domain/error.ts";
import type { ManifestPart } from "../domain/backup/manifest.ts";
import type { ByteStream } from "../ports/byte-stream.ts";
import type { Cipher } from "../ports/cipher.ts";
import type { ObjectReader } from "../ports/object-store.ts";
import type { Deps } from "./deps.ts";
import { openMeter, type Meter } from "./meter.ts";
import { watchStall } from "./watch-stall.ts";

export interface PlainPartRequest {
  readonly store: ObjectReader;
  readonly backupId: string;
  readonly part: ManifestPart;
  /** Needed when the part is encrypted. */
  readonly cipher: Cipher | null;
  readonly signal: AbortSignal;
  /** Hears the running total. */
  onStoredBytes?(bytes: number): void;
}

const elsewhere = "restore from another storage or an older backup; run backupctl verify on the others";

type ReadDeps = Pick<Deps, "codecs" | "settings">;

/** Throws `backup_corrupt` for bytes that differ, `wrong_key` without a key, `stalled`, and what the storage answers. */
export async function* openPlainPart(deps: ReadDeps, request: PlainPartRequest): ByteStream {
  const { part, signal } = request;
  const plain = openMeter();
  const stored = openMeter(request.onStoredBytes);
  const sealed = stored.measure(readWatched(deps, request));
  const compressed =
    part.encryption === null ? sealed : requireCipher(request).decrypt(sealed, contextOf(request), signal);
  yield* plain.measure(nameDamage(part.key, deps.codecs[part.compression.algorithm].decompress(compressed)));
  requireStored(part, stored);
  requireEqual(part.key, "plain bytes", plain.bytes, part.plainBytes);
  requireEqual(part.key, "SHA-256 of the plain bytes", plain.sha256(), part.plainSha256);
}

/** The bytes as they are stored; ends only when they are those of the manifest. What can be proven without the key. */
export async function* openStoredPart(
  deps: Pick<Deps, "settings">,
  request: Omit<PlainPartRequest, "cipher">,
): ByteStream {
  const stored = openMeter(request.onStoredBytes);
  yield* stored.measure(readWatched(deps, request));
  requireStored(request.part, stored);
}

/** A storage that sends nothing for the watchdog's time is given up, whoever reads. */
function readWatched(deps: Pick<Deps, "settings">, request: Omit<PlainPartRequest, "cipher">): ByteStream {
  const { stallTimeoutMs } = deps.settings;
  const { store, part } = request;
  const stalled = new AbortController();
  const signal = AbortSignal.any([request.signal, stalled.signal]);
  const stall = (): AppError =>
    new AppError(
      "stalled",
      `${part.key}: no byte arrived from ${store.location} in ${Math.round(stallTimeoutMs / 1000)} s`,
      {
        hint: "check the network and the storage, or raise BACKUP_STALL_TIMEOUT_SECONDS",
        retryable: true,
      },
    );
  return watchStall(store.read(part.key, { signal }), stallTimeoutMs, stall, (error) => stalled.abort(error));
}

/** A decoder knows what is damaged, but not in which object. */
async function* nameDamage(key: string, decoded: ByteStream): ByteStream {
  try {
    yield* decoded;
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== "backup_corrupt") throw error;
    const { message, hint = elsewhere, details } = error;
    throw new AppError("backup_corrupt", `${key}: ${message}`, { hint, details: { ...details, key }, cause: error });
  }
}

function requireStored(part: ManifestPart, stored: Meter): void {
  requireEqual(part.key, "stored bytes", stored.bytes, part.storedBytes);
  requireEqual(part.key, "SHA-256 of the stored bytes", stored.sha256(), part.storedSha256);
}

function contextOf(request: PlainPartRequest): { readonly backupId: string; readonly part: string } {
  return { backupId: request.backupId, part: request.part.name };
}

function requireCipher({ cipher, part }: PlainPartRequest): Cipher {
  if (cipher !== null) return cipher;
  throw new AppError(
    "wrong_key",
    `${part.key} is encrypted (${part.encryption?.scheme}, key ${part.encryption?.keyId}) and no key is at hand`,
    {
      hint: "give the project its encryption settings, or set ENCRYPTION_KEY",
    },
  );
}

function requireEqual(key: string, what: string, actual: number | string, expected: number | string): void {
  if (actual === expected) return;
  throw new AppError("backup_corrupt", `${key}: ${what} are ${actual}, the manifest says ${expected}`, {
    hint: elsewhere,
    details: { key },
  });
}
