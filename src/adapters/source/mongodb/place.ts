// What is asked of, and done to, the place of a restore as a whole.

import type { TableCount } from "../../../domain/backup/manifest.ts";
import { countCollections, dropDatabase, isInternal, listCollections } from "./collections.ts";
import type { MongodbConfig } from "./config.ts";
import { connect } from "./connection.ts";

const dropTimeoutMs = 60_000;
const settleMs = 150;

export async function countPlace(
  config: MongodbConfig,
  database: string,
  signal: AbortSignal,
): Promise<readonly TableCount[]> {
  await using connection = await connect(config, { signal, errorCode: "restore_failed" });
  return await countCollections(connection, database);
}

/**
 * Drops the collections whose names begin so, all of them for an empty prefix; not with the caller's signal, for what
 * was written goes also when the restore was aborted. The server may still work on what a killed mongorestore has sent,
 * and make a collection again that was just dropped: after a failure it is gone only when it stays away.
 */
export async function dropRestored(
  config: MongodbConfig,
  { database, prefix, hasFailed }: { database: string; prefix: string; hasFailed: boolean },
): Promise<void> {
  const signal = AbortSignal.timeout(dropTimeoutMs);
  await using connection = await connect(config, { signal, errorCode: "restore_failed" });
  let timesGone = 0;
  while (timesGone < (hasFailed ? 3 : 1)) {
    const found = (await listCollections(connection, database)).filter(
      ({ name }) => name.startsWith(prefix) && !isInternal(name),
    );
    timesGone = found.length === 0 ? timesGone + 1 : 0;
    if (prefix === "") await dropDatabase(connection, database);
    for (const { name } of prefix === "" ? [] : found) {
      await connection.run(`dropping collection "${database}.${name}"`, (db) => db(database).dropCollection(name));
    }
    if (hasFailed) await Bun.sleep(settleMs);
  }
}
