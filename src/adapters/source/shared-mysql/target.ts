// Decides how a target is restored: into a new database, beside a filled one that is then replaced, or in place.

import type { RestoreTarget, SourceContext, TargetRequest } from "../../../ports/source.ts";
import { connect, type Login } from "./connection.ts";
import { inspectDatabase, nameWithSuffix, refuseFilled } from "./database.ts";
import { scratchIdDigits } from "./drill.ts";
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
  await reportLeftovers(login, context, database, signal);
  if (state.empty) return openNewTarget(login, context, request);
  if (mode === "create") throw refuseFilled(database, state);
  return openSwapTarget(login, context, request);
}

/** What a process that was killed left behind may be the original: it is never removed here, but said. */
async function reportLeftovers(
  login: Login,
  context: SourceContext,
  database: string,
  signal: AbortSignal,
): Promise<void> {
  await using connection = await connect(login, { signal, errorCode: "restore_failed" });
  const rows = await connection.run<{ name: string }>(
    "looking for what earlier restores left",
    "SELECT SCHEMA_NAME AS name FROM information_schema.SCHEMATA",
  );
  const suffixes = ["_old_", "_restore_"].map((word) => `${word}${"0".repeat(scratchIdDigits)}`);
  for (const { name } of rows.filter((row) => /_(old|restore)_[0-9a-f]{12}$/.test(row.name))) {
    const stem = name.slice(0, name.length - scratchIdDigits) + "0".repeat(scratchIdDigits);
    if (!suffixes.some((suffix) => nameWithSuffix(database, suffix) === stem)) continue;
    context.log(
      "warn",
      `database "${name}" is left of a restore into "${database}" that was killed: see docs/restore before you drop it`,
    );
  }
}
