// One header block, and the records of an extended header, as values. Undefined means malformed.

import { blockBytes, typeFlags, type TarType } from "./tar-header.ts";

export interface RawHeader {
  readonly flag: string;
  readonly type: TarType | undefined;
  readonly name: string;
  readonly linkName: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly userName: string;
  readonly groupName: string;
  readonly sizeBytes: number;
  readonly seconds: number;
  readonly device: { readonly major: number; readonly minor: number };
}

export type Records = Map<string, string>;

const types = new Map<string, TarType>(
  (Object.entries(typeFlags) as [TarType, string][]).map(([type, flag]) => [flag, type]),
);
types.set("\0", "file");
types.set("7", "file");

export function parseHeader(block: Uint8Array): RawHeader | undefined {
  const bytes = Buffer.from(block.buffer, block.byteOffset, blockBytes);
  let sum = 8 * 0x20;
  for (let index = 0; index < 148; index++) sum += bytes[index]!;
  for (let index = 156; index < blockBytes; index++) sum += bytes[index]!;
  if (readNumber(bytes, 148, 8) !== sum) return undefined;
  const numbers = {
    mode: readNumber(bytes, 100, 8),
    uid: readNumber(bytes, 108, 8),
    gid: readNumber(bytes, 116, 8),
    sizeBytes: readNumber(bytes, 124, 12),
    seconds: readNumber(bytes, 136, 12),
  };
  if (Object.values(numbers).some((value) => !Number.isSafeInteger(value)) || numbers.sizeBytes < 0) return undefined;
  const flag = bytes.toString("latin1", 156, 157);
  const ustar = bytes.toString("latin1", 257, 262) === "ustar";
  const posix = ustar && bytes[262] === 0;
  const prefix = posix ? readText(bytes, 345, 155) : "";
  const name = readText(bytes, 0, 100);
  const plain = types.get(flag);
  return {
    ...numbers,
    flag,
    // Before ustar a directory was a file whose name ends with a slash.
    type: plain === "file" && name.endsWith("/") ? "directory" : plain,
    name: prefix === "" ? name : `${prefix}/${name}`,
    linkName: readText(bytes, 157, 100),
    userName: ustar ? readText(bytes, 265, 32) : "",
    groupName: ustar ? readText(bytes, 297, 32) : "",
    device: { major: ustar ? readNumber(bytes, 329, 8) : 0, minor: ustar ? readNumber(bytes, 337, 8) : 0 },
  };
}

export function parseRecords(text: string): Records | undefined {
  const records: Records = new Map();
  for (let at = 0; at < text.length;) {
    const space = text.indexOf(" ", at);
    const digits = text.slice(at, space);
    const length = Number(digits);
    if (space === -1 || !/^\d{1,8}$/.test(digits) || at + length > text.length) return undefined;
    const body = text.slice(space + 1, at + length - 1);
    const equals = body.indexOf("=");
    if (length <= space - at + 1 || equals < 1 || text[at + length - 1] !== "\n") return undefined;
    records.set(body.slice(0, equals), body.slice(equals + 1));
    at += length;
  }
  return records;
}

function readText(bytes: Buffer, at: number, length: number): string {
  let end = at;
  while (end < at + length && bytes[end] !== 0) end++;
  return bytes.toString("latin1", at, end);
}

/** Octal digits, or the base-256 form of larger numbers; NaN for neither. */
function readNumber(bytes: Buffer, at: number, length: number): number {
  const first = bytes[at]!;
  if ((first & 0x80) !== 0) {
    const negative = (first & 0x40) !== 0;
    let value = negative ? BigInt(first | ~0xff) : BigInt(first & 0x7f);
    for (let index = at + 1; index < at + length; index++) value = value * 256n + BigInt(bytes[index]!);
    return Number(value);
  }
  const text = readText(bytes, at, length).trim();
  if (text === "") return 0;
  return /^[0-7]+$/.test(text) ? Number.parseInt(text, 8) : Number.NaN;
}
