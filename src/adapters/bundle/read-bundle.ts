// Reads a bundle that may come from anywhere: paths stay below database/ and documents/, only plain files are taken,
// and every length is bounded before anything is kept in memory.

import type { ByteStream } from "../../ports/byte-stream.ts";
import { openByteReader, type ByteReader } from "../bytes/byte-reader.ts";
import { blockBytes, parsePax, parseTarHeader, refuse, type TarMember } from "./tar-header.ts";

export interface BundleLimits {
  readonly maxMembers: number;
  /** Sum of all contents: a small archive can unpack to anything. */
  readonly maxTotalBytes: number;
}

export interface BundleMember {
  /** `database/shop.dump`; relative, safe to join to a directory. */
  readonly path: string;
  readonly kind: "database" | "document";
  readonly sizeBytes: number;
  /** Must be read to its end, or left, before the next member is asked for. */
  readonly stream: ByteStream;
}

export interface Bundle {
  /** For `parseManifest`; a bundle of another program has a manifest of another form. */
  readonly manifestText: string;
  /** Once. Ends only after the archive's end mark. */
  members(): AsyncIterable<BundleMember>;
  /** Instead of `members`, when the manifest is enough. */
  close(): Promise<void>;
}

const defaultLimits: BundleLimits = { maxMembers: 1_000_000, maxTotalBytes: 2 ** 44 };
const maxManifestBytes = 64 * 1024 * 1024;
const maxExtendedHeaderBytes = 64 * 1024;
const maxPathLength = 4096;

/** `tar` is the archive after gzip was taken off. Throws `backup_corrupt`. */
export async function openBundle(tar: ByteStream, limits: BundleLimits = defaultLimits): Promise<Bundle> {
  const reader = openByteReader(tar);
  try {
    const first = await nextMember(reader);
    if (first?.path !== "manifest.json" || first.type !== "file") throw refuse("it does not begin with manifest.json");
    if (first.sizeBytes > maxManifestBytes) throw refuse(`its manifest has ${first.sizeBytes} bytes`);
    const manifestText = Buffer.from(await takeExactly(reader, first.sizeBytes)).toString("utf8");
    await takeExactly(reader, paddingBytes(first.sizeBytes));
    return { manifestText, members: () => readMembers(reader, limits), close: () => reader.close() };
  } catch (error) {
    await reader.close();
    throw error;
  }
}

async function* readMembers(reader: ByteReader, limits: BundleLimits): AsyncGenerator<BundleMember> {
  const seen = new Set<string>(["manifest.json"]);
  let totalBytes = 0;
  try {
    for (let member = await nextMember(reader); member !== undefined; member = await nextMember(reader)) {
      const path = checkPath(member);
      if (seen.has(path)) throw refuse(`${JSON.stringify(path)} is there twice`);
      seen.add(path);
      if (seen.size > limits.maxMembers) throw refuse(`it holds more than ${limits.maxMembers} files`);
      totalBytes += member.sizeBytes;
      if (totalBytes > limits.maxTotalBytes) throw refuse(`it unpacks to more than ${limits.maxTotalBytes} bytes`);
      if (member.type === "directory") continue;
      const content = openContent(reader, member.sizeBytes);
      const kind = path.startsWith("database/") ? "database" : "document";
      yield { path, kind, sizeBytes: member.sizeBytes, stream: content.stream };
      await content.skip();
      await takeExactly(reader, paddingBytes(member.sizeBytes));
    }
    await checkEnd(reader);
  } finally {
    await reader.close();
  }
}

/** The next file or directory with its final name and size; undefined at the end mark, which is consumed. */
async function nextMember(reader: ByteReader): Promise<TarMember | undefined> {
  let longName: string | undefined;
  let extended: ReturnType<typeof parsePax> = {};
  while (true) {
    const block = await takeExactly(reader, blockBytes);
    if (block.every((byte) => byte === 0)) {
      if (longName !== undefined || extended.path !== undefined) throw refuse("it ends inside a member");
      return undefined;
    }
    const member = parseTarHeader(block);
    if (member.type === "file" || member.type === "directory") {
      return {
        ...member,
        path: extended.path ?? longName ?? member.path,
        sizeBytes: extended.sizeBytes ?? member.sizeBytes,
      };
    }
    if (member.sizeBytes > maxExtendedHeaderBytes) throw refuse(`an extended header has ${member.sizeBytes} bytes`);
    const content = await takeExactly(reader, member.sizeBytes);
    await takeExactly(reader, paddingBytes(member.sizeBytes));
    if (member.type === "pax") extended = { ...extended, ...parsePax(content) };
    if (member.type === "long-name") longName = Buffer.from(content).toString("utf8").replace(/\0+$/, "");
  }
}

function checkPath({ path: written, type }: TarMember): string {
  const path = written.replace(/^\.\//, "").replace(/\/$/, "");
  const segments = path.split("/");
  const isSafe = segments.every((segment) => segment !== "" && segment !== "." && segment !== "..");
  // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
  if (!isSafe || path.length > maxPathLength || /[\u0000-\u001f\u007f\\]/.test(path)) {
    throw refuse(`${JSON.stringify(written.slice(0, 200))} is no path that it may hold`);
  }
  const isBelow =
    (segments[0] === "database" || segments[0] === "documents") && (segments.length > 1 || type === "directory");
  if (!isBelow) throw refuse(`${JSON.stringify(path)} is outside database/ and documents/`);
  return path;
}

function openContent(reader: ByteReader, sizeBytes: number): { readonly stream: ByteStream; skip(): Promise<void> } {
  let left = sizeBytes;
  async function next(): Promise<Uint8Array | undefined> {
    if (left === 0) return undefined;
    const bytes = await reader.takeSome(left);
    if (bytes === undefined) throw refuse("it ends inside a file");
    left -= bytes.length;
    return bytes;
  }
  async function* stream(): ByteStream {
    for (let bytes = await next(); bytes !== undefined; bytes = await next()) yield bytes;
  }
  return {
    stream: stream(),
    async skip() {
      while ((await next()) !== undefined);
    },
  };
}

/** The second empty block, and nothing but zeros after it. */
async function checkEnd(reader: ByteReader): Promise<void> {
  const second = await takeExactly(reader, blockBytes);
  if (second.some((byte) => byte !== 0)) throw refuse("its end mark is damaged");
  for (let rest = await reader.takeSome(65_536); rest !== undefined; rest = await reader.takeSome(65_536)) {
    if (rest.some((byte) => byte !== 0)) throw refuse("something follows its end");
  }
}

async function takeExactly(reader: ByteReader, count: number): Promise<Uint8Array> {
  const bytes = await reader.take(count);
  if (bytes.length < count) throw refuse("it ends too early");
  return bytes;
}

function paddingBytes(contentBytes: number): number {
  return (blockBytes - (contentBytes % blockBytes)) % blockBytes;
}
