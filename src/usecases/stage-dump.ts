// Databases of a project with repositories are dumped once, to files in BACKUP_BASE_DIR/{project}, and verified there.
// The files feed the repositories as they are and the archive storages through the ordinary pipeline. Assets are not
// staged: repositories read them where they lie.

import { resolve } from "node:path";
import { AppError } from "../domain/error.ts";
import type { Manifest, ManifestPart, ManifestSource } from "../domain/backup/manifest.ts";
import { manifestKey, type StemParts } from "../domain/backup/object-key.ts";
import { formatManifest } from "../domain/backup/parse-manifest.ts";
import { formatStagedStem } from "../domain/backup/staged-key.ts";
import type { Verification } from "../domain/backup/backup.ts";
import type { Dump, FileSelection, Source } from "../ports/source.ts";
import { discardBackup } from "./commit-backup.ts";
import type { Deps } from "./deps.ts";
import { dumpSources, openAttempt, verifyAttempt, type DumpPlan } from "./dump-sources.ts";
import type { ActiveRun } from "./execute-run.ts";
import { openPlainPart } from "./open-plain-part.ts";
import { formatBytes } from "./preflight.ts";
import { moveStage, tagStage } from "./stage-error.ts";
import type { NamedSource, NamedStore } from "./named.ts";

export interface StagedDump {
  readonly stem: string;
  readonly parts: readonly ManifestPart[];
  /** Databases as dumped, and the asset paths as they will be saved. */
  readonly sources: readonly ManifestSource[];
  readonly files: FileSelection;
  readonly sizeBytes: number;
  readonly verification: Verification | null;
  /** Absolute paths of the dumps, and of the manifest beside them. */
  readonly dumpPaths: readonly string[];
  readonly manifestPath: string;
  writeManifest(manifest: Manifest): Promise<void>;
  /** The same sources, with the databases read from the staged files instead of their servers. */
  replay(sources: readonly NamedSource[]): readonly NamedSource[];
  /** Never throws. What belongs to no backup goes. */
  close(isKept: boolean): Promise<void>;
}

const cleanupTimeoutMs = 60_000;
const uncompressed = { algorithm: "none", level: 0 } as const;

/** Throws what the source, the cipher or the disk answers; then nothing is left. */
export async function stageDump(deps: Deps, run: ActiveRun, plan: DumpPlan, names: StemParts): Promise<StagedDump> {
  const baseDir = resolve(deps.settings.baseDir);
  const store = await deps.openDirectory(baseDir, run.log);
  const directory: NamedStore = { name: "staging", store };
  const stem = formatStagedStem(names);
  const attempt = openAttempt({ id: names.backupId, stem, tags: {} }, [directory]);
  const close = async (isKept: boolean): Promise<void> => {
    if (!isKept) {
      const left = await discardBackup(store, stem, attempt.keys, AbortSignal.timeout(cleanupTimeoutMs));
      if (left.length > 0) {
        run.log("warn", `could not remove ${left.join(", ")} in ${baseDir}; prune will collect it`);
        const dumpFile = left.find((key) => key !== manifestKey(stem));
        if (dumpFile !== undefined) run.report({ dumpFile: `${baseDir}/${dumpFile}` });
      }
    }
    await store[Symbol.asyncDispose]();
  };
  const databases = plan.sources.filter(({ source }) => source.selectFiles === undefined);
  const compression = plan.compression.explicit === true ? plan.compression : uncompressed;
  const staging: DumpPlan = { ...plan, sources: databases, compression };
  try {
    const files = await selectFiles(run, plan.sources);
    await requireRoom(deps, run, staging, directory, baseDir);
    const dumped = await run.stage("dump", () =>
      dumpSources(deps, run, staging, attempt).catch((error: unknown) => {
        // The directory of the dumps is nobody's storage.
        throw moveStage(error, "sync", "dump");
      }),
    );
    if (plan.verification.enabled && databases.length > 0) {
      await run.stage("verify", () => verifyAttempt(deps, run, staging, attempt, dumped));
    }
    deps.reach("sync.staged");
    const { parts } = attempt;
    return {
      stem,
      parts,
      sources: [...dumped, ...describeFiles(plan.sources, files)],
      files,
      sizeBytes: parts.reduce((sum, part) => sum + part.storedBytes, 0),
      verification: attempt.verifications[0] ?? null,
      dumpPaths: parts.map(({ key }) => `${baseDir}/${key}`),
      manifestPath: `${baseDir}/${manifestKey(stem)}`,
      async writeManifest(manifest) {
        const bytes = new TextEncoder().encode(formatManifest(manifest));
        await store.create(manifestKey(stem), bytes, { signal: run.signal });
      },
      replay: (sources) =>
        sources.map((named) => replay(deps, named, { store, plan, parts, dumped, id: names.backupId })),
      close,
    };
  } catch (error) {
    await close(false);
    throw error;
  }
}

async function selectFiles(run: ActiveRun, sources: readonly NamedSource[]): Promise<FileSelection> {
  const found = { paths: [] as string[], exclude: [] as string[] };
  for (const { source } of sources) {
    const selection = await source.selectFiles?.(run.signal);
    if (selection === undefined) continue;
    for (const warning of selection.warnings) run.warn(warning);
    found.paths.push(...selection.paths);
    found.exclude.push(...selection.exclude);
  }
  return { ...found, warnings: [] };
}

/** The disk that holds the state store and the locks must not be filled by a dump. */
async function requireRoom(
  deps: Pick<Deps, "settings">,
  run: ActiveRun,
  { sources, infos }: DumpPlan,
  { store }: NamedStore,
  baseDir: string,
): Promise<void> {
  const expected = sources.reduce((sum, { name }) => sum + (infos.get(name)?.sizeBytes ?? 0), 0);
  const free = await store.freeBytes(run.signal);
  const wanted = expected + deps.settings.diskMinFreeBytes;
  if (free === null || free >= wanted) return;
  const message = `the dump needs about ${formatBytes(wanted)} in ${baseDir} (with what must stay free), ${formatBytes(free)} are free`;
  throw tagStage(
    new AppError("disk_full", message, {
      hint: "free space there, move BACKUP_BASE_DIR to a larger disk, or lower HEALTH_DISK_MIN_FREE_GB",
    }),
    "dump",
  );
}

function describeFiles(sources: readonly NamedSource[], files: FileSelection): readonly ManifestSource[] {
  return sources
    .filter(({ source }) => source.selectFiles !== undefined)
    .map(({ name, source }) => ({
      name,
      type: source.type,
      object: source.object,
      serverVersion: null,
      toolVersion: null,
      consistencyPoint: null,
      rowCounts: null,
      warnings: [],
      facts: { paths: files.paths },
    }));
}

interface Replay {
  readonly store: NamedStore["store"];
  readonly plan: DumpPlan;
  readonly parts: readonly ManifestPart[];
  readonly dumped: readonly ManifestSource[];
  readonly id: string;
}

function replay(deps: Deps, named: NamedSource, { store, plan, parts, dumped, id }: Replay): NamedSource {
  const described = dumped.find(({ name }) => name === named.name);
  if (described === undefined) return named;
  const own = parts.filter((part) => part.source === named.name);
  const dump: Source["dump"] = async ({ signal }): Promise<Dump> => ({
    serverVersion: described.serverVersion,
    toolVersion: described.toolVersion,
    async *parts() {
      const cipher = await plan.cipher;
      for (const part of own) {
        const stream = openPlainPart(deps, { store, backupId: id, part, cipher, signal });
        yield { suffix: part.name === named.name ? "" : part.name, format: part.format, stream };
      }
    },
    async summary() {
      const { consistencyPoint, rowCounts, facts } = described;
      // Its warnings were told when it was dumped.
      return { consistencyPoint, rowCounts, facts, warnings: described.warnings };
    },
    async [Symbol.asyncDispose]() {},
  });
  return { name: named.name, source: { ...named.source, dump } };
}
