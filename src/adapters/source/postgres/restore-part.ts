// Restores one part, whatever its format.

import type { RestoredCount } from "../../../domain/backup/compare-row-counts.ts";
import { AppError } from "../../../domain/error.ts";
import type { RestoreOptions, RestorePart } from "../../../ports/source.ts";
import type { PostgresConfig } from "./config.ts";
import { connect } from "./connection.ts";
import { restoreArchive } from "./restore-archive.ts";
import type { RestorePlace } from "./restore-place.ts";
import { restoreSql } from "./restore-sql.ts";
import { countDatabase } from "./row-counts.ts";

export async function restorePart(
  place: RestorePlace,
  part: RestorePart,
  options: RestoreOptions,
  signal: AbortSignal,
): Promise<readonly string[]> {
  switch (part.format) {
    case "dump":
    case "dir.tar":
      return restoreArchive(place, part, options, signal);
    case "sql":
      return restoreSql(place, part, options, signal);
    default:
      throw new AppError("unsupported", `PostgreSQL cannot restore a part of format "${part.format}"`);
  }
}

/** Exact counts of every table in a database. */
export async function countPlace(
  config: PostgresConfig,
  database: string,
  signal: AbortSignal,
): Promise<readonly RestoredCount[]> {
  await using connection = await connect(config, { database, signal, errorCode: "restore_failed" });
  return await countDatabase(connection);
}
