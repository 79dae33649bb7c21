// Dumps the sources of one attempt, one after the other, each part to every place of the attempt at once.

import { AppError } from "../domain/error.ts";
import type { Verification } from "../domain/backup/backup.ts";
import type { ManifestPart, ManifestSource } from "../domain/backup/manifest.ts";
import { formatPartKey } from "../domain/backup/object-key.ts";
import type { CompressionSpec, VerificationSpec } from "../domain/project/project.ts";
import type { Cipher } from "../ports/cipher.ts";
import type { SourceInfo } from "../ports/source.ts";
import { compressPart } from "./compress-part.ts";
import type { Deps } from "./deps.ts";
import type { ActiveRun } from "./execute-run.ts";
import { tagStage } from "./stage-error.ts";
import { storePart } from "./store-part.ts";
import { verifyParts } from "./verify-parts.ts";
import type { NamedSource, NamedStore, StorageFailure } from "./named.ts";

/** What an attempt has put where; shrinks as storages fail. */
export interface Attempt {
  readonly id: string;
  readonly stem: string;
  readonly tags: Readonly<Record<string, string>>;
  stores: readonly NamedStore[];
  readonly failures: StorageFailure[];
  readonly parts: ManifestPart[];
  readonly keys: string[];
  readonly verifications: Verification[];
}

export interface DumpPlan {
  readonly sources: readonly NamedSource[];
  readonly compression: CompressionSpec;
  /** Awaited when the first part is being compressed, so that nobody waits for the key. */
  readonly cipher: Promise<Cipher | null>;
  readonly infos: ReadonlyMap<string, SourceInfo>;
  readonly verification: VerificationSpec;
}

export function openAttempt(names: Pick<Attempt, "id" | "stem" | "tags">, stores: readonly NamedStore[]): Attempt {
  return { ...names, stores, failures: [], parts: [], keys: [], verifications: [] };
}

/** Grows `attempt` by what was stored. Throws the source's or cipher's error, or the last storage's when none is left. */
export async function dumpSources(
  deps: Deps,
  run: ActiveRun,
  plan: DumpPlan,
  attempt: Attempt,
): Promise<ManifestSource[]> {
  const total = [...plan.infos.values()].reduce((sum, info) => sum + (info.sizeBytes ?? 0), 0);
  const sources: ManifestSource[] = [];
  let doneBytes = 0;
  for (const named of plan.sources) {
    const controller = new AbortController();
    const signal = AbortSignal.any([run.signal, controller.signal]);
    let activeAt = 0;
    const rowCounts = plan.verification.enabled ? plan.verification.rowCounts : "off";
    run.log("info", `dumping ${named.name}: ${named.source.object}`);
    await using dump = await ofDump(
      named.source.dump({ rowCounts, signal, onActivity: () => (activeAt = performance.now()) }),
    );
    for await (const part of dump.parts()) {
      const partName = part.suffix === "" ? named.name : part.suffix;
      let partBytes = 0;
      await using compressed = compressPart(deps, {
        source: named.name,
        part,
        compression: plan.compression,
        activeAt: () => activeAt,
        abortSource: (error) => controller.abort(error),
        onPlainBytes: (bytes) => {
          partBytes = bytes;
          run.advance(doneBytes + bytes, total === 0 ? undefined : Math.max(total, doneBytes + bytes));
        },
      });
      const cipher = await plan.cipher;
      const { extension } = deps.codecs[plan.compression.algorithm];
      const key = formatPartKey(attempt.stem, part.format, extension, cipher?.extension ?? "");
      attempt.keys.push(key);
      const result = await storePart(deps, {
        backupId: attempt.id,
        partName,
        source: named.name,
        key,
        compressed,
        cipher,
        stores: attempt.stores,
        tags: attempt.tags,
        expectedBytes: plan.infos.get(named.name)?.sizeBytes ?? null,
        signal,
      });
      doneBytes += partBytes;
      attempt.parts.push(result.part);
      dropFailed(attempt, result.failures);
    }
    if (!attempt.parts.some((part) => part.source === named.name)) {
      const message = `source ${named.name} (${named.source.object}) yielded nothing to store`;
      throw tagStage(new AppError("source_failed", message), "dump");
    }
    const summary = await ofDump(dump.summary());
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
export async function verifyAttempt(
  deps: Deps,
  run: ActiveRun,
  plan: DumpPlan,
  attempt: Attempt,
  described: readonly ManifestSource[],
): Promise<void> {
  const cipher = await plan.cipher;
  let structureChecked = false;
  const failures: StorageFailure[] = [];
  for (const storage of attempt.stores) {
    try {
      const level: "checksum" | "structure" =
        plan.verification.level === "checksum" || structureChecked ? "checksum" : "structure";
      const limits = await verifyParts(deps, {
        backupId: attempt.id,
        parts: attempt.parts,
        storage,
        level,
        sources: plan.sources,
        cipher,
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
        storage: storage.name,
        message,
        restoreMs: null,
      });
    } catch (error) {
      run.signal.throwIfAborted();
      failures.push({ name: storage.name, error: tagStage(error, "verify") });
    }
  }
  dropFailed(attempt, failures);
  if (attempt.stores.length === 0) throw failures.at(-1)!.error;
}

/** They take no further part in the attempt. */
export function dropFailed(attempt: Attempt, failures: readonly StorageFailure[]): void {
  const names = new Set(failures.map((failure) => failure.name));
  attempt.failures.push(...failures);
  attempt.stores = attempt.stores.filter((storage) => !names.has(storage.name));
}

/** What fails here is the source's fault. */
async function ofDump<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw tagStage(error, "dump");
  }
}
