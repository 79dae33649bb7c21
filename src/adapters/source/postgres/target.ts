// Decides how a target is restored: into a new database that is swapped in, or in place.

import { AppError } from "../../../domain/error.ts";
import type { RestoreTarget, SourceContext, TargetRequest } from "../../../ports/source.ts";
import type { PostgresConfig } from "./config.ts";
import { openInPlaceTarget } from "./in-place-target.ts";
import { inspectDatabase } from "./inspect-database.ts";
import { connectMaintenance, listSessions, sessionsInTheWay } from "./maintenance.ts";
import { dropDeadScratch } from "./scratch-database.ts";
import { openSwapTarget } from "./swap-target.ts";

export async function openTarget(
  config: PostgresConfig,
  context: SourceContext,
  request: TargetRequest,
): Promise<RestoreTarget> {
  const { database, mode, signal } = request;
  await using maintenance = await connectMaintenance(config, signal);
  await dropDeadScratch(config, maintenance);
  const state = await inspectDatabase(config, maintenance, database, signal);
  const [me] = await maintenance.run<{ may: boolean }>(
    "asking for our own rights",
    "SELECT rolsuper OR rolcreatedb AS may FROM pg_roles WHERE rolname = current_user",
  );
  if (mode === "create" && !state.empty) {
    throw new AppError("target_not_empty", `database "${database}" is not empty: ${state.description}`, {
      hint: "restore under a new name, or use --mode drop to replace it",
      details: { description: state.description },
    });
  }
  if (mode === "clean" || mode === "append") {
    if (!state.exists) throw noDatabase(database, mode);
    return openInPlaceTarget(config, context, database, mode === "clean");
  }
  // An empty database that an administrator prepared for a role without CREATEDB.
  if (mode === "create" && state.exists && me?.may !== true) return openInPlaceTarget(config, context, database, false);
  if (state.exists) {
    const sessions = await listSessions(maintenance, database);
    if (sessions.length > 0 && !request.stopConnections) throw sessionsInTheWay(database, sessions);
  }
  return openSwapTarget(config, context, request, state.exists);
}

function noDatabase(database: string, mode: string): AppError {
  return new AppError("restore_failed", `database "${database}" does not exist, mode ${mode} needs one`, {
    hint: "use --mode create",
  });
}
