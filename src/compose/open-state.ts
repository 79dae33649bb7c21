// Opens the state store that a command wants, or the one in memory that leaves no record.

import { toAppError } from "../domain/error.ts";
import type { Settings } from "../domain/project/project.ts";
import type { StateStore } from "../ports/state-store.ts";
import type { AppOptions, CliContext } from "../cli/context.ts";

export async function openState(context: CliContext, options: AppOptions, settings: Settings): Promise<StateStore> {
  if (options.state !== "none") {
    try {
      const { openStateStore } = await import("../adapters/state-store/open-state-store.ts");
      const state = await openStateStore(settings.databaseUrl);
      await state.migrate();
      return state;
    } catch (error) {
      if (options.state !== "preferred") throw error;
      context.terminal.note(`warning: ${toAppError(error).message}; this run leaves no record`);
    }
  }
  const { openMemoryStateStore } = await import("../adapters/state-store/memory/index.ts");
  return openMemoryStateStore();
}
