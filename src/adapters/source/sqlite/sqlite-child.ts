// What runs in a process of its own, because SQLite's calls block and cannot be interrupted: a whole copy would freeze
// the event loop, and a killed process is the only way to stop one. The source text of this file is handed to our own
// runtime (see run-child.ts), so it imports nothing of ours. One job as JSON on stdin, one answer as JSON on stdout.

import { Database } from "bun:sqlite";

export type ChildJob =
  | {
      readonly kind: "copy";
      readonly path: string;
      readonly target: string;
      readonly countRows: boolean;
      readonly busyMs: number;
    }
  | { readonly kind: "check"; readonly path: string; readonly countRows: boolean }
  | { readonly kind: "inspect"; readonly path: string; readonly busyMs: number }
  | { readonly kind: "quiesce"; readonly path: string; readonly busyMs: number }
  | {
      readonly kind: "select";
      readonly path: string;
      readonly target: string;
      readonly tables: readonly string[];
      readonly withRows: boolean;
    };

export interface ChildFacts {
  readonly version: string;
  readonly journalMode: string;
  readonly encoding: string;
  readonly sizeBytes: number;
  readonly tables: number;
}

export interface ChildAnswer {
  readonly facts: ChildFacts;
  /** Empty when `integrity_check` said ok. */
  readonly problems: readonly string[];
  readonly foreignKeyProblems: readonly string[];
  readonly counts: readonly { readonly table: string; readonly rows: number }[] | null;
  /** Names that were asked for and are not there. */
  readonly missingTables: readonly string[];
}

export type ChildReply =
  | { readonly answer: ChildAnswer; readonly error?: undefined }
  | { readonly error: { readonly code: string; readonly message: string }; readonly answer?: undefined };

const shownProblems = 20;
const quote = (name: string): string => `"${name.replaceAll('"', '""')}"`;

function value<T>(database: Database, sql: string): T {
  return database.query<Record<string, T>, []>(sql).values()[0]?.[0] as T;
}

function readFacts(database: Database): ChildFacts {
  return {
    version: value(database, "select sqlite_version()"),
    journalMode: value(database, "pragma journal_mode"),
    encoding: value(database, "pragma encoding"),
    sizeBytes: value<number>(database, "pragma page_count") * value<number>(database, "pragma page_size"),
    tables: listTables(database).length,
  };
}

/** Ordinary tables and those behind virtual ones, without SQLite's own. */
function listTables(database: Database): string[] {
  const sql = `select name from pragma_table_list
    where schema = 'main' and type in ('table', 'shadow') and name not like 'sqlite\\_%' escape '\\' order by name`;
  return database
    .query(sql)
    .values()
    .map((row) => String(row[0]));
}

function countRows(database: Database): { table: string; rows: number }[] {
  return listTables(database).map((table) => ({
    table,
    rows: value(database, `select count(*) from ${quote(table)}`),
  }));
}

function describe(database: Database, withCounts: boolean): ChildAnswer {
  const problems = database
    .query(`pragma integrity_check(${shownProblems})`)
    .values()
    .map((row) => String(row[0]));
  const keys = database.query("select * from pragma_foreign_key_check limit ?").values(shownProblems);
  return {
    facts: readFacts(database),
    problems: problems.length === 1 && problems[0] === "ok" ? [] : problems,
    foreignKeyProblems: keys.map((row) => `a row of ${String(row[0])} refers to no row of ${String(row[2])}`),
    counts: withCounts ? countRows(database) : null,
    missingTables: [],
  };
}

function open(path: string, readonly: boolean, busyMs: number): Database {
  const database = new Database(path, readonly ? { readonly } : { readwrite: true });
  database.run(`pragma busy_timeout = ${busyMs}`);
  // Nothing of a hostile schema runs while we look: no views or triggers with side effects, no trusted functions.
  database.run("pragma trusted_schema = off");
  database.run("pragma cell_size_check = on");
  return database;
}

function copy(job: Extract<ChildJob, { kind: "copy" }>): ChildAnswer {
  const source = open(job.path, true, job.busyMs);
  const journalMode = value<string>(source, "pragma journal_mode");
  source.run("vacuum main into ?", [job.target]);
  source.close();
  const target = open(job.target, false, 0);
  // The mode is part of the file, and the only thing of it that VACUUM INTO does not keep.
  if (journalMode === "wal") target.run("pragma journal_mode = wal");
  const answer = describe(target, job.countRows);
  target.close();
  return answer;
}

function check(job: Extract<ChildJob, { kind: "check" }>): ChildAnswer {
  const database = open(job.path, false, 0);
  const answer = describe(database, job.countRows);
  database.close();
  return answer;
}

function inspect(job: Extract<ChildJob, { kind: "inspect" }>): ChildAnswer {
  const database = open(job.path, true, job.busyMs);
  const facts = readFacts(database);
  database.close();
  return { facts, problems: [], foreignKeyProblems: [], counts: null, missingTables: [] };
}

/** Brings everything into the main file and proves that no other process has the database open in WAL mode. */
function quiesce(job: Extract<ChildJob, { kind: "quiesce" }>): ChildAnswer {
  const database = open(job.path, false, job.busyMs);
  const facts = readFacts(database);
  const mode = value<string>(database, "pragma journal_mode = delete");
  if (mode === "wal") throw Object.assign(new Error("database is locked"), { code: "SQLITE_BUSY" });
  database.run("begin exclusive");
  database.run("rollback");
  database.close();
  return { facts, problems: [], foreignKeyProblems: [], counts: null, missingTables: [] };
}

interface SchemaRow {
  readonly type: string;
  readonly name: string;
  readonly tbl_name: string;
  readonly sql: string;
}

/** Of the database at `path`, which may be changed: some of its tables, or its schema alone, as a new file. */
function select(job: Extract<ChildJob, { kind: "select" }>): ChildAnswer {
  const origin = open(job.path, false, 0);
  const kinds = listKinds(origin);
  const missingTables = job.tables.filter((table) => !kinds.has(table));
  const wanted = (table: string): boolean => job.tables.length === 0 || job.tables.includes(table);
  const schema = origin
    .query<SchemaRow, []>("select type, name, tbl_name, sql from sqlite_schema where sql is not null order by rowid")
    .all()
    .filter((row) => !row.name.startsWith("sqlite_") && kinds.get(row.name) !== "shadow");
  const journalMode = value<string>(origin, "pragma journal_mode");
  if (job.withRows) keepTables(origin, schema, wanted, job.target);
  else
    copySchema(
      origin,
      schema.filter((row) => wanted(row.tbl_name)),
      job.target,
    );
  origin.close();
  const target = open(job.target, false, 0);
  if (journalMode === "wal") target.run("pragma journal_mode = wal");
  const answer = describe(target, false);
  target.close();
  return { ...answer, missingTables };
}

function listKinds(database: Database): ReadonlyMap<string, string> {
  const rows = database.query("select name, type from pragma_table_list where schema = 'main'").values();
  return new Map(rows.map((row) => [String(row[0]), String(row[1])]));
}

/** Removes the others from the copy, so that what stays is untouched down to its row numbers. */
function keepTables(
  database: Database,
  schema: readonly SchemaRow[],
  wanted: (table: string) => boolean,
  target: string,
): void {
  database.run("pragma foreign_keys = off");
  for (const type of ["trigger", "view", "table"])
    for (const row of schema.filter((candidate) => candidate.type === type && !wanted(candidate.tbl_name)))
      database.run(`drop ${type} if exists ${quote(row.name)}`);
  database.run("vacuum main into ?", [target]);
}

function copySchema(origin: Database, schema: readonly SchemaRow[], target: string): void {
  const database = new Database(target, { create: true, readwrite: true });
  for (const name of ["page_size", "auto_vacuum", "application_id", "user_version"])
    database.run(`pragma ${name} = ${value<number>(origin, `pragma ${name}`)}`);
  database.run(`pragma encoding = '${value<string>(origin, "pragma encoding")}'`);
  database.run("begin");
  // Tables before what is built on them: a view or trigger may be older than a table it names.
  for (const { sql } of schema.toSorted((a, b) => Number(a.type !== "table") - Number(b.type !== "table")))
    database.run(sql);
  database.run("commit");
  database.close();
}

function perform(job: ChildJob): ChildAnswer {
  if (job.kind === "copy") return copy(job);
  if (job.kind === "check") return check(job);
  if (job.kind === "inspect") return inspect(job);
  return job.kind === "quiesce" ? quiesce(job) : select(job);
}

let reply: ChildReply;
try {
  reply = { answer: perform(JSON.parse(await Bun.stdin.text()) as ChildJob) };
} catch (error) {
  const { code, message } = error as { code?: string; message?: string };
  reply = { error: { code: code ?? "unknown", message: message ?? String(error) } };
}
process.stdout.write(JSON.stringify(reply));

// oxlint-disable-next-line import/no-default-export -- stands for the source text when this file is imported as text
export default "";
