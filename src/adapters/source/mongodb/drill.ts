// A restore to prove a backup, into a scratch database on the server, which is always removed.

import { AppError } from "../../../domain/error.ts";
import type { RestoreTarget, SourceContext } from "../../../ports/source.ts";
import { dropDatabase } from "./collections.ts";
import type { MongodbConfig } from "./config.ts";
import { connect } from "./connection.ts";
import { countPlace, dropRestored } from "./place.ts";
import { restorePart } from "./restore-part.ts";
import { drillAgeSeconds, drillName, newScratchId } from "./scratch-names.ts";

/** The server has no lock that ends with its owner: what is older than any drill was left by a dead one. */
const oldestDrillSeconds = 7 * 24 * 60 * 60;

export async function openProjectDrill(
  config: MongodbConfig,
  context: SourceContext,
  signal: AbortSignal,
): Promise<RestoreTarget> {
  await dropDeadDrills(config, context, signal);
  return openScratch(config, context, drillName(newScratchId()));
}

/** A database that is made by the first restore and dropped in any case. */
export function openScratch(config: MongodbConfig, context: SourceContext, database: string): RestoreTarget {
  let state: "untouched" | "writing" | "written" = "untouched";
  return {
    swaps: true,
    async restore(part, options, signal) {
      state = "writing";
      const place = { config, context, database, prefix: "", replaces: false };
      const { warnings } = await restorePart(place, part, options, signal);
      state = "written";
      return { warnings };
    },
    async countRows(signal) {
      if (state === "untouched") throw new AppError("internal", "the drill has restored nothing that could be counted");
      return countPlace(config, database, signal);
    },
    async commit() {},
    async [Symbol.asyncDispose]() {
      const last = state;
      state = "untouched";
      if (last !== "untouched") await dropRestored(config, { database, prefix: "", hasFailed: last === "writing" });
    },
  };
}

/** What cannot be listed or dropped stays for the next time. */
async function dropDeadDrills(config: MongodbConfig, context: SourceContext, signal: AbortSignal): Promise<void> {
  await using connection = await connect(config, { signal, errorCode: "restore_failed" });
  try {
    const { databases } = await connection.run("looking for leftovers of earlier drills", (db) =>
      db("admin").command({ listDatabases: 1, nameOnly: true }),
    );
    for (const { name } of databases as { name: string }[]) {
      if ((drillAgeSeconds(name) ?? 0) < oldestDrillSeconds) continue;
      await dropDatabase(connection, name);
      context.log("info", `dropped the leftover database "${name}"`);
    }
  } catch (error) {
    signal.throwIfAborted();
    context.log("warn", error instanceof Error ? error.message : String(error));
  }
}
