// The first half of a part's way: source → hash → compress. It runs ahead of the second one (store-part.ts), which may
// still wait for its key: stretching a password keeps one core busy for a quarter of a second, and leaves the others.

import { AppError } from "../domain/error.ts";
import type { ManifestPart } from "../domain/backup/manifest.ts";
import type { CompressionSpec } from "../domain/project/project.ts";
import type { ByteStream } from "../ports/byte-stream.ts";
import type { DumpPart } from "../ports/source.ts";
import type { Deps } from "./deps.ts";
import { countBytes, openDigestMeter, openMeter } from "./meter.ts";
import { readAhead } from "./read-ahead.ts";
import { atStage } from "./stage-error.ts";
import { watchStall } from "./watch-stall.ts";

export interface CompressPartRequest {
  readonly source: string;
  readonly part: DumpPart;
  readonly compression: CompressionSpec;
  /** Makes the source give up when it stalls. */
  abortSource(error: AppError): void;
  onPlainBytes(bytes: number): void;
  /** When the source last showed life other than by bytes, as `performance.now()`. */
  activeAt?(): number;
}

export interface CompressedPart extends AsyncDisposable {
  /** Throws the source's error. To be read once. */
  readonly stream: ByteStream;
  /** Only after the stream has ended. */
  describe(): Pick<ManifestPart, "format" | "plainBytes" | "plainSha256" | "compressedBytes" | "compression">;
}

const relieveEveryBytes = 8 * 1024 * 1024;
/** Half of what one core compresses while another stretches the password; more would be memory that is needed once. */
const aheadBytes = 4 * 1024 * 1024;

/** Starts at once. */
export function compressPart(
  deps: Pick<Deps, "codecs" | "settings" | "relieveMemory" | "reach">,
  { source, part, compression, ...request }: CompressPartRequest,
): CompressedPart {
  const { stallTimeoutMs } = deps.settings;
  const { algorithm, level } = compression;
  let compressedBytes = 0;
  let relievedAt = 0;
  const onBytes = (bytes: number): void => {
    request.onPlainBytes(bytes);
    if (bytes - relievedAt < relieveEveryBytes) return;
    relievedAt = bytes;
    deps.relieveMemory();
    deps.reach("dump.part_half");
  };
  const plain = part.digest === undefined ? openMeter(onBytes) : openDigestMeter(part.digest, onBytes);
  const stall = (): AppError =>
    new AppError("stalled", `source ${source} sent no data for ${Math.round(stallTimeoutMs / 1000)} s`, {
      hint: "look for locks that block the dump, or raise BACKUP_STALL_TIMEOUT_SECONDS",
      retryable: true,
    });
  const watched = watchStall(part.stream, stallTimeoutMs, stall, request.abortSource, request.activeAt);
  const dump = plain.measure(atStage("dump", refuseEmpty(watched, source)));
  const compressed = countBytes(deps.codecs[algorithm].compress(dump, level), (bytes) => (compressedBytes = bytes));
  const ahead = readAhead(compressed, aheadBytes);
  return {
    stream: ahead.stream,
    describe: () => ({
      format: part.format,
      plainBytes: plain.bytes,
      compressedBytes,
      plainSha256: plain.sha256(),
      compression: { algorithm, level },
    }),
    [Symbol.asyncDispose]: () => ahead[Symbol.asyncDispose](),
  };
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
