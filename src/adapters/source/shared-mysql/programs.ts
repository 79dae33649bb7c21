// Views, triggers, routines and events of a database: read as SQL text, dropped, and put back.

import { AppError } from "../../../domain/error.ts";
import type { SourceContext } from "../../../ports/source.ts";
import { spawnTool } from "../../process/spawn-tool.ts";
import { connect, type Login, type ServerConnection } from "./connection.ts";
import { filterDump } from "./filter-dump.ts";
import { quoteName, quoteText } from "./identifier.ts";
import { findMatchingTool } from "./matching-tool.ts";
import { openToolLogin } from "./option-file.ts";
import { importSql } from "./restore-part.ts";
import { translateToolExit } from "./tool-error.ts";

const maxBytes = 256 * 1024 * 1024;

/** As the dump program writes them, so that SQL modes, character sets and definers are kept. */
export async function readPrograms(
  login: Login,
  context: SourceContext,
  database: string,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const { flavour } = login;
  await using connection = await connect(login, { signal, errorCode: "restore_failed" });
  const { tool } = await findMatchingTool(login, connection, flavour.dumpPrograms, context.tools, signal);
  await using toolLogin = await openToolLogin(login, context.tmpDir, connection.encrypted, []);
  const doing = `reading the views, triggers, routines and events of database "${database}"`;
  await using dump = spawnTool({
    command: tool.program,
    args: [
      toolLogin.defaultsFile,
      "--no-data",
      "--skip-lock-tables",
      "--routines",
      "--events",
      "--triggers",
      "--no-tablespaces",
      "--default-character-set=utf8mb4",
      ...flavour.programArgs,
      "--",
      database,
    ],
    env: toolLogin.env,
    signal,
    fail: (exit) => translateToolExit(exit, doing, "restore_failed"),
  });
  const { stream } = filterDump(dump.stdout, {
    database,
    keep: "programs",
    tables: [],
    noOwner: false,
    noPrivileges: false,
    needsMarks: true,
    holdEvents: false,
  });
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of stream) {
    bytes += chunk.length;
    if (bytes > maxBytes) throw new AppError("restore_failed", `${doing} gave more than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

export async function writePrograms(
  login: Login,
  context: SourceContext,
  database: string,
  sql: Uint8Array,
  signal: AbortSignal,
): Promise<void> {
  async function* stream() {
    // The text names the database it was read from where it switches the character set.
    yield* filterDump(once(sql), {
      database,
      keep: "programs",
      tables: [],
      noOwner: false,
      noPrivileges: false,
      needsMarks: false,
      holdEvents: false,
    }).stream;
  }
  await importSql({ login, context, database, content: "filled" }, stream(), signal);
}

async function* once(bytes: Uint8Array) {
  yield bytes;
}

/** Tables with triggers cannot change their database, and events must not run in between. */
export async function dropTriggers(connection: ServerConnection, database: string): Promise<void> {
  await dropEach(connection, database, "TRIGGER", "TRIGGERS WHERE TRIGGER_SCHEMA", "TRIGGER_NAME");
}

export async function dropEvents(connection: ServerConnection, database: string): Promise<void> {
  await dropEach(connection, database, "EVENT", "EVENTS WHERE EVENT_SCHEMA", "EVENT_NAME");
}

export async function dropViewsAndRoutines(connection: ServerConnection, database: string): Promise<void> {
  await dropEach(connection, database, "VIEW", "VIEWS WHERE TABLE_SCHEMA", "TABLE_NAME");
  const routines = await connection.run<{ name: string; type: string }>(
    `listing the routines of database "${database}"`,
    `SELECT ROUTINE_NAME AS name, ROUTINE_TYPE AS type FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = ${quoteText(database)}`,
  );
  // Packages are known to this mode only; dropping one drops its body.
  const hasPackages = routines.some((routine) => routine.type.startsWith("PACKAGE"));
  if (hasPackages) await connection.run("preparing to drop packages", "SET SESSION sql_mode = 'ORACLE'");
  for (const { name, type } of routines.filter((routine) => routine.type !== "PACKAGE BODY")) {
    await connection.run(
      `dropping routine "${name}"`,
      `DROP ${type} IF EXISTS ${quoteName(database)}.${quoteName(name)}`,
    );
  }
  if (hasPackages) await connection.run("resetting the session", "SET SESSION sql_mode = ''");
}

async function dropEach(
  connection: ServerConnection,
  database: string,
  word: string,
  from: string,
  column: string,
): Promise<void> {
  const rows = await connection.run<{ name: string }>(
    `listing each ${word.toLowerCase()} of database "${database}"`,
    `SELECT ${column} AS name FROM information_schema.${from} = ${quoteText(database)}`,
  );
  for (const { name } of rows) {
    await connection.run(
      `dropping ${word.toLowerCase()} "${name}"`,
      `DROP ${word} IF EXISTS ${quoteName(database)}.${quoteName(name)}`,
    );
  }
}
