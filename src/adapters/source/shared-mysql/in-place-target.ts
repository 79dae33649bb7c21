// A restore into the user's own database: `clean` drops and creates again what the dump defines, `append` adds the
// dump's rows to tables that are there, in one transaction.

import type { RestoreTarget, SourceContext, TargetRequest } from "../../../ports/source.ts";
import { connect, type Login } from "./connection.ts";
import { createDatabase, databaseExists } from "./database.ts";
import { enableEvents } from "./events.ts";
import { countPlace, restorePart } from "./restore-part.ts";

export function openInPlaceTarget(login: Login, context: SourceContext, request: TargetRequest): RestoreTarget {
  const { database, mode } = request;
  const heldEvents = new Set<string>();
  return {
    swaps: false,
    async restore(part, options, signal) {
      const warnings: string[] = [];
      {
        await using connection = await connect(login, { signal, errorCode: "restore_failed" });
        if (!(await databaseExists(connection, database)))
          warnings.push(...(await createDatabase(connection, database, part.facts)));
      }
      const content = mode === "append" ? "append" : "filled";
      const restored = await restorePart({ login, context, database, content }, part, options, signal);
      for (const name of restored.heldEvents) heldEvents.add(name);
      return { warnings: [...warnings, ...restored.warnings] };
    },
    countRows: (signal) => countPlace(login, database, signal),
    async commit() {
      await using connection = await connect(login, { signal: request.signal, errorCode: "restore_failed" });
      await enableEvents(connection, database, heldEvents);
    },
    async [Symbol.asyncDispose]() {},
  };
}
