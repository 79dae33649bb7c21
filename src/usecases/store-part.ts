// One part of a dump on its way: source → compress → encrypt → hash → every storage at once.

import { AppError } from "../domain/error.ts";
import type { ManifestPart } from "../domain/backup/manifest.ts";
import type { CompressionSpec } from "../domain/project/project.ts";
import type { ByteStream } from "../ports/byte-stream.ts";
import type { Cipher } from "../ports/cipher.ts";
import type { ObjectStore } from "../ports/object-store.ts";
import type { DumpPart } from "../ports/source.ts";
import type { Deps } from "./deps.ts";
import { fanOut, type SinkFailure } from "./fan-out.ts";
import { countBytes, openDigestMeter, openMeter } from "./meter.ts";
import { openSinks } from "./open-sinks.ts";
import { atStage, tagStage } from "./stage-error.ts";
import { watchStall } from "./watch-stall.ts";

export interface Target {
  readonly name: string;
  readonly store: ObjectStore;
}

export interface StorePartRequest {
  readonly backupId: string;
  readonly partName: string;
  readonly source: string;
  readonly key: string;
  readonly part: DumpPart;
  readonly compression: CompressionSpec;
  readonly cipher: Cipher | null;
  readonly targets: readonly Target[];
  readonly tags: Readonly<Record<string, string>>;
  readonly expectedBytes: number | null;
  readonly signal: AbortSignal;
  /** Makes the source give up when it stalls. */
  abortSource(error: AppError): void;
  onPlainBytes(bytes: number): void;
  /** When the source last showed life other than by bytes. */
  activeAt?(): number;
}

export interface StoredPart {
  readonly part: ManifestPart;
  readonly failures: readonly SinkFailure[];
}

const relieveEveryBytes = 8 * 1024 * 1024;

/** Throws the source's or cipher's error, or the last storage's when none is left. */
export async function storePart(
  deps: Pick<Deps, "codecs" | "settings" | "relieveMemory" | "reach">,
  request: StorePartRequest,
): Promise<StoredPart> {
  const { compression, cipher, signal } = request;
  const { stallTimeoutMs } = deps.settings;
  const codec = deps.codecs[compression.algorithm];
  let compressedBytes = 0;
  let relievedAt = 0;
  const onBytes = (bytes: number): void => {
    request.onPlainBytes(bytes);
    if (bytes - relievedAt < relieveEveryBytes) return;
    relievedAt = bytes;
    deps.relieveMemory();
    deps.reach("dump.part_half");
  };
  const { digest } = request.part;
  const plain = digest === undefined ? openMeter(onBytes) : openDigestMeter(digest, onBytes);
  const stored = openMeter();

  const opened = await openSinks(request, stallTimeoutMs);
  if (opened.sinks.length === 0) throw opened.failures.at(-1)!.error;
  deps.reach("dump.part_open");
  try {
    const watched = watchStall(
      request.part.stream,
      stallTimeoutMs,
      () =>
        new AppError("stalled", `source ${request.source} sent no data for ${Math.round(stallTimeoutMs / 1000)} s`, {
          hint: "look for locks that block the dump, or raise BACKUP_STALL_TIMEOUT_SECONDS",
          retryable: true,
        }),
      request.abortSource,
      request.activeAt,
    );
    const dump = plain.measure(atStage("dump", refuseEmpty(watched, request.source)));
    const compressed = countBytes(codec.compress(dump, compression.level), (bytes) => (compressedBytes = bytes));
    const context = { backupId: request.backupId, part: request.partName };
    const sealed = cipher === null ? compressed : atStage("encrypt", cipher.encrypt(compressed, context, signal));
    const result = await fanOut(stored.measure(sealed), opened.sinks, { stallTimeoutMs });
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
        format: request.part.format,
        key: request.key,
        plainBytes: plain.bytes,
        compressedBytes,
        storedBytes: stored.bytes,
        plainSha256: plain.sha256(),
        storedSha256: stored.sha256(),
        compression: { algorithm: compression.algorithm, level: compression.level },
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

/** An end of stream without a single byte is never a dump. */
async function* refuseEmpty(stream: ByteStream, source: string): ByteStream {
  let empty = true;
  for await (const chunk of stream) {
    empty = false;
    yield chunk;
  }
  if (empty) throw new AppError("source_failed", `source ${source} yielded an empty dump`);
}
