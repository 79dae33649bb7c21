// Decides how a target is restored: into a new database, beside a filled one that is then replaced, or in place.

import { AppError } from "../../../domain/error.ts";
import type { RestoreTarget, SourceContext, TargetRequest } from "../../../ports/source.ts";
import { inspectDatabase, listCollections, refuseFilled } from "./collections.ts";
import type { MongodbConfig } from "./config.ts";
import { connect } from "./connection.ts";
import { countPlace, dropRestored } from "./place.ts";
import { restorePart } from "./restore-part.ts";
import { isStaged } from "./scratch-names.ts";
import { openStagedTarget } from "./staged-target.ts";

export async function openTarget(
  config: MongodbConfig,
  context: SourceContext,
  request: TargetRequest,
): Promise<RestoreTarget> {
  const { database, mode, signal } = request;
  signal.throwIfAborted();
  if (request.stopConnections) {
    throw new AppError("unsupported", "MongoDB cannot end the connections of others to a single database", {
      hint: "leave out --stop-connections, and stop the applications yourself where that matters",
    });
  }
  if (mode === "clean" || mode === "append") return openInPlaceTarget(config, context, request);
  await using connection = await connect(config, { signal, errorCode: "restore_failed" });
  const state = await inspectDatabase(connection, database);
  const leftovers = (await listCollections(connection, database)).filter(({ name }) => isStaged(name));
  for (const { name } of leftovers) {
    context.log(
      "warn",
      `collection "${database}.${name}" was left by a restore that was killed; it may be the original`,
    );
  }
  if (state.empty) return openNewTarget(config, context, database);
  if (mode === "create") throw refuseFilled(database, state);
  return await openStagedTarget(config, context, request);
}

/** Into a database that does not exist yet: removed again unless committed. */
function openNewTarget(config: MongodbConfig, context: SourceContext, database: string): RestoreTarget {
  let state: "untouched" | "writing" | "written" | "closed" = "untouched";
  return {
    swaps: true,
    async restore(part, options, signal) {
      state = "writing";
      const place = { config, context, database, prefix: "", replaces: false };
      const { warnings } = await restorePart(place, part, options, signal);
      state = "written";
      return { warnings };
    },
    countRows: (signal) => countPlace(config, database, signal),
    async commit() {
      if (state !== "written") throw new AppError("internal", "nothing was restored that could be committed");
      state = "closed";
    },
    async [Symbol.asyncDispose]() {
      const last = state;
      state = "closed";
      if (last === "untouched" || last === "closed") return;
      await dropRestored(config, { database, prefix: "", hasFailed: last === "writing" });
    },
  };
}

/** `clean` drops and creates again what the archive holds, `append` adds documents; both one collection after the other. */
function openInPlaceTarget(
  config: MongodbConfig,
  context: SourceContext,
  { database, mode }: TargetRequest,
): RestoreTarget {
  return {
    swaps: false,
    async restore(part, options, signal) {
      const place = { config, context, database, prefix: "", replaces: mode === "clean" };
      return { warnings: (await restorePart(place, part, options, signal)).warnings };
    },
    countRows: (signal) => countPlace(config, database, signal),
    async commit() {},
    async [Symbol.asyncDispose]() {},
  };
}
