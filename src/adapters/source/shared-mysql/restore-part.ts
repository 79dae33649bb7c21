// Feeds a dump into a database with the client program, which stops at the first error.

import { AppError } from "../../../domain/error.ts";
import type { TableCount } from "../../../domain/backup/manifest.ts";
import type { ByteStream } from "../../../ports/byte-stream.ts";
import type { RestoreOptions, RestorePart, SourceContext } from "../../../ports/source.ts";
import { spawnTool } from "../../process/spawn-tool.ts";
import { connect, type Login } from "./connection.ts";
import { describeMissingDefiners } from "./definers.ts";
import { filterDump, type FilterRules } from "./filter-dump.ts";
import { findMatchingTool } from "./matching-tool.ts";
import { openToolLogin } from "./option-file.ts";
import { countTables, listTables } from "./tables.ts";
import { translateToolExit } from "./tool-error.ts";
import { collectWarnings } from "./tool-warnings.ts";

export interface RestorePlace {
  readonly login: Login;
  readonly context: SourceContext;
  readonly database: string;
  /** `new`: what was there does not matter; `filled`: definitions replace their like; `append`: rows are added. */
  readonly content: "new" | "filled" | "append";
}

export interface RestoredPart {
  readonly warnings: readonly string[];
  /** Created disabled; they are to be enabled when the place takes its final name. */
  readonly heldEvents: ReadonlySet<string>;
}

export async function restorePart(
  place: RestorePlace,
  part: RestorePart,
  options: RestoreOptions,
  signal: AbortSignal,
): Promise<RestoredPart> {
  if (options.dataOnly && place.content === "new") {
    throw new AppError("usage", `rows alone cannot be restored into the new database "${place.database}"`, {
      hint: "restore into a database that has the tables, with --mode append or clean, or leave out --data-only",
    });
  }
  if (options.schemaOnly && place.content === "append") {
    throw new AppError("usage", "definitions alone cannot be appended", {
      hint: "use --mode clean, or leave out --schema-only",
    });
  }
  const { stream, heldEvents } = filterDump(part.stream, rulesFor(place, part, options));
  const warnings = await importSql(place, stream, signal);
  await using connection = await connect(place.login, { signal, errorCode: "restore_failed" });
  return { warnings: [...warnings, ...(await describeMissingDefiners(connection, place.database))], heldEvents };
}

function rulesFor(place: RestorePlace, part: RestorePart, options: RestoreOptions): FilterRules {
  const sourceDatabase = part.facts["database"];
  const prefixes = [place.database, ...(typeof sourceDatabase === "string" ? [sourceDatabase] : [])].map(
    (name) => `${name}.`,
  );
  const plainName = (table: string): string => {
    const prefix = prefixes.find((candidate) => table.startsWith(candidate));
    return prefix === undefined ? table : table.slice(prefix.length);
  };
  return {
    database: place.database,
    keep:
      place.content === "append" ? "append" : options.dataOnly ? "rows" : options.schemaOnly ? "definitions" : "all",
    tables: options.tables.map(plainName),
    noOwner: options.noOwner,
    noPrivileges: options.noPrivileges,
    needsMarks: part.facts["serverVersion"] !== undefined,
    holdEvents: true,
  };
}

/** Returns what the program warned of. */
export async function importSql(
  place: RestorePlace,
  stream: ByteStream,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const { login, context, database } = place;
  const { flavour, config } = login;
  let spawned = false;
  try {
    const { encrypted, tool } = await lookAtServer(login, context, signal);
    await using toolLogin = await openToolLogin(login, context.tmpDir, encrypted, []);
    const warnings = collectWarnings(context);
    await using client = spawnTool({
      command: tool.program,
      // Binary mode also keeps the client from reading its own commands, such as \! and source, out of the dump.
      args: [
        toolLogin.defaultsFile,
        "--batch",
        "--binary-mode",
        "--comments",
        "--skip-reconnect",
        "--local-infile=0",
        "--max-allowed-packet=1G",
        `--default-character-set=${config.options.character_set}`,
        `--database=${database}`,
      ],
      env: toolLogin.env,
      signal,
      stdin: stream,
      onStderrLine: warnings.readLine,
      fail: (exit) =>
        translateToolExit(exit, `${flavour.clientPrograms[0]} into database "${database}"`, "restore_failed"),
    });
    spawned = true;
    await client.succeed();
    return warnings.list();
  } catch (error) {
    if (!spawned) for await (const _ of stream) break;
    throw error;
  }
}

async function lookAtServer(login: Login, context: SourceContext, signal: AbortSignal) {
  await using connection = await connect(login, { signal, errorCode: "restore_failed" });
  const { tool } = await findMatchingTool(login, connection, login.flavour.clientPrograms, context.tools, signal);
  return { encrypted: connection.encrypted, tool };
}

export async function countPlace(login: Login, database: string, signal: AbortSignal): Promise<readonly TableCount[]> {
  await using connection = await connect(login, { signal, errorCode: "restore_failed" });
  return await countTables(connection, database, await listTables(connection, database));
}
