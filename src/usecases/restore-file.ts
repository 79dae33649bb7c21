// Restores a file that somebody holds in their hands: no catalogue, no state store, and no configuration but the key.
// What it is is told by its bytes.

import { basename, join } from "node:path";
import { AppError } from "../domain/error.ts";
import type { Manifest, ManifestSource } from "../domain/backup/manifest.ts";
import type { Payload } from "../domain/backup/sniff-payload.ts";
import type { Project, SourceSpec } from "../domain/project/project.ts";
import type { Run } from "../domain/run/run.ts";
import type { Source } from "../ports/source.ts";
import { bundleParts, readBundleManifest } from "./bundle-parts.ts";
import type { Deps, OpenedFile } from "./deps.ts";
import { executeRun, type ActiveRun } from "./execute-run.ts";
import { agreeToTarget, restoreParts, type PlainPart } from "./restore-parts.ts";
import type { RestoreBackupRequest } from "./restore-backup.ts";
import { makeSafetyBackup } from "./safety-backup.ts";

export interface Place {
  readonly spec: SourceSpec;
  readonly database: string;
}

export interface RestoreFileRequest extends Pick<
  RestoreBackupRequest,
  "mode" | "stopConnections" | "options" | "safetyBackup" | "agree" | "signal"
> {
  readonly file: string;
  /** The project whose database and key are used; null: none is configured. */
  readonly project: Project | null;
  /** Where to: databases of the project, one named by a URL, or a directory for assets; empty: to files in `targetPath`. */
  readonly into: readonly Place[];
  readonly targetPath: string | null;
  readonly strictSniff: boolean;
  readonly allowSql: boolean;
}

/** Throws `lock_held` when another run works on the project; every other failure is in the returned run. */
export async function restoreFile(deps: Deps, request: RestoreFileRequest): Promise<Run> {
  const { project, signal } = request;
  await using _lock =
    project === null || request.into.length === 0 ? null : await deps.lock.acquire(project.name, "restore");
  const run = { project: project?.name ?? basename(request.file), kind: "restore", trigger: "manual", signal } as const;
  return await executeRun(deps, run, (active) => active.stage("restore", () => restore(deps, active, request)));
}

async function restore(deps: Deps, run: ActiveRun, request: RestoreFileRequest): Promise<void> {
  const started = deps.clock.monotonicMs();
  const opened = await deps.openFile(request.file, request.project, run.signal);
  const { layers, payload } = opened;
  run.log("info", `${request.file} is ${[...layers, describePayload(payload)].join(", ")}`);
  if (request.into.length === 0 && payload.kind === "unknown" && layers.length === 0) {
    await opened.stream[Symbol.asyncIterator]().return?.();
    throw new AppError("backup_corrupt", `${request.file} is nothing that a backup can be`, {
      hint: "its beginning is damaged, or it is another file: look for a second copy of the backup",
    });
  }
  if (payload.kind !== "bundle") checkPipeline(run, request, layers);
  if (request.into.length === 0) {
    run.report({ files: [await writePlain(deps, request, opened, run.signal)] });
  } else {
    await opened.stream[Symbol.asyncIterator]().return?.();
    await restoreInto(deps, run, request, layers, payload);
  }
  run.report({ restoreMs: Math.round(deps.clock.monotonicMs() - started) });
}

/** Every place is looked at, agreed to and backed up before the first is touched. */
async function restoreInto(
  deps: Deps,
  run: ActiveRun,
  request: RestoreFileRequest,
  layers: readonly string[],
  payload: Payload,
): Promise<void> {
  const bundle =
    payload.kind === "bundle" ? await readBundleManifest(deps, request.file, request.project, run.signal) : null;
  if (bundle === null && request.into.length > 1) {
    throw new AppError("usage", `${request.file} is not a bundle: it cannot fill a database and a directory`, {
      hint: "give --into-database or --assets, not both",
    });
  }
  if (payload.kind === "sql" && !request.allowSql && !layers.includes("aes-256-gcm")) {
    throw new AppError("unsupported", `${request.file} is plain SQL, which can run anything on the server`, {
      hint: "if you trust where it comes from, give --allow-sql-fallback",
    });
  }
  for (const { spec } of request.into) describedIn(bundle, request, spec);
  const restores: (() => Promise<void>)[] = [];
  for (const place of request.into) restores.push(await prepareRestore(deps, run, request, payload, bundle, place));
  for (const restoreNext of restores) await restoreNext();
}

function describedIn(
  bundle: Manifest | null,
  request: RestoreFileRequest,
  { type }: SourceSpec,
): ManifestSource | null {
  if (bundle === null) return null;
  const described = bundle.sources.find((source) => source.type === type);
  if (described !== undefined) return described;
  throw new AppError("unsupported", `bundle ${request.file} holds nothing for ${type}`, {
    hint: "name a database of the right type with --db",
  });
}

async function prepareRestore(
  deps: Deps,
  run: ActiveRun,
  request: RestoreFileRequest,
  payload: Payload,
  bundle: Manifest | null,
  { spec, database }: Place,
): Promise<() => Promise<void>> {
  const described = describedIn(bundle, request, spec);
  const source = await deps.openSource(spec, run.log);
  const { mode, stopConnections, options } = request;
  const target = { source, database, mode, stopConnections };
  const state = await agreeToTarget(target, request.agree, run.signal);
  if (state.exists && !state.empty && request.safetyBackup) {
    if (request.project === null) {
      throw new AppError("restore_failed", "without a configuration there is no storage for a safety backup", {
        hint: "give --no-safety-backup if what is in the target may be lost",
      });
    }
    await makeSafetyBackup(deps, run, request.project, spec, database);
  }
  const parts =
    bundle === null || described === null
      ? [filePart(deps, request, formatIn(source, payload))]
      : bundleParts(deps, request.file, request.project, bundle, described.name);
  const rowCounts = described?.rowCounts ?? null;
  return async () => {
    const outcome = await restoreParts(deps, run, { ...target, parts, rowCounts, options });
    run.report({ [request.into.length > 1 ? spec.name : "database"]: { ...outcome, into: database } });
    run.log("info", `restored ${request.file} into ${database}`);
  };
}

function filePart(deps: Deps, request: RestoreFileRequest, format: string): PlainPart {
  return {
    name: basename(request.file),
    format,
    facts: {},
    plainBytes: null,
    async *open(signal) {
      yield* (await deps.openFile(request.file, request.project, signal)).stream;
    },
  };
}

/** What the configuration would have written, against what the file is: a difference is a warning, or with strict an error. */
function checkPipeline(
  run: ActiveRun,
  { project, strictSniff, file }: RestoreFileRequest,
  layers: readonly string[],
): void {
  if (project === null) return;
  const { encryption, compression } = project;
  const expected = [encryption?.type, compression.algorithm === "none" ? undefined : compression.algorithm].filter(
    (layer) => layer !== undefined,
  );
  if (expected.join() === layers.join()) return;
  const message = `${file} has the layers [${layers.join(", ")}], project ${project.name} writes [${expected.join(", ")}]`;
  if (strictSniff)
    throw new AppError("unsupported", message, { hint: "leave out --strict-sniff to restore it as it is" });
  run.warn(message);
}

async function writePlain(deps: Deps, request: RestoreFileRequest, opened: OpenedFile, signal: AbortSignal) {
  const directory = request.targetPath!;
  await using store = await deps.openDirectory(directory, () => {});
  const name = plainName(basename(request.file));
  if ((await store.find(name, signal)) !== undefined) {
    throw new AppError("target_not_empty", `${join(directory, name)} is there already`, {
      hint: "restore to an empty directory",
    });
  }
  await using writer = await store.openWriter(name, { signal });
  for await (const chunk of opened.stream) await writer.write(chunk);
  await writer.close();
  return { path: join(directory, name), format: describePayload(opened.payload), plain: true };
}

function plainName(name: string): string {
  const plain = name.replace(/(\.(zst|gz|enc|age|gpg|asc))+$/, "");
  return plain === name ? `${name}.plain` : plain;
}

function describePayload(payload: Payload): string {
  return payload.kind === "sql" ? `${payload.dialect} SQL` : payload.kind;
}

function formatIn(source: Source, payload: Payload): string {
  const format = source.formatOf(payload);
  if (format !== null) return format;
  throw new AppError("unsupported", `a file of kind ${describePayload(payload)} does not go into ${source.type}`, {
    hint: "name a database of the right type with --db, or restore --from FILE <directory> to write its plain content",
  });
}
