// Reads a container. A segment is passed on only after its tag was proven, and the stream ends only after a segment
// that was sealed as the last one.

import { createDecipheriv, createHash } from "node:crypto";
import {
  headerCheckBytes,
  headerStartBytes,
  parseHeader,
  readHeaderLength,
  segmentNonce,
  tagBytes,
  type ParsedHeader,
} from "../../../domain/backup/container-format.ts";
import { AppError } from "../../../domain/error.ts";
import type { ByteStream } from "../../../ports/byte-stream.ts";
import type { CipherContext } from "../../../ports/cipher.ts";
import { openByteReader, type ByteReader } from "../../bytes/byte-reader.ts";
import type { DerivedKeys } from "../derive-keys.ts";
import { headerCheck } from "./seal.ts";

/** Finds the keys that fit the header; throws `wrong_key`. */
export type FindKeys = (header: ParsedHeader) => Promise<DerivedKeys>;

export async function* unseal(
  stored: ByteStream,
  context: CipherContext | undefined,
  findKeys: FindKeys,
  signal: AbortSignal,
): ByteStream {
  const reader = openByteReader(stored);
  try {
    const bytes = await readHeader(reader);
    const header = parseHeader(bytes);
    if (context !== undefined) checkContext(header, context);
    const dataKey = unwrapKey(header, await findKeys(header));
    const binding = createHash("sha256").update(bytes).digest();
    const recordBytes = 2 ** header.segmentLog2 + tagBytes;
    let isLast = false;
    for (let index = 0; !isLast; index++) {
      signal.throwIfAborted();
      const record = await reader.take(recordBytes);
      isLast = await reader.isAtEnd();
      if (record.length < tagBytes) throw corrupt("it ends before its last segment");
      // Only an empty part has an empty segment; elsewhere it would be a second way to write the same content.
      if (record.length === tagBytes && index > 0) throw corrupt("it ends with an empty segment");
      const decipher = createDecipheriv("aes-256-gcm", dataKey, segmentNonce(header.noncePrefix, index, isLast), {
        authTagLength: tagBytes,
      });
      decipher.setAAD(binding);
      decipher.setAuthTag(record.subarray(record.length - tagBytes));
      const plain = decipher.update(record.subarray(0, record.length - tagBytes));
      try {
        decipher.final();
      } catch (error) {
        throw corrupt(`segment ${index} is not what was written there: changed, moved or cut off`, error);
      }
      if (plain.length > 0) yield plain;
    }
  } finally {
    await reader.close();
  }
}

async function readHeader(reader: ByteReader): Promise<Uint8Array> {
  const headerBytes = readHeaderLength(await reader.peek(headerStartBytes));
  const bytes = await reader.take(headerBytes);
  if (bytes.length < headerBytes) throw corrupt("it ends inside its header");
  const checkAt = headerBytes - headerCheckBytes;
  if (!headerCheck(bytes.subarray(0, checkAt)).equals(bytes.subarray(checkAt))) throw corrupt("its header was changed");
  return bytes;
}

function checkContext(header: ParsedHeader, context: CipherContext): void {
  if (header.backupId === context.backupId && header.part === context.part) return;
  throw new AppError(
    "backup_corrupt",
    `the encrypted file is part ${header.part} of backup ${header.backupId}, where part ${context.part} of backup ${context.backupId} was expected`,
    { hint: "somebody exchanged or renamed files in the storage" },
  );
}

function unwrapKey(header: ParsedHeader, keys: DerivedKeys): Uint8Array {
  const unwrap = createDecipheriv("aes-256-gcm", keys.wrapKey, header.wrapNonce, { authTagLength: tagBytes });
  unwrap.setAAD(header.start);
  unwrap.setAuthTag(header.wrapTag);
  const dataKey = unwrap.update(header.wrappedKey);
  try {
    unwrap.final();
  } catch (error) {
    throw corrupt("its header was changed", error);
  }
  return dataKey;
}

function corrupt(problem: string, cause?: unknown): AppError {
  const message = `the encrypted file is damaged: ${problem}`;
  return new AppError("backup_corrupt", message, cause === undefined ? {} : { cause });
}
