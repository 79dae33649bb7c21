// Restores an archive of pg_dump into one database. What can be known beforehand (extensions, roles) is checked before
// anything is written.

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { AppError } from "../../../domain/error.ts";
import type { ByteStream } from "../../../ports/byte-stream.ts";
import type { RestoreOptions, RestorePart } from "../../../ports/source.ts";
import { spawnTool } from "../../process/spawn-tool.ts";
import { type ArchiveHead, peekArchive, type TocEntry } from "./archive-toc.ts";
import { findRestoreClients } from "./client-tools.ts";
import { connect, type PostgresConnection } from "./connection.ts";
import { planDrops } from "./drop-statements.ts";
import { quoteIdentifier } from "./identifier.ts";
import { runPsql } from "./psql-restore.ts";
import { readToEnd } from "./read-to-end.ts";
import type { RestorePlace } from "./restore-place.ts";
import { readSqlScript, withoutTransactionTimeout } from "./sql-script.ts";
import { selectTables } from "./select-entries.ts";
import { spoolToFile } from "./spool-to-file.ts";
import { openTmpSpace } from "./tmp-space.ts";
import { openToolLogin } from "./tool-login.ts";
import { rememberTriggers } from "./trigger-states.ts";
import { translateToolExit } from "./tool-error.ts";
import { collectWarnings } from "./tool-warnings.ts";
import { openUnpackedDump } from "./unpacked-dump.ts";

export async function restoreArchive(
  place: RestorePlace,
  part: RestorePart,
  options: RestoreOptions,
  signal: AbortSignal,
): Promise<readonly string[]> {
  if (part.format === "dir.tar") {
    await using dump = await openUnpackedDump(part.stream, place.context.tmpDir, signal);
    return await runPgRestore(place, dump.head, options, signal, { file: dump.path, format: "directory" });
  }
  const { head, stream } = await peekArchive(part.stream);
  let warnings: readonly string[] = [];
  await readToEnd(stream, async (whole) => {
    if (options.jobs <= 1 || place.clean) {
      warnings = await runPgRestore(place, head, options, signal, { stdin: whole });
      return;
    }
    // Parallel jobs need a file that each of them can seek in.
    const expectedBytes = part.facts["databaseBytes"];
    const neededBytes = typeof expectedBytes === "number" ? expectedBytes : null;
    await using space = await openTmpSpace(place.context.tmpDir, neededBytes, "a restore with parallel jobs");
    const file = join(space.path, "archive.dump");
    await spoolToFile(whole, file, signal);
    warnings = await runPgRestore(place, head, options, signal, { file, format: "custom" });
  });
  return warnings;
}

type ArchiveInput = { readonly stdin: ByteStream } | { readonly file: string; readonly format: "custom" | "directory" };

async function runPgRestore(
  place: RestorePlace,
  head: ArchiveHead,
  options: RestoreOptions,
  signal: AbortSignal,
  input: ArchiveInput,
): Promise<readonly string[]> {
  if (place.clean && options.dataOnly) {
    throw new AppError("unsupported", "mode clean replaces definitions, so it cannot restore rows only", {
      hint: "use --mode append with --data-only",
    });
  }
  const warnings = collectWarnings(place.context);
  const clients = await findRestoreClients(place.context.tools, head.toolVersion, signal);
  if (clients.warning !== null) place.context.log("warn", clients.warning);
  await using held = new AsyncDisposableStack();
  const login = held.use(await openToolLogin(place.config, place.context.tmpDir));
  const { isSuperuser, missingTablespaces, serverNum, isReadOnly } = await prepareTarget(place, head, options, signal);
  if (missingTablespaces.length > 0 && place.isThrowaway !== true) {
    const names = missingTablespaces.join(", ");
    warnings.add(`the target server lacks the tablespaces ${names}: everything was put into the database's own`);
  }
  const list = await listEntries(place, head, options, isSuperuser, signal);
  for (const warning of list.warnings) warnings.add(warning);
  // pg_restore 17 begins with a setting that older servers do not know, and would stop at it.
  const isTooNew = clients.major >= 17 && serverNum < 170_000;
  const byScript = place.clean || isTooNew;
  if (isTooNew && options.jobs > 1) {
    warnings.add(`pg_restore ${clients.version} restores into this older server with one job only`);
  }
  const direct = [
    "--exit-on-error",
    "--no-password",
    `--dbname=${login.connectionTo(place.database)}`,
    ...(place.inPlace && options.jobs <= 1 ? ["--single-transaction"] : []),
    ...(options.jobs > 1 ? [`--jobs=${options.jobs}`] : []),
  ];
  const args = [
    // Told so, pg_restore does not end the transaction behind the large objects.
    ...(byScript ? ["--file=-", "--single-transaction"] : direct),
    ...(options.noOwner ? ["--no-owner"] : []),
    ...(options.noPrivileges ? ["--no-privileges"] : []),
    ...(missingTablespaces.length > 0 ? ["--no-tablespaces"] : []),
    ...(options.schemaOnly ? ["--schema-only"] : []),
    ...(options.dataOnly ? ["--data-only"] : []),
    ...(options.dataOnly && isSuperuser ? ["--disable-triggers"] : []),
  ];
  const listed = list.entries;
  if (listed.length !== head.entries.length) {
    const space = held.use(await openTmpSpace(place.context.tmpDir, null, "the list of a restore"));
    const listFile = join(space.path, "list");
    await writeFile(listFile, listed.map((entry) => `${entry.dumpId};\n`).join(""), { mode: 0o600 });
    args.push(`--use-list=${listFile}`);
  }
  if ("file" in input) args.push(`--format=${input.format}`, "--", input.file);
  else args.push("--format=custom");
  if (options.dataOnly && isSuperuser) {
    const triggers = await rememberTriggers(place.config, place.database, signal);
    held.defer(() => triggers.restore());
  }
  await using tool = spawnTool({
    command: clients.program("pg_restore"),
    args,
    env: isReadOnly ? { ...login.env, PGOPTIONS: "-c default_transaction_read_only=off" } : login.env,
    signal,
    ...("stdin" in input ? { stdin: input.stdin, largeInput: true } : {}),
    onStderrLine: warnings.readLine,
    fail: (exit) => translateToolExit(exit, `pg_restore into database "${place.database}"`, "restore_failed"),
  });
  if (byScript) {
    // One script for one transaction: either all is replaced or nothing.
    const drops = place.clean ? planDrops(listed).join("\n") : "";
    // The script begins the transaction once more, which is a warning, and then sets the level of messages itself.
    const prelude = `SET client_encoding = 'UTF8';\nSET client_min_messages = error;\n${drops}\n`;
    const output = isTooNew ? withoutTransactionTimeout(tool.stdout) : tool.stdout;
    const script = readSqlScript(output, "restore_failed", `the archive for database "${place.database}"`);
    await runPsql(place, script, prelude, warnings.readLine, signal, true);
  } else await tool.succeed();
  return warnings.list();
}

interface EntryList {
  readonly entries: readonly TocEntry[];
  readonly warnings: readonly string[];
}

async function listEntries(
  place: RestorePlace,
  head: ArchiveHead,
  options: RestoreOptions,
  isSuperuser: boolean,
  signal: AbortSignal,
): Promise<EntryList> {
  const { tables } = options;
  const chosen =
    tables.length > 0 ? selectTables(head, tables, !place.inPlace) : { entries: head.entries, warnings: [] };
  // Comments on what only a superuser owns would stop everybody else.
  const isForeign = (entry: TocEntry): boolean =>
    entry.kind === "COMMENT" && (entry.name.startsWith("EXTENSION ") || entry.name === "SCHEMA public");
  const existing = place.clean ? await listSchemas(place, signal) : new Set<string>();
  const entries = chosen.entries.filter(
    (entry) => (isSuperuser || !isForeign(entry)) && !(entry.kind === "SCHEMA" && existing.has(entry.name)),
  );
  return { entries, warnings: chosen.warnings };
}

/** Mode clean keeps schemas that exist: they may hold more than the backup. */
async function listSchemas({ config, database }: RestorePlace, signal: AbortSignal): Promise<Set<string>> {
  await using connection = await connect(config, { database, signal, errorCode: "restore_failed" });
  const rows = await connection.run<{ name: string }>(
    "listing the schemas",
    "SELECT nspname AS name FROM pg_namespace",
  );
  return new Set(rows.map((row) => row.name));
}

interface PreparedTarget {
  readonly isSuperuser: boolean;
  readonly missingTablespaces: readonly string[];
  /** As `server_version_num`. */
  readonly serverNum: number;
  /** By a setting of the database or the role. */
  readonly isReadOnly: boolean;
}

async function prepareTarget(
  place: RestorePlace,
  head: ArchiveHead,
  options: RestoreOptions,
  signal: AbortSignal,
): Promise<PreparedTarget> {
  const { config, database } = place;
  await using connection = await connect(config, { database, signal, errorCode: "restore_failed" });
  const [me] = await connection.run<{ super: boolean; num: number; readOnly: boolean }>(
    "asking for our own rights",
    `SELECT rolsuper AS super, current_setting('server_version_num')::int AS num,
      (SELECT reset_val = 'on' FROM pg_settings WHERE name = 'default_transaction_read_only') AS "readOnly"
    FROM pg_roles WHERE rolname = current_user`,
  );
  const isSuperuser = me?.super === true;
  const serverNum = me?.num ?? 0;
  const isReadOnly = me?.readOnly === true;
  if (options.dataOnly) return { isSuperuser, missingTablespaces: [], serverNum, isReadOnly };
  await checkExtensions(connection, head);
  if (!options.noOwner) await checkOwners(connection, head);
  if (!place.inPlace && options.tables.length === 0) await createMissingSchemas(connection, head);
  return { isSuperuser, missingTablespaces: await findMissingTablespaces(connection, head), serverNum, isReadOnly };
}

/** A new server seldom has them, and where rows lie matters less than that they are back. */
async function findMissingTablespaces(connection: PostgresConnection, head: ArchiveHead): Promise<readonly string[]> {
  const needed = [...new Set(head.entries.map((entry) => entry.tablespace).filter((name) => name !== null))];
  if (needed.length === 0) return [];
  const missing = await connection.run<{ name: string }>(
    "looking for the tablespaces",
    "SELECT name FROM unnest($1::text[]) AS needed (name) WHERE name NOT IN (SELECT spcname FROM pg_tablespace)",
    [needed],
  );
  return missing.map((row) => row.name);
}

export async function checkExtensions(connection: PostgresConnection, head: ArchiveHead): Promise<void> {
  const needed = head.entries.filter((entry) => entry.kind === "EXTENSION").map((entry) => entry.name);
  if (needed.length === 0) return;
  const missing = await connection.run<{ name: string }>(
    "looking for the extensions",
    "SELECT name FROM unnest($1::text[]) AS needed (name) WHERE name NOT IN (SELECT name FROM pg_available_extensions)",
    [needed],
  );
  if (missing.length === 0) return;
  const names = missing.map((row) => row.name);
  throw new AppError(
    "restore_failed",
    `the target server lacks the extensions that the backup needs: ${names.join(", ")}`,
    {
      hint: "install their packages on the target server and run it again",
      details: { extensions: names },
    },
  );
}

async function checkOwners(connection: PostgresConnection, head: ArchiveHead): Promise<void> {
  const owners = [...new Set(head.entries.map((entry) => entry.owner).filter((owner) => owner !== null))];
  const missing = await connection.run<{ name: string }>(
    "looking for the owners' roles",
    "SELECT name FROM unnest($1::text[]) AS needed (name) WHERE name NOT IN (SELECT rolname FROM pg_roles)",
    [owners],
  );
  if (missing.length === 0) return;
  const names = missing.map((row) => row.name);
  throw new AppError(
    "restore_failed",
    `the target server lacks roles that own objects of the backup: ${names.join(", ")}`,
    {
      hint: "restore the roles first (the globals part), or use --no-owner and --no-privileges",
      details: { roles: names },
    },
  );
}

/** A dump with `data_only` or of single tables by other programs has no schema entries. */
async function createMissingSchemas(connection: PostgresConnection, head: ArchiveHead): Promise<void> {
  const brought = new Set(head.entries.filter((entry) => entry.kind === "SCHEMA").map((entry) => entry.name));
  const tables = head.entries.filter((entry) => entry.kind === "TABLE" && entry.schema !== null);
  for (const schema of new Set(tables.map((entry) => entry.schema!))) {
    if (brought.has(schema)) continue;
    await connection.run("creating a schema", `CREATE SCHEMA IF NOT EXISTS ${quoteIdentifier(schema)}`);
  }
}
