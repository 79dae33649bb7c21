// One attempt at a backup, under names that no other attempt shares: dump every source, make all parts durable, verify
// them on the storage, commit the manifest. Whatever fails before the commit leaves nothing behind.

import { toAppError } from "../domain/error.ts";
import type { BackupType, Verification } from "../domain/backup/backup.ts";
import { manifestFormat, manifestVersion, type Manifest, type ManifestSource } from "../domain/backup/manifest.ts";
import { formatStem, type StemParts } from "../domain/backup/object-key.ts";
import { formatManifest } from "../domain/backup/parse-manifest.ts";
import { sealManifest } from "../domain/backup/seal-manifest.ts";
import type { Project, ScheduleSpec } from "../domain/project/project.ts";
import type { Cipher } from "../ports/cipher.ts";
import type { SourceInfo } from "../ports/source.ts";
import { commitBackup, discardBackup } from "./commit-backup.ts";
import type { Deps } from "./deps.ts";
import { dropFailed, dumpSources, openAttempt, verifyAttempt, type Attempt, type DumpPlan } from "./dump-sources.ts";
import type { ActiveRun } from "./execute-run.ts";
import type { ReadyRepository } from "./preflight.ts";
import { stageDump, type StagedDump } from "./stage-dump.ts";
import { stageOf, tagStage } from "./stage-error.ts";
import { discardSnapshots, syncRepositories, type SyncedRepository } from "./sync-repositories.ts";
import type { NamedSource, NamedStore, StorageFailure } from "./named.ts";

export interface AttemptRequest {
  /** A new one for each attempt. */
  readonly backupId: string;
  readonly project: Project;
  readonly type: BackupType;
  readonly schedule: ScheduleSpec | null;
  readonly sources: readonly NamedSource[];
  readonly stores: readonly NamedStore[];
  /** When there are any, databases are dumped to a file that feeds everything else. */
  readonly repositories: readonly ReadyRepository[];
  /** Awaited when the first part is there, so that the source can start meanwhile. */
  readonly cipher: Promise<Cipher | null>;
  readonly infos: ReadonlyMap<string, SourceInfo>;
}

export interface AttemptResult {
  /** That of the archives, else that of the snapshots. */
  readonly manifest: Manifest;
  readonly committed: readonly NamedStore[];
  readonly synced: readonly SyncedRepository[];
  readonly failures: readonly StorageFailure[];
  /** What was proven before the commit, per storage; empty when verification is off. */
  readonly verifications: readonly Verification[];
}

const cleanupTimeoutMs = 120_000;

/** Throws when no storage holds the backup in the end, with the stage that is at fault; then what it wrote is taken away again. */
export async function attemptBackup(deps: Deps, run: ActiveRun, request: AttemptRequest): Promise<AttemptResult> {
  const { project, type, repositories } = request;
  const startedAt = deps.clock.now();
  const timeZone = request.schedule?.timeZone ?? deps.settings.timeZone;
  const id = request.backupId;
  const names: StemParts = { project: project.name, type, startedAt, timeZone, backupId: id };
  const stem = formatStem(names);
  const tags = { project: project.name, type, time: new Date(startedAt).toISOString() };
  const attempt = openAttempt({ id, stem, tags }, request.stores);
  const plan: DumpPlan = { ...request, compression: project.compression, verification: project.verification };
  run.update({ backupId: id });
  run.report({ stem });
  let committed: readonly NamedStore[] = [];
  let synced: readonly SyncedRepository[] = [];
  let staged: StagedDump | null = null;
  try {
    if (repositories.length > 0) {
      staged = await stageDump(deps, run, plan, names);
      run.report({ dumpSizeBytes: staged.sizeBytes });
    }
    const sources = await archive(deps, run, plan, attempt, staged);
    const describe = (content: Content): Manifest => describeAttempt(deps, run.id, names, request.schedule, content);
    run.signal.throwIfAborted();
    let manifest: Manifest | undefined;
    if (staged !== null) {
      const mode = project.snapshotMode ?? "combined";
      const described = describe({ stem: staged.stem, sources: staged.sources, parts: staged.parts });
      manifest = await sealManifest(await request.cipher, {
        ...described,
        snapshot: { mode, paths: staged.files.paths },
      });
      await staged.writeManifest(manifest);
      const work = { manifest, staged, repositories };
      const outcome = await run.stage("sync", () => syncRepositories(deps, run, work));
      synced = outcome.synced;
      attempt.failures.push(...outcome.failures);
    }
    if (attempt.stores.length > 0) {
      const sealed = await sealManifest(await request.cipher, describe({ stem, sources, parts: attempt.parts }));
      committed = await run.stage("sync", () => commitTo(deps, attempt, sealed, synced.length > 0));
      if (committed.length > 0) manifest = sealed;
    }
    if (manifest === undefined || committed.length + synced.length === 0) throw attempt.failures.at(-1)!.error;
    const held = new Set(committed.map(({ name }) => name));
    const { verification = null } = staged ?? {};
    const verifications = [
      ...attempt.verifications.filter(({ storage }) => held.has(storage)),
      ...(verification === null ? [] : synced.map(({ name }) => ({ ...verification, storage: name }))),
    ];
    return { manifest, committed, synced, failures: attempt.failures, verifications };
  } catch (error) {
    const made = synced;
    synced = [];
    for (const { name, repository } of made) await discardSnapshots(run, { name, repository }, project.name, id);
    throw error;
  } finally {
    const uncommitted = request.stores.filter((storage) => !committed.includes(storage));
    await discard(run, attempt, uncommitted);
    await staged?.close(synced.length > 0);
  }
}

/** What differs between the manifest of the archives and that of a staged dump. */
type Content = Pick<Manifest, "stem" | "sources" | "parts">;

/** Without its seal. */
function describeAttempt(
  { clock, program }: Pick<Deps, "clock" | "program">,
  runId: string,
  { backupId, project, type, startedAt, timeZone }: StemParts,
  schedule: ScheduleSpec | null,
  content: Content,
): Manifest {
  return {
    format: manifestFormat,
    formatVersion: manifestVersion,
    backupId,
    runId,
    project,
    type,
    schedule: schedule === null ? null : { name: schedule.name, ownRetention: schedule.retention !== undefined },
    timeZone,
    startedAt: new Date(startedAt).toISOString(),
    finishedAt: new Date(clock.now()).toISOString(),
    host: { name: program.host, platform: program.platform },
    program: { name: "backupctl", version: program.version },
    warnings: content.sources.flatMap((source) => source.warnings),
    ...content,
  };
}

/** What the archive storages get: straight from the sources, or from the staged file. */
async function archive(
  deps: Deps,
  run: ActiveRun,
  plan: DumpPlan,
  attempt: Attempt,
  staged: StagedDump | null,
): Promise<readonly ManifestSource[]> {
  const storeAndVerify = async (sources: DumpPlan["sources"]): Promise<readonly ManifestSource[]> => {
    const described = await run.stage("dump", () => dumpSources(deps, run, { ...plan, sources }, attempt));
    deps.reach("dump.parts_durable");
    if (plan.verification.enabled) {
      await run.stage("verify", () => verifyAttempt(deps, run, plan, attempt, described));
    }
    return described;
  };
  if (staged === null) return await storeAndVerify(plan.sources);
  if (attempt.stores.length === 0) return staged.sources;
  try {
    return await storeAndVerify(staged.replay(plan.sources));
  } catch (error) {
    // The repositories can still take the backup; nothing of it stays on the archive storages.
    run.signal.throwIfAborted();
    const failure = toAppError(error);
    dropFailed(
      attempt,
      attempt.stores.map(({ name }) => ({ name, error: tagStage(failure, stageOf(failure) ?? "sync") })),
    );
    return staged.sources;
  }
}

async function commitTo(
  deps: Deps,
  attempt: Attempt,
  manifest: Manifest,
  isHeldElsewhere: boolean,
): Promise<readonly NamedStore[]> {
  const bytes = new TextEncoder().encode(formatManifest(manifest));
  const { stem, stores, tags } = attempt;
  const outcome = await commitBackup(deps, { stem, manifest: bytes, stores, tags });
  dropFailed(attempt, outcome.failures);
  if (outcome.committed.length === 0 && !isHeldElsewhere) throw attempt.failures.at(-1)!.error;
  return outcome.committed;
}

async function discard(run: ActiveRun, attempt: Attempt, stores: readonly NamedStore[]): Promise<void> {
  if (attempt.keys.length === 0) return;
  await Promise.all(
    stores.map(async ({ name, store }) => {
      const left = await discardBackup(store, attempt.stem, attempt.keys, AbortSignal.timeout(cleanupTimeoutMs));
      if (left.length > 0)
        run.log("warn", `storage ${name}: could not remove ${left.join(", ")}; prune will collect it`);
    }),
  );
}
