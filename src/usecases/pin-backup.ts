// A pinned backup is never removed by retention, on any storage that holds it.

import type { Project } from "../domain/project/project.ts";
import type { Deps, LogSink } from "./deps.ts";
import { findBackup } from "./find-backup.ts";
import type { OpenDeps } from "./open-project.ts";
import { ifRemembered, writePin } from "./record-verification.ts";
import { takePinTurn } from "./take-pin-turn.ts";

export interface PinRequest {
  readonly project: Project;
  readonly reference: string;
  readonly pinned: boolean;
  readonly reason: string | null;
  readonly log: LogSink;
  readonly signal: AbortSignal;
}

/** Throws `backup_not_found`. Returns the storages on which the pin was written or taken away. */
export async function pinBackup(
  deps: OpenDeps & Pick<Deps, "state" | "clock" | "lock">,
  request: PinRequest,
): Promise<{ readonly backupId: string; readonly storages: readonly string[] }> {
  await using stack = new AsyncDisposableStack();
  stack.use(await takePinTurn(deps, request.project.name, request.signal));
  const found = await findBackup(deps, request, stack);
  const pin = request.pinned ? { at: deps.clock.now(), reason: request.reason } : null;
  for (const holder of found.holders) await writePin(holder, pin, request.signal);
  await ifRemembered(deps.state.savePin(found.manifest.backupId, request.pinned));
  return { backupId: found.manifest.backupId, storages: found.holders.map(({ storage }) => storage.name) };
}
