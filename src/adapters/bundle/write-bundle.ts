// Document 3's archive: a tar.gz with manifest.json first, then database/ and documents/. The parts are those of the
// backup in their plain form, so that the manifest's lengths and hashes prove them on the other side too.

import type { Manifest, ManifestPart } from "../../domain/backup/manifest.ts";
import { formatManifest } from "../../domain/backup/parse-manifest.ts";
import { AppError } from "../../domain/error.ts";
import type { ByteStream } from "../../ports/byte-stream.ts";
import type { Codec } from "../../ports/codec.ts";
import { blockBytes, formatTarHeader, padding } from "./tar-header.ts";

export interface BundleContent {
  readonly manifest: Manifest;
  /** The plain content of a part, asked for one after the other. */
  openPart(part: ManifestPart): ByteStream;
  readonly gzip: Codec;
}

const gzipLevel = 6;

/** `database/database.dump`, `documents/assets.files.tar`. */
export function bundlePath(part: Pick<ManifestPart, "name" | "format">): string {
  const folder = part.format === "files.tar" ? "documents" : "database";
  return `${folder}/${part.name}.${part.format}`;
}

export function writeBundle(content: BundleContent): ByteStream {
  return content.gzip.compress(writeTar(content), gzipLevel);
}

async function* writeTar({ manifest, openPart }: BundleContent): ByteStream {
  const modifiedAt = Date.parse(manifest.startedAt);
  const text = Buffer.from(formatManifest(manifest));
  yield formatTarHeader("manifest.json", text.length, modifiedAt);
  yield* withPadding(once(text), text.length, "manifest.json");
  for (const part of manifest.parts) {
    yield formatTarHeader(bundlePath(part), part.plainBytes, modifiedAt);
    yield* withPadding(openPart(part), part.plainBytes, part.name);
  }
  yield new Uint8Array(2 * blockBytes);
}

async function* once(bytes: Uint8Array): ByteStream {
  yield bytes;
}

/** A tar says the length first, so the content must keep to it. */
async function* withPadding(content: ByteStream, sizeBytes: number, name: string): ByteStream {
  let written = 0;
  for await (const chunk of content) {
    written += chunk.length;
    if (written > sizeBytes) break;
    yield chunk;
  }
  if (written !== sizeBytes) {
    const amount = written > sizeBytes ? "more" : `${written}`;
    throw new AppError("backup_corrupt", `part ${name} has ${amount} bytes where the manifest promises ${sizeBytes}`);
  }
  const rest = padding(sizeBytes);
  if (rest.length > 0) yield rest;
}
