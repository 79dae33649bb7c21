// Puts a restored database in the place of a filled one. Neither server can rename a database, so the tables of both
// change places in one RENAME TABLE; triggers, views, routines and events are dropped before and created anew after.
// The original's tables rest in `<name>_old_<id>`, with the text of its programs, until all is done: whatever fails
// is undone from there, and nothing of the original is lost when we are killed half-way.

import { AppError } from "../../../domain/error.ts";
import type { SourceContext } from "../../../ports/source.ts";
import { connect, type Login, type ServerConnection } from "./connection.ts";
import { dropDatabase } from "./database.ts";
import { enableEvents } from "./events.ts";
import { quoteName, quoteText } from "./identifier.ts";
import { dropEvents, dropTriggers, dropViewsAndRoutines, readPrograms, writePrograms } from "./programs.ts";
import { moveSequenceDefaults } from "./sequence-names.ts";
import { readDatabaseFacts } from "./server-facts.ts";
import { listTables } from "./tables.ts";

export interface Swap {
  readonly login: Login;
  readonly context: SourceContext;
  /** The restored database, gone afterwards. */
  readonly from: string;
  readonly to: string;
  /** Holds the original while the swap lasts. */
  readonly aside: string;
  readonly heldEvents: ReadonlySet<string>;
  readonly stopConnections: boolean;
  readonly signal: AbortSignal;
}

const savedTable = "backupctl_saved_programs";
const savedChunkBytes = 256 * 1024;

export async function swapDatabases(swap: Swap): Promise<void> {
  const { login, context, from, to, aside, signal } = swap;
  await using connection = await connect(login, { signal, errorCode: "restore_failed" });
  const originalPrograms = await readPrograms(login, context, to, signal);
  const newPrograms = await readPrograms(login, context, from, signal);
  const originalFacts = await readDatabaseFacts(connection, to);
  const newFacts = await readDatabaseFacts(connection, from);
  const [originalTables, newTables] = [await listMovable(connection, to), await listMovable(connection, from)];
  await saveAside(connection, aside, originalPrograms);
  await connection.run("preparing the swap", "SET SESSION foreign_key_checks = 0");
  if (swap.stopConnections) await stopSessions(connection, to);
  let moved = false;
  try {
    await dropEvents(connection, to);
    await dropTriggers(connection, to);
    await dropTriggers(connection, from);
    // A view may have the name of a new table.
    await dropViewsAndRoutines(connection, to);
    await moveTables(connection, [
      { names: originalTables, from: to, to: aside },
      { names: newTables, from, to },
    ]);
    moved = true;
    await moveSequenceDefaults(connection, from, to);
    await refuseStrayReferences(connection, to, [from, aside]);
    await setCharacterSet(connection, to, newFacts);
    await writePrograms(login, context, to, newPrograms, signal);
    await enableEvents(connection, to, swap.heldEvents);
  } catch (error) {
    await undo();
    throw error;
  }
  await dropDatabase(connection, from);
  await dropDatabase(connection, aside).catch((error: unknown) => {
    const reason = error instanceof Error ? error.message : String(error);
    context.log("warn", `the restore is complete, but the replaced data still is in database "${aside}": ${reason}`);
  });

  async function undo(): Promise<void> {
    try {
      // A connection of its own: the swap's may be what failed.
      const patience = AbortSignal.timeout(300_000);
      await using fresh = await connect(login, { signal: patience, errorCode: "restore_failed" });
      await fresh.run("undoing the swap", "SET SESSION foreign_key_checks = 0");
      await dropEvents(fresh, to);
      await dropTriggers(fresh, to);
      await dropViewsAndRoutines(fresh, to);
      // A rename whose answer was lost may have happened.
      const asideTables = (await listMovable(fresh, aside)).filter((name) => name !== savedTable);
      if (moved || asideTables.length > 0) {
        await moveTables(fresh, [
          { names: newTables, from: to, to: from },
          { names: originalTables, from: aside, to },
        ]);
      }
      await setCharacterSet(fresh, to, originalFacts);
      await writePrograms(login, context, to, originalPrograms, patience);
      await dropDatabase(fresh, aside);
    } catch (cause) {
      throw new AppError("restore_failed", `the swap of database "${to}" failed and could not be undone`, {
        cause,
        hint: `the original's tables are in "${to}" or "${aside}", its triggers, views, routines and events as text in "${aside}".${savedTable}; the restored data is in "${from}" or "${to}"`,
        details: { original: aside, restored: from },
      });
    }
  }
}

/** Tables and sequences; views cannot be moved. */
async function listMovable(connection: ServerConnection, database: string): Promise<readonly string[]> {
  return (await listTables(connection, database)).filter((table) => table.kind !== "view").map((table) => table.name);
}

async function saveAside(connection: ServerConnection, aside: string, programs: Uint8Array): Promise<void> {
  const table = `${quoteName(aside)}.${quoteName(savedTable)}`;
  await connection.run("creating the place for the original", `CREATE DATABASE ${quoteName(aside)}`);
  await connection.run(
    "saving the original's programs",
    `CREATE TABLE ${table} (part INT PRIMARY KEY, sql_text LONGBLOB)`,
  );
  for (let at = 0, part = 1; at < programs.length; at += savedChunkBytes, part++) {
    const hex = Buffer.from(programs.subarray(at, at + savedChunkBytes)).toString("hex");
    await connection.run("saving the original's programs", `INSERT INTO ${table} VALUES (${part}, 0x${hex})`);
  }
}

interface Move {
  readonly names: readonly string[];
  readonly from: string;
  readonly to: string;
}

async function moveTables(connection: ServerConnection, moves: readonly Move[]): Promise<void> {
  const renames = moves.flatMap((move) =>
    move.names.map((name) => `${quoteName(move.from)}.${quoteName(name)} TO ${quoteName(move.to)}.${quoteName(name)}`),
  );
  if (renames.length > 0) await connection.run("moving the tables", `RENAME TABLE ${renames.join(", ")}`);
}

async function setCharacterSet(
  connection: ServerConnection,
  database: string,
  facts: Awaited<ReturnType<typeof readDatabaseFacts>>,
): Promise<void> {
  if (facts === undefined) return;
  await connection.run(
    `setting the character set of database "${database}"`,
    `ALTER DATABASE ${quoteName(database)} CHARACTER SET ${facts.characterSet} COLLATE ${facts.collation}`,
  );
}

/** Foreign keys must have followed their tables; one that points into a place that goes away would be lost. */
async function refuseStrayReferences(
  connection: ServerConnection,
  database: string,
  strays: readonly string[],
): Promise<void> {
  const rows = await connection.run<{ name: string }>(
    "checking the foreign keys",
    `SELECT CONSTRAINT_NAME AS name FROM information_schema.REFERENTIAL_CONSTRAINTS WHERE CONSTRAINT_SCHEMA = ${quoteText(database)}
      AND UNIQUE_CONSTRAINT_SCHEMA IN (${strays.map(quoteText).join(", ")})`,
  );
  if (rows.length === 0) return;
  throw new AppError(
    "restore_failed",
    `foreign key "${rows[0]!.name}" did not follow its tables into database "${database}"`,
    {
      hint: "restore into a new name and rename by hand",
    },
  );
}

async function stopSessions(connection: ServerConnection, database: string): Promise<void> {
  const sessions = await connection.run<{ id: number | string }>(
    `listing the connections to database "${database}"`,
    `SELECT ID AS id FROM information_schema.PROCESSLIST WHERE DB = ${quoteText(database)} AND ID <> CONNECTION_ID()`,
  );
  // One that has ended by itself is what was wanted.
  for (const { id } of sessions) await connection.query(`KILL ${Number(id)}`).catch(() => {});
}
