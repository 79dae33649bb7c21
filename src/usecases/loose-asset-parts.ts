// Asset paths of a repository as parts of a bundle. A bundle names length and hash of every part before it begins, so
// each path is read twice: once to measure it, once to write it, and the second reading must give the same.

import { AppError } from "../domain/error.ts";
import type { Manifest, ManifestPart } from "../domain/backup/manifest.ts";
import { formatPartKey } from "../domain/backup/object-key.ts";
import { assetsFormat } from "../domain/backup/part-format.ts";
import type { ByteStream } from "../ports/byte-stream.ts";
import { openMeter } from "./meter.ts";
import type { Holder } from "./read-holders.ts";
import { assetSnapshotsOf } from "./read-manifest-of.ts";

export interface LooseAssetParts {
  /** With a part for each path, and without its seal, which spoke of other parts. */
  readonly manifest: Manifest;
  /** Undefined for a part that is none of these. */
  open(part: ManifestPart, signal: AbortSignal): ByteStream | undefined;
}

/** Null when the backup has no such paths. */
export async function describeLooseAssets(
  holder: Holder,
  manifest: Manifest,
  signal: AbortSignal,
): Promise<LooseAssetParts | null> {
  const { place } = holder;
  const found = assetSnapshotsOf(holder, manifest).flatMap(({ snapshot, paths }) =>
    paths.map((path) => ({ id: snapshot.id, path })),
  );
  if (place.kind === "archive" || found.length === 0) return null;
  const source = manifest.sources.find(({ type }) => type === "files")?.name ?? "assets";
  const parts = new Map<string, { readonly part: ManifestPart; readonly id: string; readonly path: string }>();
  for (const [index, { id, path }] of found.entries()) {
    const name = index === 0 ? source : `${source}-${index + 1}`;
    const key = formatPartKey(`${manifest.stem}.${name}`, assetsFormat);
    const meter = openMeter();
    for await (const _chunk of meter.measure(place.repository.readFile(id, path, signal)));
    const bytes = { plainBytes: meter.bytes, compressedBytes: meter.bytes, storedBytes: meter.bytes };
    const sha256 = meter.sha256();
    const part: ManifestPart = {
      name,
      source,
      format: assetsFormat,
      key,
      ...bytes,
      plainSha256: sha256,
      storedSha256: sha256,
      compression: { algorithm: "none", level: 0 },
      encryption: null,
    };
    parts.set(name, { part, id, path });
  }
  const { mac: _mac, snapshot: _snapshot, ...rest } = manifest;
  return {
    manifest: { ...rest, parts: [...manifest.parts, ...[...parts.values()].map(({ part }) => part)] },
    open(part, readSignal) {
      const known = parts.get(part.name);
      return known === undefined ? undefined : prove(place.repository.readFile(known.id, known.path, readSignal), part);
    },
  };
}

async function* prove(stream: ByteStream, part: ManifestPart): ByteStream {
  const meter = openMeter();
  yield* meter.measure(stream);
  if (meter.bytes === part.plainBytes && meter.sha256() === part.plainSha256) return;
  throw new AppError("backup_corrupt", `${part.key} gave other bytes when it was read again`);
}
