// The state store in one SQLite file, shared by every process on this machine through its write-ahead log.

import { Database } from "bun:sqlite";
import { closeSync, mkdirSync, openSync } from "node:fs";
import { dirname } from "node:path";
import { Kysely, sql } from "kysely";
import type { StateEngine } from "../engine.ts";
import type { Tables } from "../schema.ts";
import { createSqliteDialect } from "./dialect.ts";
import { translateSqliteError } from "./translate-error.ts";

/** `path` may be `:memory:` in tests. Creates the file (0600) and its directory (0700) when they are absent. */
export function openSqliteEngine(path: string): StateEngine {
  const location = `sqlite:${path}`;
  const translate = (error: unknown, action: string) => translateSqliteError(error, location, action);
  const db = new Kysely<Tables>({ dialect: createSqliteDialect(openFile(path, translate)) });
  return {
    name: "sqlite",
    location,
    db,
    read: (work) => db.transaction().setAccessMode("read only").execute(work),
    write: (durability, work) =>
      db.connection().execute(async (connection) => {
        await sql`pragma synchronous = ${sql.raw(durability === "durable" ? "full" : "normal")}`.execute(connection);
        return connection.transaction().execute(work);
      }),
    // Every writing transaction begins immediately and so is the lock already.
    async lockForMigration() {},
    isMissingTable: (error) =>
      (error as { code?: unknown }).code === "SQLITE_ERROR" &&
      error instanceof Error &&
      /no such table/.test(error.message),
    translate,
  };
}

function openFile(path: string, translate: StateEngine["translate"]): Database {
  let database: Database | undefined;
  try {
    if (path !== ":memory:") {
      mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
      closeSync(openSync(path, "a", 0o600));
    }
    database = new Database(path, { create: true, readwrite: true, strict: true });
    // Only while opening; afterwards the dialect waits without freezing the event loop.
    database.run("pragma busy_timeout = 2000");
    database.run("pragma journal_mode = wal");
    database.run("pragma foreign_keys = on");
    database.run("pragma busy_timeout = 0");
    return database;
  } catch (error) {
    database?.close();
    throw translate(error, "open the database");
  }
}
