// The port's promises as checks that run anywhere: in tests by object-store.contract.ts, and against somebody's own
// storage by `storage check`, below a prefix of its own that is removed afterwards.

import { toAppError } from "../domain/error.ts";
import { creatingChecks } from "./object-store-checks/creating.ts";
import { listingChecks } from "./object-store-checks/listing.ts";
import { readingChecks } from "./object-store-checks/reading.ts";
import { replacingChecks } from "./object-store-checks/replacing.ts";
import { writingChecks } from "./object-store-checks/writing.ts";
import type { CheckPlace, ObjectStoreCheck } from "./object-store-checks/check.ts";
import type { ObjectStore, ObjectStoreCapabilities } from "./object-store.ts";

export type { CheckPlace, ObjectStoreCheck } from "./object-store-checks/check.ts";

export const objectStoreChecks: readonly ObjectStoreCheck[] = [
  ...creatingChecks,
  ...replacingChecks,
  ...writingChecks,
  ...readingChecks,
  ...listingChecks,
];

export interface CheckResult {
  readonly name: string;
  readonly passed: boolean;
  /** Why it failed, or a remark; null when there is nothing to say. */
  readonly detail: string | null;
  readonly durationMs: number;
}

export interface ObjectStoreReport {
  readonly type: string;
  readonly location: string;
  readonly passed: boolean;
  readonly capabilities: ObjectStoreCapabilities;
  readonly results: readonly CheckResult[];
  /** What could not be removed afterwards; empty when the storage is as it was. */
  readonly leftovers: readonly string[];
}

export interface CheckOptions {
  /** `quick` takes some 100 MiB and 400 requests; `full` adds a listing of more than 1000 objects. */
  readonly effort: "quick" | "full";
  readonly signal: AbortSignal;
  readonly checkTimeoutMs?: number;
  onResult?(result: CheckResult): void;
}

export function checkPrefix(): string {
  return `backupctl-check-${crypto.randomUUID().slice(0, 13)}/`;
}

/** Never throws but for the signal: what is wrong with the storage is in the report. */
export async function checkObjectStore(store: ObjectStore, options: CheckOptions): Promise<ObjectStoreReport> {
  const root = checkPrefix();
  const results: CheckResult[] = [];
  const chosen = objectStoreChecks.filter((check) => check.effort === "quick" || options.effort === "full");
  const leftovers: string[] = [];
  for (const [index, check] of chosen.entries()) {
    const signal = AbortSignal.any([options.signal, AbortSignal.timeout(options.checkTimeoutMs ?? 300_000)]);
    const place: CheckPlace = { store, prefix: `${root}${index}/`, signal };
    const startedAt = performance.now();
    const outcome = await runCheck(check, place);
    const result = { name: check.name, ...outcome, durationMs: Math.round(performance.now() - startedAt) };
    results.push(result);
    options.onResult?.(result);
    // Not the caller's signal: whoever cancels a check still wants a clean storage.
    leftovers.push(...(await removeAll({ ...place, signal: AbortSignal.timeout(60_000) })));
    options.signal.throwIfAborted();
  }
  const passed = leftovers.length === 0 && results.every((result) => result.passed);
  const { type, location, capabilities } = store;
  return { type, location, passed, capabilities, results, leftovers };
}

async function runCheck(
  check: ObjectStoreCheck,
  place: CheckPlace,
): Promise<{ passed: boolean; detail: string | null }> {
  try {
    return { passed: true, detail: (await check.run(place)) ?? null };
  } catch (error) {
    const { message, hint } = toAppError(error);
    return { passed: false, detail: hint === undefined ? message : `${message} (${hint})` };
  }
}

/** Removes every object and upload below the place's prefix; returns what would not go. */
export async function removeAll(place: CheckPlace): Promise<string[]> {
  const { store, prefix, signal } = place;
  const left: string[] = [];
  try {
    for (const debris of await store.listDebris(signal)) {
      if (debris.key.startsWith(prefix)) await store.deleteDebris(debris, signal);
    }
    const keys: string[] = [];
    for await (const info of store.list(prefix, signal)) keys.push(info.key);
    for (let at = 0; at < keys.length; at += 16) {
      await Promise.all(keys.slice(at, at + 16).map((key) => store.delete(key, signal)));
    }
  } catch (error) {
    left.push(`${prefix}: ${toAppError(error).message}`);
  }
  return left;
}
