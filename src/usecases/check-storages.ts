// `storage check`: the object-store contract, run against the user's own storage.

import { toAppError, type ErrorCode } from "../domain/error.ts";
import { checkObjectStore, type ObjectStoreReport } from "../ports/object-store.check.ts";
import type { Deps, LogSink } from "./deps.ts";

export interface StorageReport {
  readonly name: string;
  /** Null when the storage could not even be opened or reached. */
  readonly report: ObjectStoreReport | null;
  readonly error: { readonly code: ErrorCode; readonly message: string; readonly hint: string | null } | null;
}

export interface CheckStoragesRequest {
  readonly storages: readonly string[];
  readonly effort: "quick" | "full";
  readonly log: LogSink;
  readonly signal: AbortSignal;
  onResult?(storage: string, result: ObjectStoreReport["results"][number]): void;
}

export async function checkStorages(
  deps: Pick<Deps, "openStorage">,
  request: CheckStoragesRequest,
): Promise<readonly StorageReport[]> {
  const { signal, effort } = request;
  const reports: StorageReport[] = [];
  for (const name of request.storages) {
    try {
      await using store = await deps.openStorage(name, request.log);
      await store.probe(signal);
      const onResult = (result: ObjectStoreReport["results"][number]): void => request.onResult?.(name, result);
      reports.push({ name, report: await checkObjectStore(store, { effort, signal, onResult }), error: null });
    } catch (error) {
      signal.throwIfAborted();
      const { code, message, hint } = toAppError(error);
      reports.push({ name, report: null, error: { code, message, hint: hint ?? null } });
    }
  }
  return reports;
}
