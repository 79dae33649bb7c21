// Kysely over bun:sqlite: one connection, handed out in turn. A busy database is waited for here, asynchronously,
// because SQLite's own busy handler would freeze the event loop, and with it a running dump.

import type { Database, SQLQueryBindings } from "bun:sqlite";
import {
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
  type CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  type QueryResult,
  type TransactionSettings,
} from "kysely";

const busyWaitMs = 10_000;
const busyPollMs = 10;

export function createSqliteDialect(database: Database): Dialect {
  return {
    createDriver: () => createDriver(database),
    createQueryCompiler: () => new SqliteQueryCompiler(),
    createAdapter: () => new SqliteAdapter(),
    createIntrospector: (db) => new SqliteIntrospector(db),
  };
}

function createDriver(database: Database): Driver {
  const connection = createConnection(database);
  let tail: Promise<void> = Promise.resolve();
  let release: () => void = () => {};
  return {
    async init() {},
    async acquireConnection() {
      const before = tail;
      const { promise, resolve } = Promise.withResolvers<void>();
      tail = promise;
      await before;
      release = resolve;
      return connection;
    },
    async releaseConnection() {
      release();
    },
    async beginTransaction(_connection, settings: TransactionSettings) {
      // Immediate: a transaction that reads and then writes would else fail with SQLITE_BUSY_SNAPSHOT.
      const begin = settings.accessMode === "read only" ? "begin deferred" : "begin immediate";
      await whenNotBusy(() => database.run(begin));
    },
    async commitTransaction() {
      database.run("commit");
    },
    async rollbackTransaction() {
      // After a full disk or an I/O error SQLite has rolled back by itself.
      if (database.inTransaction) database.run("rollback");
    },
    async destroy() {
      database.close();
    },
  };
}

function createConnection(database: Database): DatabaseConnection {
  return {
    async executeQuery<R>(compiled: CompiledQuery): Promise<QueryResult<R>> {
      return whenNotBusy(() => runQuery<R>(database, compiled));
    },
    streamQuery() {
      throw new Error("streaming is not supported");
    },
  };
}

function runQuery<R>(database: Database, compiled: CompiledQuery): QueryResult<R> {
  const statement = database.query<R, SQLQueryBindings[]>(compiled.sql);
  const parameters = compiled.parameters as SQLQueryBindings[];
  if (statement.columnNames.length > 0) return { rows: statement.all(...parameters) };
  const { changes } = statement.run(...parameters);
  return { rows: [], numAffectedRows: BigInt(changes) };
}

async function whenNotBusy<T>(attempt: () => T): Promise<T> {
  const deadline = performance.now() + busyWaitMs;
  for (;;) {
    try {
      return attempt();
    } catch (error) {
      const { code } = error as { code?: string };
      const busy = code !== undefined && (code.startsWith("SQLITE_BUSY") || code.startsWith("SQLITE_LOCKED"));
      if (!busy || performance.now() > deadline) throw error;
    }
    await Bun.sleep(busyPollMs);
  }
}
