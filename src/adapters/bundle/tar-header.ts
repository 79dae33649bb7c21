// The few forms of a tar header that a bundle uses (POSIX ustar, pax for long names and sizes). Everything else that a
// tar can hold (links, devices, sparse files) is refused, because a bundle may come from anywhere.

import { AppError } from "../../domain/error.ts";

export const blockBytes = 512;
const maxOctalSize = 8 ** 11 - 1;
const nameFieldBytes = 100;

export interface TarMember {
  readonly type: "file" | "directory" | "pax" | "pax-global" | "long-name";
  readonly path: string;
  readonly sizeBytes: number;
}

const memberTypes: Readonly<Record<string, TarMember["type"]>> = {
  "\0": "file",
  "0": "file",
  "5": "directory",
  "7": "file",
  L: "long-name",
  g: "pax-global",
  x: "pax",
};

export function refuse(problem: string): AppError {
  return new AppError("backup_corrupt", `the bundle is refused: ${problem}`, {
    hint: "a bundle holds manifest.json, database/ and documents/ as plain files; this one is damaged or was made to do harm",
  });
}

export function parseTarHeader(block: Uint8Array): TarMember {
  const buffer = Buffer.from(block.buffer, block.byteOffset, block.length);
  const sum = block.reduce((total, byte, at) => total + (at >= 148 && at < 156 ? 0x20 : byte), 0);
  if (readOctal(buffer, 148, 8) !== sum) throw refuse("a tar header is damaged");
  const typeFlag = buffer.toString("latin1", 156, 157);
  const type = memberTypes[typeFlag];
  const name = readText(buffer, 0, nameFieldBytes);
  if (type === undefined) throw refuse(`${JSON.stringify(name)} is no plain file (type ${JSON.stringify(typeFlag)})`);
  const hasPrefix = buffer.toString("latin1", 257, 265) === "ustar\u000000";
  const prefix = hasPrefix ? readText(buffer, 345, 155) : "";
  const sizeBytes = readSize(buffer);
  if (type === "directory" && sizeBytes !== 0) throw refuse(`directory ${JSON.stringify(name)} has a content`);
  return { type, path: prefix === "" ? name : `${prefix}/${name}`, sizeBytes };
}

/** Octal digits, or the binary form that GNU tar uses for files of 8 GiB and more. */
function readSize(buffer: Buffer): number {
  if ((buffer[124]! & 0x80) === 0) return readOctal(buffer, 124, 12);
  const size = buffer.readBigUInt64BE(128);
  if (buffer[124] !== 0x80 || buffer.readUIntBE(125, 3) !== 0 || size > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw refuse("a member has an impossible size");
  }
  return Number(size);
}

function readOctal(buffer: Buffer, at: number, length: number): number {
  const text = readText(buffer, at, length).trim();
  if (!/^[0-7]+$/.test(text)) throw refuse("a tar header is damaged");
  return Number.parseInt(text, 8);
}

function readText(buffer: Buffer, at: number, length: number): string {
  const field = buffer.subarray(at, at + length);
  const end = field.indexOf(0);
  return field.toString("utf8", 0, end === -1 ? length : end);
}

/** `path` and `size` of a pax header; other records (times, owners) do not matter to a bundle. */
export function parsePax(bytes: Uint8Array): { readonly path?: string; readonly sizeBytes?: number } {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const found: { path?: string; sizeBytes?: number } = {};
  let at = 0;
  while (at < buffer.length) {
    const space = buffer.indexOf(0x20, at);
    const length = Number(buffer.toString("latin1", at, Math.max(at, space)));
    const record = buffer.toString("utf8", space + 1, at + length - 1);
    const equals = record.indexOf("=");
    if (space < 0 || !Number.isSafeInteger(length) || length < 5 || at + length > buffer.length || equals < 1) {
      throw refuse("a pax header is damaged");
    }
    const [keyword, value] = [record.slice(0, equals), record.slice(equals + 1)];
    if (keyword.startsWith("GNU.sparse") || keyword === "linkpath") throw refuse(`a pax header holds ${keyword}`);
    if (keyword === "path") found.path = value;
    if (keyword === "size") found.sizeBytes = parsePaxSize(value);
    at += length;
  }
  return found;
}

function parsePaxSize(value: string): number {
  const size = Number(value);
  if (!/^\d{1,16}$/.test(value) || !Number.isSafeInteger(size)) throw refuse("a member has an impossible size");
  return size;
}

/** Blocks in front of a file's content. */
export function formatTarHeader(path: string, sizeBytes: number, modifiedAt: number): Uint8Array {
  const needsPax = sizeBytes > maxOctalSize || Buffer.byteLength(path) > nameFieldBytes;
  const header = formatBlock(path, needsPax && sizeBytes > maxOctalSize ? 0 : sizeBytes, modifiedAt, "0");
  if (!needsPax) return header;
  const records = Buffer.from(paxRecord("path", path) + paxRecord("size", String(sizeBytes)));
  return Buffer.concat([formatBlock("pax", records.length, modifiedAt, "x"), records, padding(records.length), header]);
}

export function padding(contentBytes: number): Uint8Array {
  return new Uint8Array((blockBytes - (contentBytes % blockBytes)) % blockBytes);
}

function formatBlock(path: string, sizeBytes: number, modifiedAt: number, type: string): Buffer {
  const block = Buffer.alloc(blockBytes);
  Buffer.from(path).copy(block, 0, 0, nameFieldBytes);
  block.write("0000600\u00000000000\u00000000000\u0000", 100, "latin1");
  block.write(`${sizeBytes.toString(8).padStart(11, "0")}\u0000`, 124, "latin1");
  block.write(
    `${Math.floor(modifiedAt / 1000)
      .toString(8)
      .padStart(11, "0")}\u0000`,
    136,
    "latin1",
  );
  block.write(`        ${type}`, 148, "latin1");
  block.write("ustar\u000000", 257, "latin1");
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\u0000 `, 148, "latin1");
  return block;
}

/** The length counts its own digits. */
function paxRecord(keyword: string, value: string): string {
  const rest = ` ${keyword}=${value}\n`;
  const restBytes = Buffer.byteLength(rest);
  let length = restBytes + 1;
  while (restBytes + String(length).length !== length) length += 1;
  return `${length}${rest}`;
}
