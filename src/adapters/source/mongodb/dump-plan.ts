// What a dump takes and how: the tool's arguments, and what must be said about its consistency.

import { AppError } from "../../../domain/error.ts";
import { chooseCollections, type CollectionInfo, isInternal } from "./collections.ts";
import type { MongodbConfig } from "./config.ts";
import type { ServerFacts } from "./server-facts.ts";

export interface DumpPlan {
  readonly args: readonly string[];
  /** Names that must be in the archive. */
  readonly chosen: ReadonlySet<string>;
  readonly warnings: readonly string[];
  readonly consistency: "collection" | "oplog";
}

export function planDump(config: MongodbConfig, server: ServerFacts, collections: readonly CollectionInfo[]): DumpPlan {
  const { name, options } = config;
  const own = collections.filter((collection) => !isInternal(collection.name));
  const choice = chooseCollections(own, name, options.include_tables, options.exclude_tables);
  const chosen = new Set(choice.chosen.map((collection) => collection.name));
  if (options.oplog) {
    if (server.replicaSet === null || server.isRouter) {
      throw new AppError(
        "unsupported",
        `options.oplog needs a member of a replica set, and ${server.label} is ${server.isRouter ? "a router" : "none"}`,
        { hint: "leave out options.oplog, or name a member of the replica set" },
      );
    }
    return { args: ["--oplog"], chosen, warnings: choice.warnings, consistency: "oplog" };
  }
  const [only] = choice.chosen;
  const left = choice.left.flatMap(({ name: collection, type }) =>
    type === "timeseries" ? [collection, `system.buckets.${collection}`] : [collection],
  );
  const selection =
    left.length === 0
      ? []
      : only !== undefined && choice.chosen.length === 1
        ? [`--collection=${only.name}`]
        : left.map((collection) => `--excludeCollection=${collection}`);
  const remedy =
    server.replicaSet === null || server.isRouter
      ? "stop writes for the time of the dump where that matters"
      : "stop writes for the time of the dump, or set options.oplog, which takes the whole server";
  return {
    args: [`--db=${name}`, ...selection],
    chosen,
    warnings: [
      ...choice.warnings,
      `the collections of database "${name}" are dumped one by one, not at one point in time: ${remedy}`,
    ],
    consistency: "collection",
  };
}

/** mongodump takes a database that does not exist for an empty one and succeeds. */
export function refuseEmptyDump(database: string, plan: DumpPlan): void {
  if (plan.chosen.size > 0) return;
  throw new AppError("source_failed", `database "${database}" does not exist or has no collection to dump`, {
    hint: "check the name of the database and options.exclude_tables, and that the user may see its collections",
  });
}
