// Headers of a POSIX tar (pax): a ustar block, preceded by an extended header for whatever does not fit it exactly,
// so that GNU tar, bsdtar and every pax reader restore the same names, owners, sizes and nanoseconds.

export const blockBytes = 512;

export type TarType = "file" | "link" | "symlink" | "char" | "block" | "directory" | "fifo";

export const typeFlags: Readonly<Record<TarType, string>> = {
  file: "0",
  link: "1",
  symlink: "2",
  char: "3",
  block: "4",
  directory: "5",
  fifo: "6",
};

export interface TarEntry {
  readonly type: TarType;
  /** Byte string, without a leading slash; a directory's gets its trailing slash here. */
  readonly name: string;
  /** Byte string: target of a symlink, or name of an earlier member. */
  readonly linkName: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly userName: string;
  readonly groupName: string;
  /** Bytes that follow in the archive. */
  readonly sizeBytes: number;
  readonly modifiedNs: bigint;
  readonly device?: { readonly major: number; readonly minor: number };
  /** Set for a sparse file, whose data begin with the map of its pieces (GNU format 1.0). */
  readonly sparseRealBytes?: number;
}

const maxOctal7 = 0o7777777;
const maxOctal11 = 0o77777777777;
const second = 1_000_000_000n;

/** Room that `writeHeader` may need. */
export function maxHeaderBytes(entry: TarEntry): number {
  return 4 * blockBytes + 3 * (entry.name.length + entry.linkName.length + 512);
}

/** Writes the header blocks at `at` and returns their length. */
export function writeHeader(buffer: Uint8Array, at: number, entry: TarEntry): number {
  const name = entry.type === "directory" && !entry.name.endsWith("/") ? `${entry.name}/` : entry.name;
  const sparse = entry.sparseRealBytes !== undefined;
  const shown = sparse ? `GNUSparseFile.0/${name.slice(name.lastIndexOf("/") + 1)}` : name;
  // Both rounded towards zero; where the seconds alone are not exact the extended header has the time.
  const seconds = Number(entry.modifiedNs / second);
  const nanoseconds = Number(entry.modifiedNs % second);
  const records = extendedRecords(entry, name, seconds, nanoseconds);
  const offset = records === "" ? at : at + writeExtension(buffer, at, records);
  writeBlock(buffer, offset, entry, shown, seconds);
  return offset + blockBytes - at;
}

export function roundUp(bytes: number): number {
  return Math.ceil(bytes / blockBytes) * blockBytes;
}

function extendedRecords(entry: TarEntry, name: string, seconds: number, nanoseconds: number): string {
  let records = "";
  const { linkName } = entry;
  const sparse = entry.sparseRealBytes !== undefined;
  if (!sparse && (name.length > 100 || !isPlain(name))) records += record("path", name);
  if (linkName.length > 100 || !isPlain(linkName)) records += record("linkpath", linkName);
  if (entry.sizeBytes > maxOctal11) records += record("size", String(entry.sizeBytes));
  if (entry.uid > maxOctal7) records += record("uid", String(entry.uid));
  if (entry.gid > maxOctal7) records += record("gid", String(entry.gid));
  if (entry.userName.length > 31 || !isPlain(entry.userName)) records += record("uname", entry.userName);
  if (entry.groupName.length > 31 || !isPlain(entry.groupName)) records += record("gname", entry.groupName);
  if (nanoseconds !== 0 || seconds < 0 || seconds > maxOctal11)
    records += record("mtime", decimalSeconds(seconds, nanoseconds));
  if (sparse) {
    records += record("GNU.sparse.major", "1");
    records += record("GNU.sparse.minor", "0");
    records += record("GNU.sparse.name", name);
    records += record("GNU.sparse.realsize", String(entry.sparseRealBytes));
  }
  return records;
}

/** `<length> key=value\n`, where the length counts itself. */
function record(key: string, value: string): string {
  const rest = key.length + value.length + 3;
  let total = rest + String(rest).length;
  if (String(total).length !== String(rest).length) total = rest + String(total).length;
  return `${total} ${key}=${value}\n`;
}

function decimalSeconds(seconds: number, nanoseconds: number): string {
  const sign = seconds < 0 || nanoseconds < 0 ? "-" : "";
  if (nanoseconds === 0) return `${sign}${Math.abs(seconds)}`;
  let digits = String(Math.abs(nanoseconds)).padStart(9, "0");
  if (digits.endsWith("0")) digits = digits.replace(/0+$/, "");
  return `${sign}${Math.abs(seconds)}.${digits}`;
}

function isPlain(text: string): boolean {
  for (let index = 0; index < text.length; index++) if (text.charCodeAt(index) > 126) return false;
  return true;
}

/** A block with everything that many members share, and the sum of its bytes. */
interface Template {
  readonly block: Uint8Array;
  readonly sum: number;
}

/** Forgets everything when it is full: what is asked for next comes again. */
function remember<K, V>(known: Map<K, V>, key: K, value: V): V {
  if (known.size >= maxTemplates) known.clear();
  known.set(key, value);
  return value;
}

const maxTemplates = 1_000;
const templates = new Map<string, Template>();
const extensions = new Map<number, Uint8Array>();

/** The header of an extended header and the records in it; returns their length. */
function writeExtension(buffer: Uint8Array, at: number, records: string): number {
  const paxBytes = records.length;
  const empty = extensions.get(paxBytes) ?? remember(extensions, paxBytes, buildExtension(paxBytes));
  buffer.set(empty, at);
  writeText(buffer, at + blockBytes, records, paxBytes);
  return empty.length;
}

/** With room for so many bytes of records. Of its header readers look at the size alone, so that one fits every member. */
function buildExtension(paxBytes: number): Uint8Array {
  const blocks = new Uint8Array(blockBytes + roundUp(paxBytes));
  const shared = buildTemplate("x", { mode: 0o644, uid: 0, gid: 0, userName: "root", groupName: "root" });
  writeFields(blocks, 0, shared, "PaxHeaders/member", "", paxBytes, 0);
  return blocks;
}

type Shared = Pick<TarEntry, "mode" | "uid" | "gid" | "userName" | "groupName" | "device">;

interface Recent {
  readonly entry: TarEntry;
  readonly template: Template;
}

const recent = new Map<TarType, Recent>();

/** Neighbours in a tree mostly have the same owner and mode. */
function findTemplate(entry: TarEntry): Template {
  const last = recent.get(entry.type);
  if (
    last !== undefined &&
    last.entry.mode === entry.mode &&
    last.entry.uid === entry.uid &&
    last.entry.gid === entry.gid &&
    last.entry.userName === entry.userName &&
    last.entry.groupName === entry.groupName &&
    last.entry.device === entry.device
  )
    return last.template;
  const { type, mode, uid, gid, userName, groupName, device } = entry;
  const key = `${type}${mode}:${uid}:${gid}:${userName}:${groupName}:${device?.major}:${device?.minor}`;
  const template = templates.get(key) ?? remember(templates, key, buildTemplate(typeFlags[type], entry));
  recent.set(type, { entry, template });
  return template;
}

function buildTemplate(flag: string, { mode, uid, gid, userName, groupName, device }: Shared): Template {
  const block = new Uint8Array(blockBytes);
  writeOctal(block, 100, mode & 0o7777, 7);
  writeOctal(block, 108, uid > maxOctal7 ? 0 : uid, 7);
  writeOctal(block, 116, gid > maxOctal7 ? 0 : gid, 7);
  block.fill(0x20, 148, 156);
  writeText(block, 156, flag, 1);
  writeText(block, 257, "ustar\x0000", 8);
  if (userName.length <= 31) writeText(block, 265, userName, 31);
  if (groupName.length <= 31) writeText(block, 297, groupName, 31);
  writeOctal(block, 329, device?.major ?? 0, 7);
  writeOctal(block, 337, device?.minor ?? 0, 7);
  return { block, sum: block.reduce((sum, byte) => sum + byte, 0) };
}

function writeBlock(buffer: Uint8Array, at: number, entry: TarEntry, name: string, seconds: number): void {
  const time = seconds >= 0 && seconds <= maxOctal11 ? seconds : 0;
  writeFields(buffer, at, findTemplate(entry), name, entry.linkName, entry.sizeBytes, time);
}

/** What differs from member to member, and the checksum, which is summed up on the way. */
function writeFields(
  buffer: Uint8Array,
  at: number,
  { block, sum }: Template,
  name: string,
  linkName: string,
  sizeBytes: number,
  seconds: number,
): void {
  buffer.set(block, at);
  const added =
    writeText(buffer, at, name, 100) +
    (sizeBytes > maxOctal11 ? writeBase256(buffer, at + 124, sizeBytes) : writeOctal(buffer, at + 124, sizeBytes, 11)) +
    writeOctal(buffer, at + 136, seconds, 11) +
    writeText(buffer, at + 157, linkName, 100);
  writeOctal(buffer, at + 148, sum + added, 6);
}

// Each of these returns the sum of the bytes that it wrote.

function writeText(buffer: Uint8Array, at: number, text: string, maxBytes: number): number {
  const length = Math.min(text.length, maxBytes);
  let sum = 0;
  for (let index = 0; index < length; index++) {
    const byte = text.charCodeAt(index);
    buffer[at + index] = byte;
    sum += byte & 0xff;
  }
  return sum;
}

/** `digits` octal digits and a NUL. */
function writeOctal(buffer: Uint8Array, at: number, value: number, digits: number): number {
  const high = Math.floor(value / 0o10000000);
  let low = value % 0o10000000;
  let sum = 0;
  for (let index = at + digits - 1; index >= at; index--) {
    if (index === at + digits - 8) low = high;
    const digit = 0x30 + (low & 7);
    buffer[index] = digit;
    sum += digit;
    low >>= 3;
  }
  buffer[at + digits] = 0;
  return sum;
}

function writeBase256(buffer: Uint8Array, at: number, value: number): number {
  let rest = value;
  let sum = 0x80;
  for (let index = at + 11; index > at; index--) {
    buffer[index] = rest % 256;
    sum += rest % 256;
    rest = Math.floor(rest / 256);
  }
  buffer[at] = 0x80;
  return sum;
}
