// One attempt at a backup, under names that no other attempt shares: dump every source, make all parts durable, verify
// them on the storage, commit the manifest. Whatever fails before the commit leaves nothing behind.

import { AppError } from "../domain/error.ts";
import type { BackupType, Verification } from "../domain/backup/backup.ts";
import {
  manifestFormat,
  manifestVersion,
  type Manifest,
  type ManifestPart,
  type ManifestSource,
} from "../domain/backup/manifest.ts";
import { formatPartKey, formatStem } from "../domain/backup/object-key.ts";
import { formatManifest } from "../domain/backup/parse-manifest.ts";
import { sealManifest } from "../domain/backup/seal-manifest.ts";
import type { Project, ScheduleSpec } from "../domain/project/project.ts";
import type { Cipher } from "../ports/cipher.ts";
import type { SourceInfo } from "../ports/source.ts";
import { commitBackup, discardBackup } from "./commit-backup.ts";
import type { Deps } from "./deps.ts";
import type { ActiveRun } from "./execute-run.ts";
import type { SinkFailure } from "./fan-out.ts";
import type { NamedSource } from "./preflight.ts";
import { tagStage } from "./stage-error.ts";
import { storePart, type Target } from "./store-part.ts";
import { verifyParts } from "./verify-parts.ts";

export interface AttemptRequest {
  /** A new one for each attempt. */
  readonly backupId: string;
  readonly project: Project;
  readonly type: BackupType;
  readonly schedule: ScheduleSpec | null;
  readonly sources: readonly NamedSource[];
  readonly targets: readonly Target[];
  readonly cipher: Cipher | null;
  readonly infos: ReadonlyMap<string, SourceInfo>;
}

export interface AttemptResult {
  readonly manifest: Manifest;
  readonly committed: readonly Target[];
  readonly failures: readonly SinkFailure[];
  /** What was proven before the commit, per storage; empty when verification is off. */
  readonly verifications: readonly Verification[];
}

/** What an attempt has put where; shrinks as storages fail. */
interface Attempt {
  readonly id: string;
  readonly stem: string;
  readonly tags: Readonly<Record<string, string>>;
  targets: readonly Target[];
  readonly dropped: Target[];
  readonly failures: SinkFailure[];
  readonly parts: ManifestPart[];
  readonly keys: string[];
  readonly verifications: Verification[];
}

const cleanupTimeoutMs = 120_000;

export async function attemptBackup(deps: Deps, run: ActiveRun, request: AttemptRequest): Promise<AttemptResult> {
  const { project, type } = request;
  const startedAt = deps.clock.now();
  const timeZone = request.schedule?.timeZone ?? deps.settings.timeZone;
  const id = request.backupId;
  const stem = formatStem({ project: project.name, type, startedAt, timeZone, backupId: id });
  const tags = { project: project.name, type, time: new Date(startedAt).toISOString() };
  const attempt: Attempt = {
    id,
    stem,
    tags,
    targets: request.targets,
    dropped: [],
    failures: [],
    parts: [],
    keys: [],
    verifications: [],
  };
  run.update({ backupId: id });
  run.report({ stem });
  let committed: readonly Target[] = [];
  try {
    const sources = await run.stage("dump", () => dumpSources(deps, run, request, attempt));
    deps.reach("dump.parts_durable");
    if (project.verification.enabled) {
      await run.stage("verify", () => verifyAttempt(deps, run, request, attempt, sources));
    }
    const manifest: Manifest = {
      format: manifestFormat,
      formatVersion: manifestVersion,
      backupId: id,
      runId: run.id,
      project: project.name,
      type,
      schedule:
        request.schedule === null
          ? null
          : { name: request.schedule.name, ownRetention: request.schedule.retention !== undefined },
      stem,
      timeZone,
      startedAt: new Date(startedAt).toISOString(),
      finishedAt: new Date(deps.clock.now()).toISOString(),
      host: { name: deps.program.host, platform: deps.program.platform },
      program: { name: "backupctl", version: deps.program.version },
      sources,
      parts: attempt.parts,
      warnings: sources.flatMap((source) => source.warnings),
    };
    run.signal.throwIfAborted();
    const sealed = await sealManifest(request.cipher, manifest);
    const bytes = new TextEncoder().encode(formatManifest(sealed));
    const result = await run.stage("sync", async () => {
      const outcome = await commitBackup(deps, { stem, manifest: bytes, targets: attempt.targets, tags });
      committed = outcome.committed;
      dropFailed(attempt, outcome.failures);
      if (outcome.committed.length === 0) throw attempt.failures.at(-1)!.error;
      return outcome;
    });
    const names = new Set(result.committed.map(({ name }) => name));
    const verifications = attempt.verifications.filter(({ storage }) => names.has(storage));
    return { manifest: sealed, committed: result.committed, failures: attempt.failures, verifications };
  } finally {
    const uncommitted = request.targets.filter((target) => !committed.includes(target));
    await discard(run, attempt, uncommitted);
  }
}

async function dumpSources(
  deps: Deps,
  run: ActiveRun,
  request: AttemptRequest,
  attempt: Attempt,
): Promise<ManifestSource[]> {
  const total = [...request.infos.values()].reduce((sum, info) => sum + (info.sizeBytes ?? 0), 0);
  const sources: ManifestSource[] = [];
  let doneBytes = 0;
  for (const named of request.sources) {
    const controller = new AbortController();
    const signal = AbortSignal.any([run.signal, controller.signal]);
    let activeAt = 0;
    const rowCounts = request.project.verification.enabled ? request.project.verification.rowCounts : "off";
    run.log("info", `dumping ${named.name}: ${named.source.object}`);
    await using dump = await tagged(
      "dump",
      named.source.dump({ rowCounts, signal, onActivity: () => (activeAt = performance.now()) }),
    );
    for await (const part of dump.parts()) {
      const partName = part.suffix === "" ? named.name : part.suffix;
      const key = formatPartKey(
        attempt.stem,
        part.format,
        deps.codecs[request.project.compression.algorithm].extension,
        request.cipher?.extension ?? "",
      );
      attempt.keys.push(key);
      let partBytes = 0;
      const result = await storePart(deps, {
        backupId: attempt.id,
        partName,
        source: named.name,
        key,
        part,
        compression: request.project.compression,
        cipher: request.cipher,
        targets: attempt.targets,
        tags: attempt.tags,
        expectedBytes: request.infos.get(named.name)?.sizeBytes ?? null,
        signal,
        activeAt: () => activeAt,
        abortSource: (error) => controller.abort(error),
        onPlainBytes: (bytes) => {
          partBytes = bytes;
          run.advance(doneBytes + bytes, total === 0 ? undefined : Math.max(total, doneBytes + bytes));
        },
      });
      doneBytes += partBytes;
      attempt.parts.push(result.part);
      dropFailed(attempt, result.failures);
    }
    if (!attempt.parts.some((part) => part.source === named.name)) {
      const message = `source ${named.name} (${named.source.object}) yielded nothing to store`;
      throw tagStage(new AppError("source_failed", message), "dump");
    }
    const summary = await tagged("dump", dump.summary());
    for (const warning of summary.warnings) run.warn(warning);
    sources.push({
      name: named.name,
      type: named.source.type,
      object: named.source.object,
      serverVersion: dump.serverVersion,
      toolVersion: dump.toolVersion,
      consistencyPoint: summary.consistencyPoint,
      rowCounts: summary.rowCounts,
      warnings: summary.warnings,
      facts: summary.facts,
    });
  }
  return sources;
}

/** A storage whose copy does not verify loses the backup; when no good copy is left the attempt has failed. */
async function verifyAttempt(
  deps: Deps,
  run: ActiveRun,
  request: AttemptRequest,
  attempt: Attempt,
  described: readonly ManifestSource[],
): Promise<void> {
  let structureChecked = false;
  const failures: SinkFailure[] = [];
  for (const target of attempt.targets) {
    try {
      const level: "checksum" | "structure" =
        request.project.verification.level === "checksum" || structureChecked ? "checksum" : "structure";
      const limits = await verifyParts(deps, {
        backupId: attempt.id,
        parts: attempt.parts,
        target,
        level,
        sources: request.sources,
        cipher: request.cipher,
        facts: (name) => described.find((source) => source.name === name)?.facts ?? {},
        log: run.log,
        signal: run.signal,
      });
      structureChecked ||= level === "structure";
      const message = limits.length === 0 ? null : limits.join("; ");
      attempt.verifications.push({
        level,
        passed: true,
        at: deps.clock.now(),
        storage: target.name,
        message,
        restoreMs: null,
      });
    } catch (error) {
      run.signal.throwIfAborted();
      failures.push({ name: target.name, error: tagStage(error, "verify") });
    }
  }
  dropFailed(attempt, failures);
  if (attempt.targets.length === 0) throw failures.at(-1)!.error;
}

function dropFailed(attempt: Attempt, failures: readonly SinkFailure[]): void {
  const names = new Set(failures.map((failure) => failure.name));
  attempt.failures.push(...failures);
  attempt.dropped.push(...attempt.targets.filter((target) => names.has(target.name)));
  attempt.targets = attempt.targets.filter((target) => !names.has(target.name));
}

async function discard(run: ActiveRun, attempt: Attempt, targets: readonly Target[]): Promise<void> {
  if (attempt.keys.length === 0) return;
  await Promise.all(
    targets.map(async ({ name, store }) => {
      const left = await discardBackup(store, attempt.stem, attempt.keys, AbortSignal.timeout(cleanupTimeoutMs));
      if (left.length > 0)
        run.log("warn", `storage ${name}: could not remove ${left.join(", ")}; prune will collect it`);
    }),
  );
}

async function tagged<T>(stage: "dump", work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw tagStage(error, stage) satisfies AppError;
  }
}
