// A SQLite database with everything that is easily lost, and neighbours that use it from other processes.

import { Database } from "bun:sqlite";
import { spawn, type ChildProcess } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { open } from "../../src/adapters/source/sqlite/index.ts";
import { restoreParts, type TakenDump } from "../../src/ports/source.contract.ts";
import { fullRestore, type RestoreMode, type RestoreOptions, type Source } from "../../src/ports/source.ts";

const never = new AbortController().signal;

export interface SqliteBench extends Disposable {
  readonly root: string;
  readonly path: string;
  readonly tmpDir: string;
  readonly logged: string[];
  source(path?: string): Source;
}

export function makeSqliteBench(): SqliteBench {
  const root = mkdtempSync(join(tmpdir(), "source-sqlite-"));
  const tmpDir = join(root, "tmp");
  mkdirSync(tmpDir, { mode: 0o700 });
  const logged: string[] = [];
  const path = join(root, 'it\'s a "live" database 😀.db');
  return {
    root,
    path,
    tmpDir,
    logged,
    source: (at = path) =>
      open({ path: at }, { tmpDir, tools: {}, log: (_level, message) => void logged.push(message) }),
    [Symbol.dispose]: () => rmSync(root, { recursive: true }),
  };
}

export function fillSqliteSample(path: string): void {
  using database = new Database(path, { create: true });
  database.run("pragma synchronous = off");
  database.run("pragma page_size = 8192");
  database.run("pragma journal_mode = wal");
  database.run(`
    create table plain (x text, y blob, z real);
    create table "quoted ""name"" and 'more' 😀" (id integer primary key autoincrement, "select" text not null default '');
    create table rowless (a text, b int, primary key (a, b)) without rowid;
    create table strictly (n int, t text) strict;
    create table parent (id integer primary key);
    create table child (p integer references parent (id), doubled generated always as (p * 2) stored, v as (p + 1));
    create index child_p on child (p) where p is not null;
    create index plain_expression on plain (lower(x));
    create view joined as select * from parent join child on child.p = parent.id;
    create trigger noted after insert on parent begin insert into plain (x) values ('trigger'); end;
    create virtual table notes using fts5 (body);
    create virtual table boxes using rtree (id, a, b);
    pragma user_version = 17;
    pragma application_id = 4711;
  `);
  const insert = database.prepare("insert into plain (rowid, x, y, z) values (?, ?, ?, ?)");
  for (let index = 1; index <= 500; index++)
    insert.run(index * 7, `row ${index} ü`, index % 5 === 0 ? null : Buffer.from([0, 255, index % 256]), index / 3);
  database.run("delete from plain where rowid % 2 = 0");
  database.run(`insert into "quoted ""name"" and 'more' 😀" ("select") values (''), ('x'), (char(0) || 'after zero')`);
  database.run(`delete from "quoted ""name"" and 'more' 😀" where id = 3`);
  database.run("insert into rowless values ('a', 1), ('a', 2)");
  database.run("insert into strictly values (9223372036854775807, 'max')");
  database.run("insert into parent values (1), (2)");
  database.run("insert into child (p) values (1), (2), (null)");
  database.run("insert into notes (rowid, body) values (77, 'hello world'), (99, 'other words')");
  database.run("insert into boxes values (1, 0.5, 1.5)");
}

/** Schema, settings and every row with its number. */
export function describeSqlite(path: string): string {
  using database = new Database(path, { readonly: true });
  const lines: string[] = [];
  for (const pragma of ["page_size", "auto_vacuum", "journal_mode", "user_version", "application_id", "encoding"])
    lines.push(`${pragma} ${JSON.stringify(database.query(`pragma ${pragma}`).values())}`);
  const schema = database.query("select type, name, tbl_name, sql from sqlite_schema order by type, name").values();
  lines.push(...schema.map((row) => JSON.stringify(row)));
  for (const [name, withoutRowid] of database
    .query("select name, wr from pragma_table_list where schema = 'main' and type <> 'view' order by name")
    .values() as [string, number][]) {
    const order = withoutRowid === 1 ? "" : "rowid, ";
    const quoted = `"${name.replaceAll('"', '""')}"`;
    const rows = name === "sqlite_schema" ? [] : database.query(`select ${order}* from ${quoted}`).values();
    lines.push(...rows.map((row) => `${name} ${Bun.inspect(row)}`));
  }
  return lines.join("\n");
}

export async function restoreSqlite(
  source: Source,
  path: string,
  mode: RestoreMode,
  taken: TakenDump,
  options: Partial<RestoreOptions> = {},
): Promise<void> {
  await using target = await source.openTarget({ database: path, mode, stopConnections: false, signal: never });
  for (const part of restoreParts(taken)) await target.restore(part, { ...fullRestore, ...options }, never);
  await target.commit();
}

/** Another process at the database; resolves when it has said its first line. */
export async function startNeighbour(code: string): Promise<ChildProcess> {
  const child = spawn(process.execPath, ["-e", code], { stdio: ["pipe", "pipe", "inherit"] });
  await new Promise((resolve) => child.stdout!.once("data", resolve));
  return child;
}

export async function stopNeighbour(child: ChildProcess): Promise<void> {
  const closed = new Promise((resolve) => child.once("close", resolve));
  child.kill("SIGKILL");
  await closed;
}
