// Manifest to text and back. Strict on every known field, because a restore and a prune act on them; unknown fields of
// newer programs are left out.

import { AppError } from "../error.ts";
import { namePattern } from "../project/name.ts";
import { backupTypes } from "./backup.ts";
import {
  manifestFormat,
  manifestVersion,
  type ConsistencyPoint,
  type Manifest,
  type ManifestMac,
  type ManifestPart,
  type ManifestSnapshot,
  type ManifestSource,
  type RowCounts,
  type SourceFacts,
  type TableCount,
} from "./manifest.ts";
import {
  count,
  fieldsOf,
  flag,
  invalid,
  list,
  matching,
  nullable,
  object,
  oneOf,
  text,
  type Read,
} from "./read-json.ts";

/** Enough for the row counts of some hundred thousand tables. */
export const maxManifestBytes = 64 * 1024 * 1024;
const maxParts = 1000;
const maxTables = 1_000_000;
const maxWarnings = 100_000;

const name = matching(namePattern, "a name");
const identifier = matching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/, "an id");
const sha256 = matching(/^[0-9a-f]{64}$/, "64 hex digits");
const time = matching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$/, "a time in UTC");
const warnings = list(text, maxWarnings);

/** Relative, no empty segment, no `.` or `..`: a key that cannot leave the storage's prefix. */
const key: Read<string> = (value, path) => {
  const read = matching(/^[A-Za-z0-9][A-Za-z0-9._/-]{0,899}$/, "an object key")(value, path);
  if (read.split("/").some((segment) => segment === "" || /^\.+$/.test(segment))) throw invalid(path, "an object key");
  return read;
};

const level: Read<number> = (value, path) => {
  const read = count(value, path);
  if (read > 22) throw invalid(path, "a level from 0 to 22");
  return read;
};

type Fact = SourceFacts[string];

const fact: Read<Fact> = (value, path) => {
  if (typeof value === "boolean" || (typeof value === "number" && Number.isFinite(value))) return value;
  return Array.isArray(value) ? list(text, maxWarnings)(value, path) : text(value, path);
};

const facts: Read<SourceFacts> = (value, path) => {
  const fields = Object.entries(fieldsOf(value, path)).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(fields.map(([field, item]) => [field, fact(item, `${path}.${field}`)]));
};

const tableCount = object<TableCount>({ schema: text, table: text, rows: count });

const rowCounts = object<RowCounts>({
  method: oneOf(["snapshot", "stream", "lock", "copy"]),
  tables: list(tableCount, maxTables),
});

const source = object<ManifestSource>({
  name,
  type: name,
  object: text,
  serverVersion: nullable(text),
  toolVersion: nullable(text),
  consistencyPoint: nullable(object<ConsistencyPoint>({ at: time, token: nullable(text) })),
  rowCounts: nullable(rowCounts),
  warnings,
  facts,
});

const part = object<ManifestPart>({
  name,
  source: name,
  format: name,
  key,
  plainBytes: count,
  compressedBytes: count,
  storedBytes: count,
  plainSha256: sha256,
  storedSha256: sha256,
  compression: object<ManifestPart["compression"]>({ algorithm: oneOf(["zstd", "gzip", "none"]), level }),
  encryption: nullable(object<NonNullable<ManifestPart["encryption"]>>({ scheme: name, keyId: text })),
});

const mac: Read<ManifestMac | null> = (value, path) =>
  value === undefined || value === null
    ? null
    : object<ManifestMac>({ scheme: name, keyId: text, value: text })(value, path);

const assetPath = matching(/^(\/|[A-Za-z]:[\\/])/, "an absolute path");

const snapshot: Read<ManifestSnapshot | undefined> = (value, path) =>
  value === undefined
    ? undefined
    : object<ManifestSnapshot>({ mode: oneOf(["combined", "separate"]), paths: list(assetPath, maxWarnings) })(
        value,
        path,
      );

const fields = object<
  Omit<Manifest, "snapshot"> & { readonly snapshot: ManifestSnapshot | undefined; readonly mac: ManifestMac | null }
>({
  format: oneOf([manifestFormat]),
  formatVersion: oneOf([manifestVersion]),
  backupId: identifier,
  runId: identifier,
  project: name,
  type: oneOf(backupTypes),
  schedule: nullable(object<NonNullable<Manifest["schedule"]>>({ name: text, ownRetention: flag })),
  stem: key,
  timeZone: text,
  startedAt: time,
  finishedAt: time,
  host: object<Manifest["host"]>({ name: text, platform: text }),
  program: object<Manifest["program"]>({ name: oneOf(["backupctl"]), version: text }),
  sources: list(source, maxParts),
  parts: list(part, maxParts),
  warnings,
  snapshot,
  mac,
});

/** Throws `manifest_invalid` with the path of the first bad field. */
export function parseManifest(json: string): Manifest {
  return readManifest(parseJson(json));
}

/** Throws `manifest_invalid` for what is too long or no JSON. */
export function parseJson(json: string): unknown {
  if (json.length > maxManifestBytes) {
    throw new AppError("manifest_invalid", `the manifest is longer than ${maxManifestBytes} bytes`);
  }
  try {
    return JSON.parse(json) as unknown;
  } catch (error) {
    throw new AppError("manifest_invalid", "the manifest is not complete JSON", { cause: error });
  }
}

function readManifest(value: unknown): Manifest {
  const { format, formatVersion } = fieldsOf(value, "the top");
  if (format === manifestFormat && typeof formatVersion === "number" && formatVersion > manifestVersion) {
    throw new AppError(
      "manifest_invalid",
      `the manifest has format version ${formatVersion}, which is newer than this program`,
      {
        hint: "use a newer version of backupctl",
        details: { path: "formatVersion" },
      },
    );
  }
  const { snapshot: beside, ...rest } = fields(value, "");
  const manifest: Manifest = beside === undefined ? rest : { ...rest, snapshot: beside };
  checkParts(manifest);
  return manifest;
}

/** A manifest may only speak of its own objects: prune deletes what it lists. */
function checkParts({ parts, sources, stem, snapshot: beside }: Manifest): void {
  if (parts.length === 0 && (beside?.paths.length ?? 0) === 0) throw invalid("parts", "at least one part");
  const sourceNames = new Set(sources.map((item) => item.name));
  if (sourceNames.size !== sources.length) throw invalid("sources", "different names");
  if (new Set(parts.map((item) => item.name)).size !== parts.length) throw invalid("parts", "different names");
  if (new Set(parts.map((item) => item.key)).size !== parts.length) throw invalid("parts", "different keys");
  for (const [index, item] of parts.entries()) {
    if (!sourceNames.has(item.source)) throw invalid(`parts[${index}].source`, "the name of a source");
    if (!item.key.startsWith(`${stem}.`)) throw invalid(`parts[${index}].key`, `a key that begins with ${stem}.`);
  }
}

/** The same manifest gives the same text; refuses what `parseManifest` would refuse. */
export function formatManifest(manifest: Manifest): string {
  return `${JSON.stringify(readManifest(manifest), null, 2)}\n`;
}
