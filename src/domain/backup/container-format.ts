// The outer form of our encrypted container, byte by byte. docs/reference/format.md explains it; the cryptography on top
// of it is in src/adapters/cipher/aes-256-gcm. All numbers are big-endian.

import { AppError } from "../error.ts";

/** "BKCTL" and a line-end trap: a transfer in text mode damages it visibly. */
export const containerMagic: readonly number[] = [0x42, 0x4b, 0x43, 0x54, 0x4c, 0x0d, 0x0a, 0x1a];
export const containerVersion = 1;
/** Where the key comes from, as the header says it. */
const keySources = { password: 1, keyFile: 2 } as const;
export const saltBytes = 16;
export const keyIdBytes = 8;
export const noncePrefixBytes = 7;
export const wrapNonceBytes = 12;
export const dataKeyBytes = 32;
export const tagBytes = 16;
export const headerCheckBytes = 16;
export const defaultSegmentLog2 = 20;

/** The bytes that tell how long the header is. */
export const headerStartBytes = 16;
const namesAt = 49;
const afterNamesBytes = wrapNonceBytes + dataKeyBytes + tagBytes + headerCheckBytes;
const minHeaderBytes = namesAt + 1 + 1 + afterNamesBytes;
const maxNameBytes = 255;
const maxHeaderBytes = namesAt + 2 * maxNameBytes + afterNamesBytes;
const minSegmentLog2 = 12;
const maxSegmentLog2 = 24;
const maxSegments = 2 ** 32;

export interface ScryptCost {
  readonly log2N: number;
  readonly r: number;
  readonly p: number;
}

/** 32 MiB of memory and about 0.2 s. */
export const defaultScryptCost: ScryptCost = { log2N: 15, r: 8, p: 3 };
const minScryptCost: ScryptCost = { log2N: 10, r: 1, p: 1 };
const maxScryptCost: ScryptCost = { log2N: 17, r: 8, p: 8 };

/** What somebody else wrote must not make us spend gigabytes or minutes. */
export function isAllowedCost(cost: ScryptCost): boolean {
  return (["log2N", "r", "p"] as const).every(
    (name) => Number.isInteger(cost[name]) && cost[name] >= minScryptCost[name] && cost[name] <= maxScryptCost[name],
  );
}

export interface ContainerHeader {
  /** Null: the key comes from a key file and needs no stretching. */
  readonly scrypt: ScryptCost | null;
  readonly segmentLog2: number;
  readonly salt: Uint8Array;
  readonly keyId: Uint8Array;
  readonly noncePrefix: Uint8Array;
  readonly backupId: string;
  readonly part: string;
  readonly wrapNonce: Uint8Array;
}

export interface WrappedKey {
  readonly wrappedKey: Uint8Array;
  readonly wrapTag: Uint8Array;
}

/** Everything before the wrapped key: what the wrapped key is bound to. */
export function encodeHeaderStart(header: ContainerHeader): Uint8Array {
  checkCost(header.scrypt);
  checkSegmentLog2(header.segmentLog2);
  const backupId = nameBytes(header.backupId);
  const part = nameBytes(header.part);
  const { log2N, r, p } = header.scrypt ?? { log2N: 0, r: 0, p: 0 };
  const headerBytes = namesAt + backupId.length + part.length + afterNamesBytes;
  return Uint8Array.from([
    ...containerMagic,
    containerVersion,
    header.scrypt === null ? keySources.keyFile : keySources.password,
    log2N,
    r,
    p,
    header.segmentLog2,
    headerBytes >> 8,
    headerBytes & 0xff,
    ...exactly(header.salt, saltBytes),
    ...exactly(header.keyId, keyIdBytes),
    ...exactly(header.noncePrefix, noncePrefixBytes),
    backupId.length,
    part.length,
    ...backupId,
    ...part,
    ...exactly(header.wrapNonce, wrapNonceBytes),
  ]);
}

/** Length of the whole header, from its first 16 bytes. */
export function readHeaderLength(start: Uint8Array): number {
  if (start.length < headerStartBytes) throw corrupt("it ends inside its header");
  if (containerMagic.some((byte, at) => start[at] !== byte)) throw corrupt("it does not begin with the magic number");
  if (start[8] !== containerVersion) {
    throw corrupt(`its format version is ${start[8]}, this program reads ${containerVersion}`, {
      hint: "a newer version of backupctl may read it",
    });
  }
  const headerBytes = (start[14]! << 8) | start[15]!;
  if (headerBytes < minHeaderBytes || headerBytes > maxHeaderBytes) {
    throw corrupt(`it declares a header of ${headerBytes} bytes`);
  }
  return headerBytes;
}

export interface ParsedHeader extends ContainerHeader, WrappedKey {
  /** What the wrapped key is bound to. */
  readonly start: Uint8Array;
}

/** `bytes` is the whole header; its check sum was verified by the caller. */
export function parseHeader(bytes: Uint8Array): ParsedHeader {
  const headerBytes = readHeaderLength(bytes);
  const backupIdBytes = bytes[47]!;
  const partBytes = bytes[48]!;
  if (backupIdBytes === 0 || partBytes === 0) throw corrupt("its header names no backup or no part");
  if (namesAt + backupIdBytes + partBytes + afterNamesBytes !== headerBytes || bytes.length !== headerBytes) {
    throw corrupt("the lengths in its header contradict each other");
  }
  const scrypt = readCost(bytes[9]!, { log2N: bytes[10]!, r: bytes[11]!, p: bytes[12]! });
  const segmentLog2 = bytes[13]!;
  checkSegmentLog2(segmentLog2);
  const partAt = namesAt + backupIdBytes;
  const wrapNonceAt = partAt + partBytes;
  const wrappedKeyAt = wrapNonceAt + wrapNonceBytes;
  const wrapTagAt = wrappedKeyAt + dataKeyBytes;
  return {
    scrypt,
    segmentLog2,
    salt: bytes.subarray(16, 32),
    keyId: bytes.subarray(32, 40),
    noncePrefix: bytes.subarray(40, 47),
    backupId: nameText(bytes.subarray(namesAt, partAt)),
    part: nameText(bytes.subarray(partAt, wrapNonceAt)),
    wrapNonce: bytes.subarray(wrapNonceAt, wrappedKeyAt),
    wrappedKey: bytes.subarray(wrappedKeyAt, wrapTagAt),
    wrapTag: bytes.subarray(wrapTagAt, wrapTagAt + tagBytes),
    start: bytes.subarray(0, wrappedKeyAt),
  };
}

/** The STREAM construction: the position and the end of the stream are part of every segment's nonce. */
export function segmentNonce(noncePrefix: Uint8Array, index: number, isLast: boolean): Uint8Array {
  if (index >= maxSegments) {
    throw new AppError("unsupported", `a part of more than ${maxSegments} segments cannot be encrypted`, {
      hint: "split the source into several projects",
    });
  }
  const nonce = new Uint8Array(noncePrefixBytes + 5);
  nonce.set(noncePrefix);
  nonce.set(
    [index >>> 24, (index >>> 16) & 0xff, (index >>> 8) & 0xff, index & 0xff, isLast ? 1 : 0],
    noncePrefixBytes,
  );
  return nonce;
}

function checkCost(cost: ScryptCost | null): void {
  if (cost === null || isAllowedCost(cost)) return;
  const { log2N, r, p } = cost;
  throw corrupt(`it asks for a key derivation with 2^${log2N}, ${r}, ${p}, which is outside the allowed range`);
}

function readCost(keySource: number, cost: ScryptCost): ScryptCost | null {
  if (keySource === keySources.password) {
    checkCost(cost);
    return cost;
  }
  if (keySource !== keySources.keyFile) throw corrupt(`it names an unknown key source ${keySource}`);
  if (cost.log2N !== 0 || cost.r !== 0 || cost.p !== 0)
    throw corrupt("it asks to stretch a key that is not a password");
  return null;
}

function checkSegmentLog2(segmentLog2: number): void {
  if (!Number.isInteger(segmentLog2) || segmentLog2 < minSegmentLog2 || segmentLog2 > maxSegmentLog2) {
    throw corrupt(`it declares segments of 2^${segmentLog2} bytes`);
  }
}

function exactly(bytes: Uint8Array, count: number): Uint8Array {
  if (bytes.length !== count)
    throw new AppError("internal", `a header field has ${bytes.length} bytes instead of ${count}`);
  return bytes;
}

/** Names are printable ASCII, so that every reader in every language agrees on their bytes. */
function nameBytes(name: string): readonly number[] {
  const bytes = Array.from(name, (character) => character.codePointAt(0)!);
  if (bytes.length < 1 || bytes.length > maxNameBytes || !bytes.every(isPrintable)) {
    throw new AppError("internal", `"${name}" cannot be bound into an encrypted part`);
  }
  return bytes;
}

function nameText(bytes: Uint8Array): string {
  if (!bytes.every(isPrintable)) throw corrupt("its header holds a name that is not printable");
  return String.fromCharCode(...bytes);
}

function isPrintable(byte: number): boolean {
  return byte >= 0x21 && byte <= 0x7e;
}

function corrupt(problem: string, options: { readonly hint?: string } = {}): AppError {
  return new AppError("backup_corrupt", `the encrypted file is damaged: ${problem}`, options);
}
