// Opens the state store that a command wants, or the one in memory that leaves no record.

import { randomUUID } from "node:crypto";
import { type AppError, toAppError } from "../domain/error.ts";
import type { Settings } from "../domain/project/project.ts";
import type { FallbackJournal } from "../ports/fallback-journal.ts";
import type { StateStore } from "../ports/state-store.ts";
import type { AppOptions, CliContext } from "../cli/context.ts";
import { crashAt } from "../adapters/process/crash-point.ts";

export interface OpenedState {
  readonly state: StateStore;
  /** Gives the store what was kept while it was down; a store that is still down is no error. */
  replay(): Promise<void>;
}

type Note = CliContext["terminal"]["note"];

export async function openState(
  note: Note,
  options: AppOptions,
  settings: Settings,
  journal: FallbackJournal,
): Promise<OpenedState> {
  if (options.state === "none") {
    const { openMemoryStateStore } = await import("../adapters/state-store/memory/index.ts");
    return { state: openMemoryStateStore(), replay: async () => {} };
  }
  const open = async (): Promise<StateStore> => {
    const { openStateStore } = await import("../adapters/state-store/open-state-store.ts");
    const store = await openStateStore(settings.databaseUrl);
    try {
      await store.migrate();
      return store;
    } catch (error) {
      await store[Symbol.asyncDispose]();
      throw error;
    }
  };
  let isDown = false;
  const warn = (error: AppError): void => {
    isDown = true;
    note(`warning: ${error.message}; what is to be recorded is kept in ${journal.location} until it answers`);
  };
  let state: StateStore;
  if (options.state === "preferred" || options.state === "kept") {
    const [{ withFallback }, { openOnDemand }] = await Promise.all([
      import("../adapters/state-store/with-fallback.ts"),
      import("../adapters/state-store/open-on-demand.ts"),
    ]);
    const store = await open().catch((error: unknown) => {
      warn(toAppError(error));
      return openOnDemand("the state store of DATABASE_URL", open);
    });
    const fallback = { journal, now: Date.now, newId: randomUUID, onDown: warn };
    state = withFallback(store, { ...fallback, isDown, reads: options.state === "kept" ? "fail" : "empty" });
  } else {
    state = await open();
  }
  const wasDownAtStart = isDown;
  const replay = async (): Promise<void> => {
    try {
      const { replayJournal } = await import("../usecases/replay-journal.ts");
      const { rejected } = await replayJournal({ state, journal, reach: crashAt });
      if (rejected.length > 0) {
        note(
          `warning: ${rejected.length} kept records cannot be stored (${rejected[0]}); they lie beside ${journal.location}`,
        );
      }
    } catch (error) {
      // It was said when it went down; here it is said only when nobody did.
      if (!isDown) note(`warning: kept records could not be stored: ${toAppError(error).message}`);
    }
  };
  if (!wasDownAtStart) await replay();
  return { state, replay };
}
