// Holds a storage to so many kibibytes per second each way, as restic's --limit-upload and --limit-download count them
// (`limit_upload_kbps`, `limit_download_kbps`: 1024 bytes, not kilobits). All writers of the store share one limit, all
// readers the other. It is an average: a store that gathers parts sends each of them at the line's own speed.

import type { BandwidthLimits } from "../../domain/project/project.ts";
import type { ByteStream } from "../../ports/byte-stream.ts";
import type { Clock } from "../../ports/clock.ts";
import type { ObjectStore } from "../../ports/object-store.ts";
import { wrapStore } from "./wrap-store.ts";

interface TokenBucket {
  /** The most that is passed on at once. */
  readonly pieceBytes: number;
  /** Resolves when so many bytes may go. */
  take(bytes: number, signal: AbortSignal): Promise<void>;
}

/** What may be sent at once after a pause. */
const burstMs = 250;

function openTokenBucket(kibPerSecond: number, clock: Clock): TokenBucket {
  const bytesPerMs = (kibPerSecond * 1024) / 1000;
  /** The moment at which all that was promised is paid for. */
  let paidAt = clock.monotonicMs();
  return {
    pieceBytes: Math.max(1024, Math.ceil(bytesPerMs * burstMs)),
    async take(bytes, signal) {
      const now = clock.monotonicMs();
      paidAt = Math.max(paidAt, now - burstMs) + bytes / bytesPerMs;
      if (paidAt > now) await clock.sleep(paidAt - now, signal);
    },
  };
}

async function* limited(stream: ByteStream, bucket: TokenBucket, signal: AbortSignal): ByteStream {
  for await (const chunk of stream) {
    for (let at = 0; at < chunk.length; at += bucket.pieceBytes) {
      const piece = chunk.subarray(at, at + bucket.pieceBytes);
      await bucket.take(piece.length, signal);
      yield piece;
    }
  }
}

export function withBandwidthLimit(store: ObjectStore, limits: BandwidthLimits, clock: Clock): ObjectStore {
  const { uploadKbps, downloadKbps } = limits;
  if (uploadKbps === undefined && downloadKbps === undefined) return store;
  const up = uploadKbps === undefined ? undefined : openTokenBucket(uploadKbps, clock);
  const down = downloadKbps === undefined ? undefined : openTokenBucket(downloadKbps, clock);
  return wrapStore(store, {
    async openWriter(key, options) {
      const writer = await store.openWriter(key, options);
      if (up === undefined) return writer;
      return {
        async write(chunk) {
          for (let at = 0; at < chunk.length; at += up.pieceBytes) {
            const piece = chunk.subarray(at, at + up.pieceBytes);
            await up.take(piece.length, options.signal);
            await writer.write(piece);
          }
        },
        close: () => writer.close(),
        abort: () => writer.abort(),
        [Symbol.asyncDispose]: () => writer[Symbol.asyncDispose](),
      };
    },
    async create(key, bytes, options) {
      await up?.take(bytes.length, options.signal);
      return store.create(key, bytes, options);
    },
    async replace(key, bytes, options) {
      await up?.take(bytes.length, options.signal);
      return store.replace(key, bytes, options);
    },
    read(key, options) {
      const stream = store.read(key, options);
      return down === undefined ? stream : limited(stream, down, options.signal);
    },
  });
}
