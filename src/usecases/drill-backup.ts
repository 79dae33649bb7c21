// A drill: a real restore into a scratch place that is always removed, with tables and exact row counts compared
// with those of the dump. The time it takes is the measured restore time.

import { AppError, toAppError } from "../domain/error.ts";
import { compareRowCounts } from "../domain/backup/compare-row-counts.ts";
import { globalsFirst, isGlobals } from "../domain/backup/part-format.ts";
import type { Verification } from "../domain/backup/backup.ts";
import type { Manifest, ManifestSource } from "../domain/backup/manifest.ts";
import type { Project } from "../domain/project/project.ts";
import type { Cipher } from "../ports/cipher.ts";
import type { Deps, LogSink } from "./deps.ts";
import { openPlainPart } from "./open-plain-part.ts";
import type { Holder } from "./read-holders.ts";
import { hasLooseAssets, receiveAssets } from "./receive-assets.ts";
import { undecidedBy } from "./verdict.ts";
import { fullRestore } from "../ports/source.ts";

export interface DrillRequest {
  readonly project: Project;
  readonly manifest: Manifest;
  readonly holder: Holder;
  readonly cipher: Cipher | null;
  readonly log: LogSink;
  readonly signal: AbortSignal;
}

export interface DrillResult {
  readonly verification: Verification;
  /** What a person can do about a drill that failed: often the server it ran on is at fault, not the backup. */
  readonly hint: string | undefined;
}

/** A failed drill is a result, not an error; a cancel throws, and so does what says nothing of the backup (no server, no tool). */
export async function drillBackup(
  deps: Pick<Deps, "clock" | "codecs" | "settings" | "openSource">,
  request: DrillRequest,
): Promise<DrillResult> {
  const started = deps.clock.monotonicMs();
  let failure: AppError | undefined;
  try {
    for (const described of request.manifest.sources) await drillSource(deps, request, described);
  } catch (error) {
    request.signal.throwIfAborted();
    const undecided = undecidedBy(error);
    if (undecided !== undefined) throw undecided;
    failure = toAppError(error);
  }
  const restoreMs = Math.round(deps.clock.monotonicMs() - started);
  if (failure === undefined)
    request.log(
      "info",
      `drill passed in ${(restoreMs / 1000).toFixed(1)} s from storage ${request.holder.storage.name}`,
    );
  const verification: Verification = {
    level: "restore",
    passed: failure === undefined,
    at: deps.clock.now(),
    storage: request.holder.storage.name,
    message: failure?.message ?? null,
    restoreMs,
  };
  return { verification, hint: failure?.hint };
}

/** Every source of the backup, not of the project as it is now: what is not restored is not proven. */
async function drillSource(
  deps: Pick<Deps, "codecs" | "settings" | "openSource">,
  request: DrillRequest,
  described: ManifestSource,
): Promise<void> {
  const { manifest, project, signal } = request;
  const parts = manifest.parts.filter((part) => part.source === described.name);
  const spec = project.sources.find(({ name, type }) => name === described.name && type === described.type);
  if (spec === undefined) {
    throw new AppError(
      "verify_failed",
      `project ${project.name} has no ${described.type} source ${described.name} any more, so it cannot be drilled`,
    );
  }
  const { drillOn, drillServer } = project.verification;
  const settings = drillOn === "server" && spec.name === "database" ? drillServer : spec.settings;
  const source = await deps.openSource({ ...spec, settings }, request.log);
  await using place = await source.openDrill({ on: drillOn === "throwaway" ? "throwaway" : "project", signal });
  // Roles belong to the server, not to the scratch database: a drill must not create them on a live server.
  const drilled = parts.filter((part) => drillOn === "throwaway" || !isGlobals(part));
  for (const part of globalsFirst(drilled)) {
    const stream = openPlainPart(deps, {
      store: request.holder.storage.store,
      backupId: manifest.backupId,
      part,
      cipher: request.cipher,
      signal,
    });
    const report = await place.restore({ format: part.format, stream, facts: described.facts }, fullRestore, signal);
    for (const warning of report.warnings) request.log("warn", `drill: ${warning}`);
  }
  if (parts.length === 0 && hasLooseAssets(manifest)) {
    const warnings = await receiveAssets({ ...request, target: place });
    for (const warning of warnings) request.log("warn", `drill: ${warning}`);
  }
  const restored = await place.countRows(signal);
  if (described.rowCounts === null) return;
  const differences = compareRowCounts(described.rowCounts.tables, restored);
  if (differences.length === 0) return;
  throw new AppError(
    "verify_failed",
    `the drill restored other rows than were dumped: ${differences.slice(0, 5).join("; ")}`,
    {
      hint: "the backup is kept but not verified; look for triggers or a dump that was not consistent",
      details: { differences },
    },
  );
}
