// The collections of a database: listed, chosen by the settings' patterns, counted.

import type { Document } from "mongodb";
import type { TableCount } from "../../../domain/backup/manifest.ts";
import { AppError } from "../../../domain/error.ts";
import type { TargetState } from "../../../ports/source.ts";
import type { Connection } from "./connection.ts";

export interface CollectionInfo {
  readonly name: string;
  readonly type: "collection" | "view" | "timeseries";
  readonly options: Document;
}

/** `system.views` and the buckets of time series belong to others and come with them. */
export function isInternal(name: string): boolean {
  return name.startsWith("system.");
}

export async function listCollections(connection: Connection, database: string): Promise<readonly CollectionInfo[]> {
  const found = await connection.run(`listing the collections of database "${database}"`, (db) =>
    db(database).listCollections({}, { nameOnly: false }).toArray(),
  );
  return found.map(({ name, type, options }) => ({
    name,
    type: type === "view" || type === "timeseries" ? type : "collection",
    options: options ?? {},
  }));
}

/** Every collection of plain documents; views and time series have no rows of their own that a dump could count. */
export async function countCollections(connection: Connection, database: string): Promise<readonly TableCount[]> {
  const counts: TableCount[] = [];
  for (const { name, type } of await listCollections(connection, database)) {
    if (type !== "collection" || isInternal(name)) continue;
    const rows = await connection.run(`counting collection "${database}.${name}"`, (db) =>
      db(database).collection(name).countDocuments(),
    );
    counts.push({ schema: "", table: name, rows });
  }
  return counts;
}

export async function inspectDatabase(connection: Connection, database: string): Promise<TargetState> {
  const collections = (await listCollections(connection, database)).filter(({ name }) => !isInternal(name));
  if (collections.length === 0) {
    return { exists: false, empty: true, description: `database "${database}" does not exist` };
  }
  const sizeBytes = await readSizeBytes(connection, database);
  const what = collections.length === 1 ? "1 collection" : `${collections.length} collections`;
  return { exists: true, empty: false, description: `${what}, ${((sizeBytes ?? 0) / 1_000_000).toFixed(1)} MB` };
}

export async function readSizeBytes(connection: Connection, database: string): Promise<number | null> {
  const stats = await connection.run(`asking for the size of database "${database}"`, (db) =>
    db(database).command({ dbStats: 1 }),
  );
  const size = Number(stats["dataSize"]);
  return Number.isFinite(size) ? size : null;
}

export async function dropDatabase(connection: Connection, database: string): Promise<void> {
  await connection.run(`dropping database "${database}"`, (db) => db(database).dropDatabase());
}

export function refuseFilled(database: string, state: TargetState): AppError {
  return new AppError("target_not_empty", `database "${database}" is not empty: ${state.description}`, {
    hint: "restore under a new name, or use --mode drop to replace it",
    details: { description: state.description },
  });
}

export interface CollectionChoice {
  readonly chosen: readonly CollectionInfo[];
  readonly left: readonly CollectionInfo[];
  readonly warnings: readonly string[];
}

/** `collection` or `database.collection`; `*` and `?` match any text. Throws `source_failed` for a wish that matches nothing. */
export function chooseCollections(
  collections: readonly CollectionInfo[],
  database: string,
  include: readonly string[],
  exclude: readonly string[],
): CollectionChoice {
  const compiled = (patterns: readonly string[]) =>
    patterns.map((pattern) => ({ pattern, matches: compilePattern(pattern, database) }));
  const [included, excluded] = [compiled(include), compiled(exclude)];
  const isIdle = (one: { matches(name: string): boolean }): boolean =>
    !collections.some(({ name }) => one.matches(name));
  const idle = included.find(isIdle);
  if (idle !== undefined) {
    throw new AppError(
      "source_failed",
      `pattern "${idle.pattern}" of options.include_tables matches no collection of database "${database}"`,
      { hint: "correct the pattern, or leave it out" },
    );
  }
  const chosen = collections.filter(
    ({ name }) =>
      (included.length === 0 || included.some((one) => one.matches(name))) &&
      !excluded.some((one) => one.matches(name)),
  );
  return {
    chosen,
    left: collections.filter((collection) => !chosen.includes(collection)),
    warnings: excluded
      .filter(isIdle)
      .map(
        (one) => `pattern "${one.pattern}" of options.exclude_tables matches no collection of database "${database}"`,
      ),
  };
}

export function compilePattern(pattern: string, database: string): (name: string) => boolean {
  const prefix = `${database}.`;
  const forms = [pattern, ...(pattern.startsWith(prefix) ? [pattern.slice(prefix.length)] : [])].map(
    (text) =>
      new RegExp(
        `^${text
          .replaceAll(/[\\^$.+()[\]{}|/]/g, "\\$&")
          .replaceAll("*", ".*")
          .replaceAll("?", ".")}$`,
        "su",
      ),
  );
  return (name) => forms.some((form) => form.test(name));
}
