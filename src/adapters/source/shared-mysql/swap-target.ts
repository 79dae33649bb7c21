// A restore that replaces a filled database: everything goes into a scratch database first, which proves that the
// dump loads; only `commit` touches the original.

import { AppError } from "../../../domain/error.ts";
import type { RestoreTarget, SourceContext, TargetRequest } from "../../../ports/source.ts";
import { connect, type Login, type ServerConnection } from "./connection.ts";
import { createDatabase, dropDatabaseForSure, nameWithSuffix } from "./database.ts";
import { newScratchId } from "./drill.ts";
import { quoteText } from "./identifier.ts";
import { refuseUnwritableEvents } from "./unwritable-events.ts";
import { countPlace, restorePart } from "./restore-part.ts";
import { swapDatabases } from "./swap-databases.ts";

export async function openSwapTarget(
  login: Login,
  context: SourceContext,
  request: TargetRequest,
): Promise<RestoreTarget> {
  const { database } = request;
  const id = newScratchId();
  const scratch = nameWithSuffix(database, `_restore_${id}`);
  const heldEvents = new Set<string>();
  let state: "untouched" | "written" | "swapped" | "stuck" | "closed" = "untouched";
  // Not the caller's signal: dispose needs the connection to clean up.
  const connection = await connect(login, { signal: new AbortController().signal, errorCode: "restore_failed" });
  try {
    await refuseForeignReferences(connection, database);
    await refuseUnwritableEvents(connection, login.flavour, database);
  } catch (error) {
    await connection[Symbol.asyncDispose]();
    throw error;
  }
  return {
    swaps: true,
    async restore(part, options, signal) {
      const warnings: string[] = [];
      if (state === "untouched") {
        state = "written";
        warnings.push(...(await createDatabase(connection, scratch, part.facts)));
      }
      const restored = await restorePart({ login, context, database: scratch, content: "new" }, part, options, signal);
      for (const name of restored.heldEvents) heldEvents.add(name);
      return { warnings: [...warnings, ...restored.warnings] };
    },
    countRows: (signal) => countPlace(login, scratch, signal),
    async commit() {
      if (state !== "written") throw new AppError("internal", "nothing was restored that could be committed");
      try {
        await swapDatabases({
          login,
          context,
          from: scratch,
          to: database,
          aside: nameWithSuffix(database, `_old_${id}`),
          heldEvents,
          stopConnections: request.stopConnections,
          signal: request.signal,
        });
      } catch (error) {
        // What could not be undone is left for a person: the scratch database may hold the original's successor.
        if (error instanceof AppError && error.details["restored"] === scratch) state = "stuck";
        throw error;
      }
      state = "swapped";
    },
    async [Symbol.asyncDispose]() {
      const last = state;
      if (last === "closed") return;
      state = "closed";
      try {
        if (last === "written") await dropDatabaseForSure(login, connection, scratch);
      } finally {
        await connection[Symbol.asyncDispose]();
      }
    },
  };
}

/** A foreign key of another database would follow the replaced table out of the way. */
async function refuseForeignReferences(connection: ServerConnection, database: string): Promise<void> {
  const rows = await connection.run<{ schema: string; table: string }>(
    "looking for foreign keys of other databases",
    `SELECT CONSTRAINT_SCHEMA AS \`schema\`, TABLE_NAME AS \`table\` FROM information_schema.REFERENTIAL_CONSTRAINTS
      WHERE UNIQUE_CONSTRAINT_SCHEMA = ${quoteText(database)} AND CONSTRAINT_SCHEMA <> ${quoteText(database)} LIMIT 5`,
  );
  if (rows.length === 0) return;
  const names = rows.map((row) => `"${row.schema}"."${row.table}"`).join(", ");
  throw new AppError(
    "restore_failed",
    `database "${database}" cannot be replaced: foreign keys of other databases point to it (${names})`,
    {
      hint: "restore in place with --mode clean, or into a new name",
    },
  );
}
