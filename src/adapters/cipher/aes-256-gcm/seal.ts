// Writes a container: header with the wrapped data key, then sealed segments.

import { createCipheriv, createHash } from "node:crypto";
import {
  dataKeyBytes,
  encodeHeaderStart,
  headerCheckBytes,
  noncePrefixBytes,
  segmentNonce,
  wrapNonceBytes,
  type ScryptCost,
} from "../../../domain/backup/container-format.ts";
import type { ByteStream } from "../../../ports/byte-stream.ts";
import type { CipherContext } from "../../../ports/cipher.ts";
import { createBlockPool, gatherBlocks } from "../../bytes/gather-blocks.ts";
import { ownBlock } from "../../bytes/owned-blocks.ts";
import type { DerivedKeys } from "../derive-keys.ts";

export interface SealOptions {
  readonly keys: DerivedKeys;
  readonly salt: Uint8Array;
  readonly scrypt: ScryptCost | null;
  readonly segmentLog2: number;
  /** Cryptographically random bytes; fixed only for the test vectors. */
  random(length: number): Uint8Array;
}

export async function* seal(
  plain: ByteStream,
  context: CipherContext,
  options: SealOptions,
  signal: AbortSignal,
): ByteStream {
  const dataKey = options.random(dataKeyBytes);
  const noncePrefix = options.random(noncePrefixBytes);
  const header = encodeHeader(dataKey, noncePrefix, context, options);
  yield header;

  const binding = createHash("sha256").update(header).digest();
  const pool = createBlockPool(2 ** options.segmentLog2);
  let index = 0;
  const sealSegment = (block: Uint8Array, isLast: boolean): readonly Uint8Array[] => {
    signal.throwIfAborted();
    const cipher = createCipheriv("aes-256-gcm", dataKey, segmentNonce(noncePrefix, index, isLast));
    cipher.setAAD(binding);
    const sealed = cipher.update(block);
    cipher.final();
    index += 1;
    return sealed.length === 0 ? [cipher.getAuthTag()] : [ownBlock(sealed), cipher.getAuthTag()];
  };

  // One block is held back, because only the end of the stream tells which one is the last.
  let held: Uint8Array | undefined;
  for await (const block of gatherBlocks(plain, pool)) {
    if (held !== undefined) {
      yield* sealSegment(held, false);
      pool.give(held);
    }
    held = block;
  }
  yield* sealSegment(held ?? new Uint8Array(0), true);
}

function encodeHeader(
  dataKey: Uint8Array,
  noncePrefix: Uint8Array,
  context: CipherContext,
  options: SealOptions,
): Uint8Array {
  const wrapNonce = options.random(wrapNonceBytes);
  const { keys, salt, scrypt, segmentLog2 } = options;
  const start = encodeHeaderStart({
    scrypt,
    segmentLog2,
    salt,
    keyId: keys.keyId,
    noncePrefix,
    backupId: context.backupId,
    part: context.part,
    wrapNonce,
  });
  const wrap = createCipheriv("aes-256-gcm", keys.wrapKey, wrapNonce);
  wrap.setAAD(start);
  const wrappedKey = Buffer.concat([wrap.update(dataKey), wrap.final()]);
  const header = Buffer.concat([start, wrappedKey, wrap.getAuthTag()]);
  return Buffer.concat([header, headerCheck(header)]);
}

/** Not a secret: it tells a damaged header from a wrong password. */
export function headerCheck(header: Uint8Array): Buffer {
  return createHash("sha256").update(header).digest().subarray(0, headerCheckBytes);
}
