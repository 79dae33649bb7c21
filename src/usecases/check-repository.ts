// What `storage check` asks of a repository: is it there, does its password open it, can it be listed, and is it whole
// by its own program's word. Nothing is written.

import { toAppError } from "../domain/error.ts";
import type { CheckResult } from "../ports/object-store.check.ts";
import type { Repository } from "../ports/repository.ts";
import type { CheckedStorage } from "./check-storages.ts";

/** Of the data that `quick` reads back, and `full`. */
const readDataPercents = { quick: 0, full: 100 } as const;

/** Throws only when it cannot be opened at all: what else is wrong is in the report. */
export async function checkRepositoryStorage(
  repository: Repository,
  effort: "quick" | "full",
  signal: AbortSignal,
  onResult: (result: CheckResult) => void,
): Promise<CheckedStorage> {
  const results: CheckResult[] = [];
  const check = async (name: string, ask: () => Promise<string | null>): Promise<void> => {
    const startedAt = performance.now();
    const add = (passed: boolean, detail: string | null): void => {
      const result = { name, passed, detail, durationMs: Math.round(performance.now() - startedAt) };
      results.push(result);
      onResult(result);
    };
    try {
      add(true, await ask());
    } catch (error) {
      signal.throwIfAborted();
      add(false, toAppError(error).message);
    }
  };
  const info = await repository.probe(signal);
  await check(
    "it opens with its password",
    async () => `${info.program}, repository ${info.repositoryId ?? "unknown"}`,
  );
  await check("its snapshots can be listed", async () => {
    const { length } = await repository.listSnapshots({ tags: [] }, signal);
    return `${length} snapshot${length === 1 ? "" : "s"}`;
  });
  const readDataPercent = readDataPercents[effort];
  await check(readDataPercent === 0 ? "its structure is whole" : "all its data is whole", async () => {
    await repository.check({ readDataPercent }, signal);
    return null;
  });
  return {
    type: repository.type,
    location: repository.location,
    passed: results.every(({ passed }) => passed),
    results,
    leftovers: [],
  };
}
