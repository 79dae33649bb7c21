// The state store in a PostgreSQL database, for several instances of the program.

import { Kysely, PostgresDialect, sql } from "kysely";
import { Pool, types } from "pg";
import type { StateEngine } from "../engine.ts";
import type { Tables } from "../schema.ts";
import { hangUpWhenSilent } from "./hang-up-when-silent.ts";
import { parsePostgresUrl } from "./parse-url.ts";
import { translatePostgresError } from "./translate-error.ts";

/** Any constant of our own: whoever migrates holds it. */
const migrationLock = 8_104_532_177;
const int8 = 20;
const connectTimeoutMs = 10_000;
/** Less than an answer may take in all. */
const statementTimeoutMs = 30_000;
const maxConnections = 4;

export function openPostgresEngine(databaseUrl: string): StateEngine {
  const { location, options } = parsePostgresUrl(databaseUrl);
  const pool = new Pool({
    ...options,
    max: maxConnections,
    // A command must be able to end: an idle connection does not keep the process alive.
    allowExitOnIdle: true,
    connectionTimeoutMillis: connectTimeoutMs,
    statement_timeout: statementTimeoutMs,
    application_name: "backupctl",
    types: { getTypeParser: (id, format) => (id === int8 ? parseInt8 : types.getTypeParser(id, format as "text")) },
  });
  // An idle connection that breaks is replaced at the next query, which reports what is wrong.
  pool.on("error", () => {});
  // One that breaks between two queries of a transaction too: without a listener that would end the program, and its backup.
  pool.on("connect", (client) => {
    client.on("error", () => {});
    hangUpWhenSilent(client);
  });
  const db = new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) });
  return {
    name: "postgres",
    location,
    db,
    read: (work) => db.transaction().setIsolationLevel("repeatable read").setAccessMode("read only").execute(work),
    write: (durability, work) =>
      db.transaction().execute(async (transaction) => {
        if (durability === "relaxed") await sql`set local synchronous_commit = off`.execute(transaction);
        return work(transaction);
      }),
    async lockForMigration(transaction) {
      await sql`select pg_advisory_xact_lock(${sql.lit(migrationLock)})`.execute(transaction);
    },
    isMissingTable: (error) => (error as { code?: unknown }).code === "42P01",
    translate: (error, action) => translatePostgresError(error, location, action),
  };
}

/** Our numbers are sizes, counts and milliseconds: all far below 2^53, and a larger one must not pass silently. */
function parseInt8(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw new RangeError(`the number ${text} is too large`);
  return value;
}
