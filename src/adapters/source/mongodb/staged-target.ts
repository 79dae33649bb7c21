// A restore that replaces a filled database: everything goes beside the original under other names first, which proves
// that the archive loads; only `commit` touches the original. MongoDB cannot rename databases, but collections within one.

import { AppError } from "../../../domain/error.ts";
import type { RestoreTarget, SourceContext, TargetRequest } from "../../../ports/source.ts";
import { countCollections, isInternal, listCollections } from "./collections.ts";
import type { MongodbConfig } from "./config.ts";
import { connect } from "./connection.ts";
import { dropRestored } from "./place.ts";
import { replaceCollections } from "./replace-collections.ts";
import { restorePart } from "./restore-part.ts";
import { newScratchId, stagedPrefixes } from "./scratch-names.ts";

export async function openStagedTarget(
  config: MongodbConfig,
  context: SourceContext,
  request: TargetRequest,
): Promise<RestoreTarget> {
  const { database } = request;
  const { restored: prefix, old } = stagedPrefixes(newScratchId());
  let state: "untouched" | "writing" | "written" | "closed" = "untouched";
  await refuseTimeSeries(config, request);
  return {
    swaps: true,
    async restore(part, options, signal) {
      state = "writing";
      const place = { config, context, database, prefix, replaces: false };
      const restored = await restorePart(place, part, options, signal, (collections) => {
        const series = collections.find(({ type }) => type === "timeseries");
        if (series !== undefined) throw timeSeriesInTheWay(`${database}.${series.collection}`);
      });
      state = "written";
      return { warnings: restored.warnings };
    },
    async countRows(signal) {
      await using connection = await connect(config, { signal, errorCode: "restore_failed" });
      const counts = await countCollections(connection, database);
      return counts
        .filter(({ table }) => table.startsWith(prefix))
        .map((count) => ({ ...count, table: count.table.slice(prefix.length) }));
    },
    async commit() {
      if (state !== "written") throw new AppError("internal", "nothing was restored that could be committed");
      await using connection = await connect(config, { signal: request.signal, errorCode: "restore_failed" });
      await replaceCollections({ connection, database, prefix, old, log: context.log });
      state = "closed";
    },
    async [Symbol.asyncDispose]() {
      const last = state;
      state = "closed";
      if (last === "untouched" || last === "closed") return;
      await dropRestored(config, { database, prefix, hasFailed: last === "writing" });
    },
  };
}

async function refuseTimeSeries(config: MongodbConfig, { database, signal }: TargetRequest): Promise<void> {
  await using connection = await connect(config, { signal, errorCode: "restore_failed" });
  const found = (await listCollections(connection, database)).find(
    ({ name, type }) => type === "timeseries" && !isInternal(name),
  );
  if (found !== undefined) throw timeSeriesInTheWay(`${database}.${found.name}`);
}

function timeSeriesInTheWay(name: string): AppError {
  return new AppError("unsupported", `"${name}" is a time series, which cannot be renamed into its place`, {
    hint: "restore with --mode clean, or into a new name",
  });
}
