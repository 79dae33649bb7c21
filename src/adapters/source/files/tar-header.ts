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
export function writeHeader(buffer: Buffer, at: number, entry: TarEntry): number {
  const name = entry.type === "directory" && !entry.name.endsWith("/") ? `${entry.name}/` : entry.name;
  const sparse = entry.sparseRealBytes !== undefined;
  const shown = sparse ? `GNUSparseFile.0/${name.slice(name.lastIndexOf("/") + 1)}` : name;
  const pax = extendedRecords(entry, name);
  let offset = at;
  if (pax !== "") {
    const paxBytes = pax.length;
    writeBlock(buffer, offset, "x", entry, "PaxHeaders/member", "", paxBytes, 0);
    offset += blockBytes;
    if (paxBytes > 64) buffer.write(pax, offset, "latin1");
    else for (let index = 0; index < paxBytes; index++) buffer[offset + index] = pax.charCodeAt(index);
    const padded = roundUp(paxBytes);
    buffer.fill(0, offset + paxBytes, offset + padded);
    offset += padded;
  }
  // Rounded towards zero; where that is not exact the extended header has the time.
  const seconds = Number(entry.modifiedNs / second);
  writeBlock(buffer, offset, typeFlags[entry.type], entry, shown, entry.linkName, entry.sizeBytes, seconds);
  return offset + blockBytes - at;
}

export function roundUp(bytes: number): number {
  return Math.ceil(bytes / blockBytes) * blockBytes;
}

function extendedRecords(entry: TarEntry, name: string): string {
  let records = "";
  const { modifiedNs, linkName } = entry;
  const sparse = entry.sparseRealBytes !== undefined;
  const fraction = modifiedNs % second;
  if (!sparse && (name.length > 100 || !isPlain(name))) records += record("path", name);
  if (linkName.length > 100 || !isPlain(linkName)) records += record("linkpath", linkName);
  if (entry.sizeBytes > maxOctal11) records += record("size", String(entry.sizeBytes));
  if (entry.uid > maxOctal7) records += record("uid", String(entry.uid));
  if (entry.gid > maxOctal7) records += record("gid", String(entry.gid));
  if (entry.userName.length > 31 || !isPlain(entry.userName)) records += record("uname", entry.userName);
  if (entry.groupName.length > 31 || !isPlain(entry.groupName)) records += record("gname", entry.groupName);
  if (fraction !== 0n || modifiedNs < 0n || modifiedNs / second > BigInt(maxOctal11))
    records += record("mtime", decimalSeconds(modifiedNs));
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

export function decimalSeconds(nanoseconds: bigint): string {
  const negative = nanoseconds < 0n;
  const absolute = negative ? -nanoseconds : nanoseconds;
  const fraction = (absolute % second).toString().padStart(9, "0").replace(/0+$/, "");
  return `${negative ? "-" : ""}${absolute / second}${fraction === "" ? "" : `.${fraction}`}`;
}

function isPlain(text: string): boolean {
  for (let index = 0; index < text.length; index++) if (text.charCodeAt(index) > 126) return false;
  return true;
}

/** A block with everything that many members share, and the sum of its bytes. */
interface Template {
  readonly block: Buffer;
  readonly sum: number;
}

const templates = new Map<string, Template>();
const maxTemplates = 1_000;

interface Recent {
  readonly entry: TarEntry;
  readonly template: Template;
}

const recent = new Map<string, Recent>();

/** Neighbours in a tree mostly have the same owner and mode. */
function findTemplate(flag: string, entry: TarEntry): Template {
  const last = recent.get(flag);
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
  const template = buildTemplate(flag, entry);
  recent.set(flag, { entry, template });
  return template;
}

function buildTemplate(flag: string, { mode, uid, gid, userName, groupName, device }: TarEntry): Template {
  const key = `${flag}${mode}:${uid}:${gid}:${userName}:${groupName}:${device?.major}:${device?.minor}`;
  const known = templates.get(key);
  if (known !== undefined) return known;
  const block = Buffer.alloc(blockBytes);
  writeOctal(block, 100, mode & 0o7777, 7);
  writeOctal(block, 108, uid > maxOctal7 ? 0 : uid, 7);
  writeOctal(block, 116, gid > maxOctal7 ? 0 : gid, 7);
  block.fill(0x20, 148, 156);
  block.write(flag, 156, "latin1");
  block.write("ustar\x0000", 257, "latin1");
  if (userName.length <= 31) block.write(userName, 265, "latin1");
  if (groupName.length <= 31) block.write(groupName, 297, "latin1");
  writeOctal(block, 329, device?.major ?? 0, 7);
  writeOctal(block, 337, device?.minor ?? 0, 7);
  const template = { block, sum: sumBytes(block, 0, blockBytes) };
  if (templates.size >= maxTemplates) templates.clear();
  templates.set(key, template);
  return template;
}

function sumBytes(buffer: Buffer, from: number, to: number): number {
  let sum = 0;
  for (let index = from; index < to; index++) sum += buffer[index]!;
  return sum;
}

function writeBlock(
  buffer: Buffer,
  at: number,
  flag: string,
  entry: TarEntry,
  name: string,
  linkName: string,
  sizeBytes: number,
  seconds: number,
): void {
  const { block, sum } = findTemplate(flag, entry);
  buffer.set(block, at);
  const nameBytes = Math.min(name.length, 100);
  for (let index = 0; index < nameBytes; index++) buffer[at + index] = name.charCodeAt(index);
  if (sizeBytes > maxOctal11) writeBase256(buffer, at + 124, sizeBytes);
  else writeOctal(buffer, at + 124, sizeBytes, 11);
  writeOctal(buffer, at + 136, seconds >= 0 && seconds <= maxOctal11 ? seconds : 0, 11);
  const linkBytes = Math.min(linkName.length, 100);
  for (let index = 0; index < linkBytes; index++) buffer[at + 157 + index] = linkName.charCodeAt(index);
  const added =
    sumBytes(buffer, at, at + nameBytes) +
    sumBytes(buffer, at + 124, at + 148) +
    sumBytes(buffer, at + 157, at + 157 + linkBytes);
  writeOctal(buffer, at + 148, sum + added, 6);
}

/** `digits` octal digits and a NUL. */
function writeOctal(buffer: Buffer, at: number, value: number, digits: number): void {
  const high = Math.floor(value / 0o10000000);
  let low = value % 0o10000000;
  for (let index = at + digits - 1; index >= at; index--) {
    if (index === at + digits - 8) low = high;
    buffer[index] = 0x30 + (low & 7);
    low >>= 3;
  }
  buffer[at + digits] = 0;
}

function writeBase256(buffer: Buffer, at: number, value: number): void {
  let rest = value;
  for (let index = at + 11; index > at; index--) {
    buffer[index] = rest % 256;
    rest = Math.floor(rest / 256);
  }
  buffer[at] = 0x80;
}
