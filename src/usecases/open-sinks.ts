// Opens a writer for one part on every storage at once.

import { AppError } from "../domain/error.ts";
import type { ObjectWriter } from "../ports/object-store.ts";
import type { Sink } from "./fan-out.ts";
import { tagStage } from "./stage-error.ts";
import type { StorePartRequest } from "./store-part.ts";
import type { NamedStore, StorageFailure } from "./named.ts";

type OpenSinksRequest = Pick<StorePartRequest, "key" | "stores" | "tags" | "expectedBytes" | "signal">;

export interface OpenedSinks {
  readonly sinks: readonly Sink[];
  readonly failures: readonly StorageFailure[];
  /** Takes the listeners off the run's signal. */
  release(): void;
}

/** A storage that cannot be opened, or not in time, is a failure of that storage alone. */
export async function openSinks(request: OpenSinksRequest, stallTimeoutMs: number): Promise<OpenedSinks> {
  const { signal } = request;
  const releases: (() => void)[] = [];
  const sinks: Sink[] = [];
  const failures: StorageFailure[] = [];
  await Promise.all(
    request.stores.map(async (storage) => {
      const controller = new AbortController();
      const onAbort = (): void => controller.abort(signal.reason);
      signal.addEventListener("abort", onAbort, { once: true });
      releases.push(() => signal.removeEventListener("abort", onAbort));
      try {
        signal.throwIfAborted();
        const writer = await openInTime(request, storage, controller, stallTimeoutMs);
        sinks.push({ name: storage.name, writer, abort: (reason) => controller.abort(reason) });
      } catch (error) {
        failures.push({ name: storage.name, error: tagStage(error, "sync") });
      }
    }),
  );
  return { sinks, failures, release: () => releases.forEach((release) => release()) };
}

async function openInTime(
  request: OpenSinksRequest,
  { name, store }: NamedStore,
  controller: AbortController,
  stallTimeoutMs: number,
): Promise<ObjectWriter> {
  const { promise: givenUp, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    const message = `storage ${name} did not begin to take ${request.key} within ${Math.round(stallTimeoutMs / 1000)} s`;
    const hint = "check the network and the storage's load, or raise BACKUP_STALL_TIMEOUT_SECONDS";
    controller.abort(new AppError("stalled", message, { hint, retryable: true }));
  }, stallTimeoutMs);
  const onAbort = (): void => reject(controller.signal.reason);
  controller.signal.addEventListener("abort", onAbort, { once: true });
  const opening = store.openWriter(request.key, {
    tags: request.tags,
    signal: controller.signal,
    ...(request.expectedBytes === null ? {} : { expectedBytes: request.expectedBytes }),
  });
  try {
    return await Promise.race([opening, givenUp]);
  } catch (error) {
    // What is opened after all is let go.
    opening.then(
      (writer) => writer.abort(),
      () => {},
    );
    throw error;
  } finally {
    clearTimeout(timer);
    controller.signal.removeEventListener("abort", onAbort);
  }
}
