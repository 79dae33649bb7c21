// A restore into a database that does not exist yet, or is empty: removed again unless committed.

import { AppError } from "../../../domain/error.ts";
import type { RestoreTarget, SourceContext, TargetRequest } from "../../../ports/source.ts";
import { connect, type Login } from "./connection.ts";
import { createDatabase, dropDatabaseForSure } from "./database.ts";
import { enableEvents } from "./events.ts";
import { quoteName } from "./identifier.ts";
import { countPlace, restorePart } from "./restore-part.ts";
import { readDatabaseFacts } from "./server-facts.ts";

export async function openNewTarget(
  login: Login,
  context: SourceContext,
  request: TargetRequest,
): Promise<RestoreTarget> {
  const { database } = request;
  const heldEvents = new Set<string>();
  let state: "untouched" | "written" | "committed" | "closed" = "untouched";
  // Not the caller's signal: dispose needs the connection to clean up.
  const connection = await connect(login, { signal: new AbortController().signal, errorCode: "restore_failed" });
  const before = await readDatabaseFacts(connection, database).catch(async (error: unknown) => {
    await connection[Symbol.asyncDispose]();
    throw error;
  });
  return {
    swaps: true,
    async restore(part, options, signal) {
      const warnings: string[] = [];
      if (state === "untouched" && before === undefined)
        warnings.push(...(await createDatabase(connection, database, part.facts)));
      state = "written";
      const restored = await restorePart({ login, context, database, content: "new" }, part, options, signal);
      for (const name of restored.heldEvents) heldEvents.add(name);
      return { warnings: [...warnings, ...restored.warnings] };
    },
    countRows: (signal) => countPlace(login, database, signal),
    async commit() {
      if (state !== "written") throw new AppError("internal", "nothing was restored that could be committed");
      await enableEvents(connection, database, heldEvents);
      state = "committed";
    },
    async [Symbol.asyncDispose]() {
      const last = state;
      if (last === "closed") return;
      state = "closed";
      try {
        if (last !== "written") return;
        await dropDatabaseForSure(login, connection, database);
        if (before === undefined) return;
        await connection.run(
          `making database "${database}" empty again`,
          `CREATE DATABASE IF NOT EXISTS ${quoteName(database)} CHARACTER SET ${before.characterSet} COLLATE ${before.collation}`,
        );
      } finally {
        await connection[Symbol.asyncDispose]();
      }
    },
  };
}
