// Restores a backup to files: dumps decrypted (and decompressed if asked), assets unpacked below the target path.
// A file appears under its name only when its bytes were proven.

import { archivedPaths } from "../domain/backup/archived-paths.ts";
import { AppError, toAppError } from "../domain/error.ts";
import type { Manifest, ManifestPart } from "../domain/backup/manifest.ts";
import { assetsFormat, isAssets } from "../domain/backup/part-format.ts";
import type { Project } from "../domain/project/project.ts";
import type { Run } from "../domain/run/run.ts";
import type { ByteStream } from "../ports/byte-stream.ts";
import type { Cipher } from "../ports/cipher.ts";
import type { ObjectReader, ObjectStore } from "../ports/object-store.ts";
import { fullRestore, type Source } from "../ports/source.ts";
import type { Deps } from "./deps.ts";
import { executeRun, type ActiveRun } from "./execute-run.ts";
import { findBackup } from "./find-backup.ts";
import { holdForReading } from "./hold-for-reading.ts";
import { readProvenManifest } from "./open-decipher.ts";
import type { Holder } from "./read-holders.ts";
import { assetSnapshotsOf } from "./read-manifest-of.ts";
import { hasLooseAssets, receiveAssets } from "./receive-assets.ts";
import { openPlainPart, openStoredPart } from "./open-plain-part.ts";
import { trustedCopies, type AgreeToUnencrypted } from "./refuse-unencrypted.ts";
import { fromFirstGoodStorage } from "./restore-backup.ts";
import { speaksAgainstCopy } from "./restore-parts.ts";

export interface RestoreToFilesRequest {
  readonly project: Project;
  readonly reference: string;
  readonly storage?: string | undefined;
  readonly targetPath: string;
  readonly only: "db" | "assets" | null;
  readonly decompress: boolean;
  readonly raw: boolean;
  /** Asked before a plain backup of a project that encrypts is used; absent: it is refused. */
  readonly agreeToUnencrypted?: AgreeToUnencrypted;
  readonly signal: AbortSignal;
}

export interface RestoredFile {
  readonly path: string;
  readonly format: string;
  /** False when the file is still compressed (or, with raw, as stored). */
  readonly plain: boolean;
}

/** The files written are in the run's `result.files`. */
export async function restoreToFiles(deps: Deps, request: RestoreToFilesRequest): Promise<Run> {
  const { project, signal } = request;
  return executeRun(deps, { project: project.name, kind: "restore", trigger: "manual", signal }, (run) =>
    run.stage("restore", async () => {
      await using stack = new AsyncDisposableStack();
      const found = await findBackup(deps, { ...request, log: run.log, signal: run.signal }, stack);
      run.update({ backupId: found.manifest.backupId });
      await holdForReading(deps, run, project.name, found.manifest.backupId, stack);
      const trusted = await trustedCopies(run, project, found, request.agreeToUnencrypted);
      const directory = await deps.openDirectory(request.targetPath, run.log);
      stack.use(directory);
      // What one storage gave stays when the next one has to give the rest.
      const written = new Map<string, readonly RestoredFile[]>();
      await fromFirstGoodStorage(run, trusted.found, async (holder) => {
        const { manifest, cipher } = await readProvenManifest(deps, project, holder, trusted.unencrypted, run.signal);
        const { store } = holder.storage;
        await writeParts(deps, run, request, { manifest, cipher, store, directory, holder }, written);
      });
      run.report({ files: [...written.values()].flat(), targetPath: request.targetPath });
    }),
  );
}

const cleanupTimeoutMs = 30_000;

/** One storage's copy of the backup, and where its files go. */
interface Opened {
  readonly manifest: Manifest;
  readonly cipher: Cipher | null;
  readonly store: ObjectReader;
  readonly holder: Holder;
  readonly directory: ObjectStore;
}

async function writeParts(
  deps: Deps,
  run: ActiveRun,
  request: RestoreToFilesRequest,
  opened: Opened,
  written: Map<string, readonly RestoredFile[]>,
): Promise<void> {
  const wanted = opened.manifest.parts.filter((part) => {
    if (request.only === null) return true;
    return (request.only === "assets") === isAssets(part);
  });
  const isLooseWanted = request.only !== "db" && hasLooseAssets(opened.manifest);
  if (wanted.length === 0 && !isLooseWanted) {
    throw new AppError("usage", `backup ${opened.manifest.backupId} holds nothing for --only ${request.only}`);
  }
  for (const part of wanted) {
    const content = `${part.name} ${part.plainSha256}`;
    if (written.has(content)) continue;
    run.log("info", `restoring ${part.name} to ${request.targetPath}`);
    const isUnpacked = isAssets(part) && !request.raw;
    const files = isUnpacked
      ? [await unpack(deps, run, request, opened, part)]
      : await writePart(deps, run, request, opened, part);
    written.set(content, files);
  }
  // An archive of the same backup may have given them already.
  const areThere = [...written.values()].flat().some(isAssets);
  if (!isLooseWanted || areThere) return;
  const paths = assetSnapshotsOf(opened.holder, opened.manifest).flatMap((found) => found.paths);
  if (paths.length > 0) written.set("loose assets", [await receive(deps, run, request, opened, paths)]);
}

async function receive(
  deps: Deps,
  run: ActiveRun,
  request: RestoreToFilesRequest,
  { holder, manifest }: Opened,
  paths: readonly string[],
): Promise<RestoredFile> {
  const source = await deps.openSource({ name: "assets", type: "files", settings: { paths, exclude: [] } }, run.log);
  const { signal, log } = run;
  const place = { database: request.targetPath, mode: "create", stopConnections: false, signal } as const;
  await using target = await source.openTarget(place);
  for (const warning of await receiveAssets({ holder, manifest, target, log, signal, onBytes: run.advance }))
    run.warn(warning);
  await target.commit();
  return { path: request.targetPath, format: assetsFormat, plain: true };
}

async function unpack(
  deps: Deps,
  run: ActiveRun,
  request: RestoreToFilesRequest,
  { manifest, cipher, store }: Opened,
  part: ManifestPart,
): Promise<RestoredFile> {
  // A manifest whose part belongs to no source is refused when it is read.
  const described = manifest.sources.find((source) => source.name === part.source)!;
  const spec = {
    name: part.source,
    type: described.type,
    settings: { paths: archivedPaths(described), exclude: [] },
  };
  const source = await deps.openSource(spec, run.log);
  const { signal } = run;
  await using target = await source.openTarget({
    database: request.targetPath,
    mode: "create",
    stopConnections: false,
    signal,
  });
  const stream = openPlainPart(deps, { store, backupId: manifest.backupId, part, cipher, signal });
  const report = await target.restore({ format: part.format, stream, facts: described.facts }, fullRestore, signal);
  for (const warning of report.warnings) run.warn(warning);
  await target.commit();
  return { path: request.targetPath, format: part.format, plain: true };
}

async function writePart(
  deps: Deps,
  run: ActiveRun,
  request: RestoreToFilesRequest,
  opened: Opened,
  part: ManifestPart,
): Promise<RestoredFile[]> {
  const { store, cipher, manifest, directory } = opened;
  const { signal } = run;
  const { format } = part;
  const plainPart = { store, backupId: manifest.backupId, part, cipher, signal };
  const storedName = part.key.slice(part.key.lastIndexOf("/") + 1);
  const stored = openStoredPart(deps, plainPart);
  const write = (file: NewFile): Promise<RestoredFile> => writeFile(request.targetPath, directory, file, signal);
  if (request.raw) return [await write({ name: storedName, format, plain: false, stream: stored })];

  // The whole part is proven before its compressed form is written, for only the plain bytes prove a foreign decoder's end.
  for await (const _chunk of openPlainPart(deps, plainPart));
  const { extension } = deps.codecs[part.compression.algorithm];
  const isPlain = extension === "";
  const plainName = `${manifest.stem.slice(manifest.stem.lastIndexOf("/") + 1)}.${format}`;
  const context = { backupId: manifest.backupId, part: part.name };
  const compressed = part.encryption === null || cipher === null ? stored : cipher.decrypt(stored, context, signal);
  const name = isPlain ? plainName : `${plainName}.${extension}`;
  const file = await write({ name, format, plain: isPlain, stream: compressed });
  if (!request.decompress) return [file];
  const files = [file];
  try {
    if (!isPlain) {
      const stream = openPlainPart(deps, plainPart);
      files.push(await write({ name: plainName, format, plain: true, stream }));
    }
  } catch (error) {
    // The next storage writes it again.
    if (speaksAgainstCopy(toAppError(error))) await directory.delete(name, AbortSignal.timeout(cleanupTimeoutMs));
    throw error;
  }
  const other = await plainForm(deps, run, request, part, files.at(-1)!.path);
  return other === null ? files : [...files, other];
}

async function plainForm(
  deps: Deps,
  run: ActiveRun,
  request: RestoreToFilesRequest,
  part: ManifestPart,
  path: string,
): Promise<RestoredFile | null> {
  const source = await sourceOf(deps, run, request.project, part);
  const written = source === undefined ? null : await source.writePlainForm(path, part.format, run.signal);
  return written === null ? null : { path: written, format: "sql", plain: true };
}

async function sourceOf(deps: Deps, run: ActiveRun, project: Project, part: ManifestPart): Promise<Source | undefined> {
  const spec = project.sources.find((source) => source.name === part.source);
  return spec === undefined ? undefined : deps.openSource(spec, run.log);
}

interface NewFile extends Pick<RestoredFile, "format" | "plain"> {
  readonly name: string;
  readonly stream: ByteStream;
}

/** Throws `target_not_empty` for a name that is taken. */
async function writeFile(
  targetPath: string,
  directory: ObjectStore,
  { name, format, plain, stream }: NewFile,
  signal: AbortSignal,
): Promise<RestoredFile> {
  const path = `${targetPath.replace(/\/+$/, "")}/${name}`;
  if ((await directory.find(name, signal)) !== undefined) {
    throw new AppError("target_not_empty", `${path} is there already`, { hint: "restore to an empty directory" });
  }
  await using writer = await directory.openWriter(name, { signal });
  for await (const chunk of stream) await writer.write(chunk);
  await writer.close();
  return { path, format, plain };
}
