// Verifies one backup on every storage that holds it, or on the one asked for, and writes the result beside it.

import { AppError, toAppError } from "../domain/error.ts";
import type { Verification } from "../domain/backup/backup.ts";
import type { Project, VerificationLevel } from "../domain/project/project.ts";
import type { Run } from "../domain/run/run.ts";
import type { Deps } from "./deps.ts";
import { drillBackup } from "./drill-backup.ts";
import { executeRun, type ActiveRun } from "./execute-run.ts";
import { findBackup } from "./find-backup.ts";
import { holdForReading } from "./hold-for-reading.ts";
import { readProvenManifest } from "./open-decipher.ts";
import type { Holder } from "./read-holders.ts";
import { recordVerification } from "./record-verification.ts";
import { readLooseAssets } from "./read-loose-assets.ts";
import { tagStage } from "./stage-error.ts";
import { undecidedBy } from "./verdict.ts";
import { verifyParts } from "./verify-parts.ts";
import type { NamedSource, StorageFailure } from "./named.ts";

export interface VerifyRequest {
  readonly project: Project;
  readonly reference: string;
  readonly level: VerificationLevel;
  readonly storage?: string | undefined;
  readonly trigger?: string;
  /** A plain backup of a project that encrypts fails unless this is set: a restore would refuse it. */
  readonly allowUnencrypted?: boolean;
  readonly signal: AbortSignal;
}

/** The results are in the run's `result.verifications`; one that fails fails the run, after all were tried. */
export async function verifyBackup(deps: Deps, request: VerifyRequest): Promise<Run> {
  const { project, signal } = request;
  const run = { project: project.name, kind: "verify", trigger: request.trigger ?? "manual", signal } as const;
  return executeRun(deps, run, (active) => active.stage("verify", () => verifyEverywhere(deps, active, request)));
}

async function verifyEverywhere(deps: Deps, run: ActiveRun, request: VerifyRequest): Promise<void> {
  const { project, level } = request;
  await using stack = new AsyncDisposableStack();
  const found = await findBackup(deps, { ...request, log: run.log, signal: run.signal }, stack);
  const { backupId } = found.manifest;
  run.update({ backupId });
  await holdForReading(deps, run, project.name, backupId, stack);
  const sources = level === "structure" ? await openSources(deps, run, project) : [];
  const results: Verification[] = [];
  const undecided: StorageFailure[] = [...found.unread];
  let hint: string | undefined;
  for (const holder of found.holders) {
    const { name } = holder.storage;
    run.log("info", `verifying ${backupId} on ${name} (${level})`);
    const verdict = await verifyCopy(deps, run, request, holder, sources);
    if (verdict instanceof AppError) {
      run.log("error", `storage ${name}: nothing can be said of the backup: ${verdict.message}`);
      undecided.push({ name, error: verdict });
      continue;
    }
    const { verification } = verdict;
    hint ??= verdict.hint;
    results.push(verification);
    if (!verification.passed) run.log("error", `storage ${name}: ${verification.message}`);
    await recordVerification(deps, holder, found.manifest, verification).catch((error: unknown) =>
      run.warn(`storage ${name}: the result could not be written: ${toAppError(error).message}`),
    );
  }
  run.report({ verifications: results });
  const failed = results.filter((result) => !result.passed);
  if (failed.length === 0) {
    if (undecided.length > 0) throw tagStage(undecided[0]!.error, "verify");
    return;
  }
  throw tagStage(
    new AppError(
      "verify_failed",
      `backup ${backupId} failed ${level} on ${failed.map(({ storage }) => storage).join(", ")}: ${failed[0]!.message}`,
      { hint: hint ?? "make a new backup now and look for the cause; restore from a storage that passed" },
    ),
    "verify",
  );
}

async function openSources(deps: Deps, run: ActiveRun, project: Project): Promise<readonly NamedSource[]> {
  const sources: NamedSource[] = [];
  for (const spec of project.sources) sources.push({ name: spec.name, source: await deps.openSource(spec, run.log) });
  return sources;
}

/** An error when the surroundings keep anything from being said of this copy. */
async function verifyCopy(
  deps: Deps,
  run: ActiveRun,
  { project, level, allowUnencrypted }: VerifyRequest,
  holder: Holder,
  sources: readonly NamedSource[],
): Promise<{ readonly verification: Verification; readonly hint?: string | undefined } | AppError> {
  const { signal, log } = run;
  const { storage } = holder;
  const outcome = (passed: boolean, message: string | null): { readonly verification: Verification } => ({
    verification: { level, passed, at: deps.clock.now(), storage: storage.name, message, restoreMs: null },
  });
  try {
    // Each storage is judged by its own manifest: a good copy elsewhere must not vouch for this one.
    const unencrypted = allowUnencrypted === true ? "allowed" : "refused";
    const { manifest, cipher } = await readProvenManifest(deps, project, holder, unencrypted, signal);
    if (level === "restore") return await drillBackup(deps, { project, manifest, holder, cipher, log, signal });
    const limits = await verifyParts(deps, {
      backupId: manifest.backupId,
      parts: manifest.parts,
      storage,
      level,
      sources,
      cipher,
      facts: (name) => manifest.sources.find((source) => source.name === name)?.facts ?? {},
      log,
      signal,
    });
    await readLooseAssets(holder, manifest, log, signal);
    return outcome(true, limits.length === 0 ? null : limits.join("; "));
  } catch (error) {
    signal.throwIfAborted();
    return undecidedBy(error) ?? outcome(false, toAppError(error).message);
  }
}
