// The second half of a part's way: compressed bytes → encrypt → hash → every storage at once.

import { AppError } from "../domain/error.ts";
import type { ManifestPart } from "../domain/backup/manifest.ts";
import type { Cipher } from "../ports/cipher.ts";
import type { CompressedPart } from "./compress-part.ts";
import type { Deps } from "./deps.ts";
import { fanOut } from "./fan-out.ts";
import { openMeter } from "./meter.ts";
import { openSinks } from "./open-sinks.ts";
import { atStage, tagStage } from "./stage-error.ts";
import type { NamedStore, StorageFailure } from "./named.ts";

export interface StorePartRequest {
  readonly backupId: string;
  readonly partName: string;
  readonly source: string;
  readonly key: string;
  readonly compressed: CompressedPart;
  readonly cipher: Cipher | null;
  readonly stores: readonly NamedStore[];
  readonly tags: Readonly<Record<string, string>>;
  readonly expectedBytes: number | null;
  readonly signal: AbortSignal;
}

export interface StoredPart {
  readonly part: ManifestPart;
  readonly failures: readonly StorageFailure[];
}

/** Throws the source's or cipher's error, or the last storage's when none is left. */
export async function storePart(
  deps: Pick<Deps, "settings" | "freeChunk" | "reach">,
  request: StorePartRequest,
): Promise<StoredPart> {
  const { compressed, cipher, signal } = request;
  const { stallTimeoutMs } = deps.settings;
  const stored = openMeter();

  const opened = await openSinks(request, stallTimeoutMs);
  if (opened.sinks.length === 0) throw opened.failures.at(-1)!.error;
  deps.reach("dump.part_open");
  try {
    const context = { backupId: request.backupId, part: request.partName };
    const sealed =
      cipher === null ? compressed.stream : atStage("encrypt", cipher.encrypt(compressed.stream, context, signal));
    const result = await fanOut(stored.measure(sealed), opened.sinks, { stallTimeoutMs, freeChunk: deps.freeChunk });
    const short = result.stored.filter(({ info }) => info.sizeBytes !== stored.bytes);
    const wrong = short.map(({ name, info }) => ({
      name,
      error: sizeError(name, request.key, info.sizeBytes, stored.bytes),
    }));
    if (wrong.length === result.stored.length) throw wrong[0]!.error;
    deps.reach("dump.part_durable");
    return {
      failures: [...opened.failures, ...result.failures, ...wrong],
      part: {
        name: request.partName,
        source: request.source,
        key: request.key,
        ...compressed.describe(),
        storedBytes: stored.bytes,
        storedSha256: stored.sha256(),
        encryption: cipher === null ? null : { scheme: cipher.scheme, keyId: cipher.keyId },
      },
    };
  } catch (error) {
    // Without effect on what was closed.
    await Promise.all(opened.sinks.map(({ writer }) => writer.abort()));
    throw error;
  } finally {
    opened.release();
  }
}

function sizeError(name: string, key: string, actual: number, expected: number): AppError {
  const message = `storage ${name} holds ${actual} bytes of ${key}, ${expected} were written`;
  return tagStage(new AppError("storage_failed", message, { retryable: true }), "sync");
}
