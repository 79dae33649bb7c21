// Creating, dropping and looking at whole databases.

import type { RestorePart, TargetState } from "../../../ports/source.ts";
import { AppError } from "../../../domain/error.ts";
import { connect, type Login, type ServerConnection } from "./connection.ts";
import { readForeignError, translateQueryError } from "./foreign-error.ts";
import { quoteName, quoteText } from "./identifier.ts";
import { readDatabaseFacts } from "./server-facts.ts";
import { listTables } from "./tables.ts";

const unknownCharacterSet = [1115, 1273, 1253, 4161];
const longestName = 64;

export async function databaseExists(connection: ServerConnection, database: string): Promise<boolean> {
  return (await readDatabaseFacts(connection, database)) !== undefined;
}

/** With the character set of the dump where the server knows it. Returns warnings. */
export async function createDatabase(
  connection: ServerConnection,
  database: string,
  facts: RestorePart["facts"],
): Promise<readonly string[]> {
  const word = (value: unknown): string | undefined =>
    typeof value === "string" && /^\w+$/.test(value) ? value : undefined;
  const [characterSet, collation] = [word(facts["characterSet"]), word(facts["collation"])];
  const create = `CREATE DATABASE ${quoteName(database)}`;
  const doing = `creating database "${database}"`;
  if (characterSet !== undefined && collation !== undefined) {
    try {
      await connection.query(`${create} CHARACTER SET ${characterSet} COLLATE ${collation}`);
      return [];
    } catch (error) {
      if (!unknownCharacterSet.includes(readForeignError(error).errno ?? 0)) {
        throw translateQueryError(error, doing, "restore_failed");
      }
    }
  }
  await connection.run(doing, create);
  if (collation === undefined) return [];
  return [
    `the server does not know collation ${collation}: database "${database}" has the server's default for new tables`,
  ];
}

export async function dropDatabase(connection: ServerConnection, database: string): Promise<void> {
  await connection.run(`dropping database "${database}"`, `DROP DATABASE IF EXISTS ${quoteName(database)}`);
}

/** Also when the connection at hand was lost: a server that restarts must not keep our leftovers. */
export async function dropDatabaseForSure(login: Login, connection: ServerConnection, database: string): Promise<void> {
  try {
    await dropDatabase(connection, database);
  } catch {
    await using fresh = await connect(login, { signal: AbortSignal.timeout(30_000), errorCode: "restore_failed" });
    await dropDatabase(fresh, database);
  }
}

/** Cuts the name, not the suffix, to what the server allows. */
export function nameWithSuffix(name: string, suffix: string): string {
  return [...name].slice(0, longestName - suffix.length).join("") + suffix;
}

export async function inspectDatabase(login: Login, database: string, signal: AbortSignal): Promise<TargetState> {
  await using connection = await connect(login, { signal, errorCode: "restore_failed" });
  if (!(await databaseExists(connection, database))) {
    return { exists: false, empty: true, description: `database "${database}" does not exist` };
  }
  const tables = await listTables(connection, database);
  const schema = quoteText(database);
  const [programs] = await connection.run<{ n: number | string }>(
    "looking into the target database",
    `SELECT (SELECT COUNT(*) FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = ${schema})
      + (SELECT COUNT(*) FROM information_schema.EVENTS WHERE EVENT_SCHEMA = ${schema}) AS n`,
  );
  const count = (kind: string): number => tables.filter((table) => table.kind === kind).length;
  const others = count("view") + count("sequence") + Number(programs?.n ?? 0);
  const sizeBytes = tables.reduce((sum, table) => sum + table.sizeBytes, 0);
  const parts = [
    count("table") === 1 ? "1 table" : `${count("table")} tables`,
    ...(others > 0 ? [others === 1 ? "1 other object" : `${others} other objects`] : []),
    `${(sizeBytes / 1_000_000).toFixed(1)} MB`,
  ];
  return { exists: true, empty: count("table") + others === 0, description: parts.join(", ") };
}

export function refuseFilled(database: string, state: TargetState): AppError {
  return new AppError("target_not_empty", `database "${database}" is not empty: ${state.description}`, {
    hint: "restore under a new name, or use --mode drop to replace it",
    details: { description: state.description },
  });
}
