// `storage check`: the object-store contract, run against the user's own storage; a repository is opened and checked by
// its own program.

import { toAppError, type ErrorCode } from "../domain/error.ts";
import { checkObjectStore, type ObjectStoreReport } from "../ports/object-store.check.ts";
import { checkRepositoryStorage } from "./check-repository.ts";
import type { LogSink } from "./deps.ts";
import type { OpenDeps } from "./open-project.ts";

/** Capabilities are those of an archive storage; a repository has none to tell. */
export type CheckedStorage = Omit<ObjectStoreReport, "capabilities"> & Partial<Pick<ObjectStoreReport, "capabilities">>;

export interface StorageReport {
  readonly name: string;
  /** Null when the storage could not even be opened or reached. */
  readonly report: CheckedStorage | null;
  readonly error: { readonly code: ErrorCode; readonly message: string; readonly hint: string | null } | null;
}

export interface CheckStoragesRequest {
  readonly storages: readonly string[];
  readonly effort: "quick" | "full";
  readonly log: LogSink;
  readonly signal: AbortSignal;
  onResult?(storage: string, result: ObjectStoreReport["results"][number]): void;
}

/** One after the other. What is wrong with one is in its report; only a cancel throws. */
export async function checkStorages(deps: OpenDeps, request: CheckStoragesRequest): Promise<readonly StorageReport[]> {
  const { signal, effort } = request;
  const reports: StorageReport[] = [];
  for (const name of request.storages) {
    const onResult = (result: ObjectStoreReport["results"][number]): void => request.onResult?.(name, result);
    try {
      if (deps.isRepository(name)) {
        await using repository = await deps.openRepository(name, request.log);
        reports.push({ name, report: await checkRepositoryStorage(repository, effort, signal, onResult), error: null });
        continue;
      }
      await using store = await deps.openStorage(name, request.log);
      await store.probe(signal);
      reports.push({ name, report: await checkObjectStore(store, { effort, signal, onResult }), error: null });
    } catch (error) {
      signal.throwIfAborted();
      const { code, message, hint } = toAppError(error);
      reports.push({ name, report: null, error: { code, message, hint: hint ?? null } });
    }
  }
  return reports;
}
