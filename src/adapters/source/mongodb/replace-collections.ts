// Puts restored collections in the place of a database's own by renaming, and everything back where one rename fails.

import type { Document } from "mongodb";
import type { SourceContext } from "../../../ports/source.ts";
import { isInternal, listCollections } from "./collections.ts";
import type { Connection } from "./connection.ts";
import { isStaged } from "./scratch-names.ts";

export interface Replacement {
  readonly connection: Connection;
  readonly database: string;
  /** Of the restored collections. */
  readonly prefix: string;
  /** For the originals while they are aside. */
  readonly old: string;
  readonly log: SourceContext["log"];
}

export async function replaceCollections({ connection, database, prefix, old, log }: Replacement): Promise<void> {
  const found = (await listCollections(connection, database)).filter(({ name }) => !isInternal(name));
  const restored = found.filter(({ name }) => name.startsWith(prefix));
  // What another restore has left beside is not part of the database.
  const originals = found.filter(({ name }) => !isStaged(name));
  const undo: (() => Promise<unknown>)[] = [];

  const rename = (from: string, to: string) =>
    connection.run(`renaming collection "${database}.${from}" to "${to}"`, (db) =>
      db("admin").command({ renameCollection: `${database}.${from}`, to: `${database}.${to}` }),
    );
  const drop = (name: string) =>
    connection.run(`dropping "${database}.${name}"`, (db) => db(database).dropCollection(name));
  const createView = (name: string, options: Document) =>
    connection.run(`creating view "${database}.${name}"`, (db) => db(database).command({ create: name, ...options }));

  try {
    // A view cannot be renamed; it is its definition.
    for (const { name, type, options } of originals.toSorted((left, right) => order(left.type) - order(right.type))) {
      if (type === "view") {
        await drop(name);
        undo.push(() => createView(name, options));
      } else {
        await rename(name, old + name);
        undo.push(() => rename(old + name, name));
      }
    }
    for (const { name, type, options } of restored.toSorted((left, right) => order(right.type) - order(left.type))) {
      const final = name.slice(prefix.length);
      if (type === "view") {
        await createView(final, options);
        undo.push(() => drop(final));
      } else {
        await rename(name, final);
        undo.push(() => rename(final, name));
      }
    }
  } catch (error) {
    for (const step of undo.toReversed()) {
      await step().catch((reason: unknown) => log("error", `could not be undone: ${String(reason)}`));
    }
    throw error;
  }
  const leftovers = [
    ...originals.filter(({ type }) => type !== "view").map(({ name }) => old + name),
    ...restored.filter(({ type }) => type === "view").map(({ name }) => name),
  ];
  for (const name of leftovers) {
    await drop(name).catch(() =>
      log("warn", `collection "${database}.${name}" is no longer needed and could not be dropped`),
    );
  }
}

/** Views go first and come last: they look at collections. */
function order(type: string): number {
  return type === "view" ? 0 : 1;
}
