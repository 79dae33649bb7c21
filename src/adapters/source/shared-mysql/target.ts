// Decides how a target is restored: into a new database, beside a filled one that is then replaced, or in place.

import type { RestoreTarget, SourceContext, TargetRequest } from "../../../ports/source.ts";
import type { Login } from "./connection.ts";
import { inspectDatabase, refuseFilled } from "./database.ts";
import { openInPlaceTarget } from "./in-place-target.ts";
import { openNewTarget } from "./new-target.ts";
import { openSwapTarget } from "./swap-target.ts";

export async function openTarget(login: Login, context: SourceContext, request: TargetRequest): Promise<RestoreTarget> {
  const { database, mode, signal } = request;
  if (mode === "clean" || mode === "append") {
    signal.throwIfAborted();
    return openInPlaceTarget(login, context, request);
  }
  const state = await inspectDatabase(login, database, signal);
  if (state.empty) return openNewTarget(login, context, request);
  if (mode === "create") throw refuseFilled(database, state);
  return openSwapTarget(login, context, request);
}
