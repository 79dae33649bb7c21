// Feeds an archive into a database with mongorestore, which stops at the first error.

import { AppError } from "../../../domain/error.ts";
import type { RestoreOptions, RestorePart, RestoreReport, SourceContext } from "../../../ports/source.ts";
import { spawnTool } from "../../process/spawn-tool.ts";
import type { ArchiveCollection, ArchivePrelude } from "./archive-reader.ts";
import { findTool } from "./client-tools.ts";
import type { MongodbConfig } from "./config.ts";
import { connect } from "./connection.ts";
import { createIndexes } from "./indexes.ts";
import { type OpenArchive, openArchive } from "./open-archive.ts";
import { readServerFacts } from "./server-facts.ts";
import { collectWarnings, translateToolExit } from "./tool-error.ts";
import { openToolLogin } from "./tool-login.ts";

export interface RestorePlace {
  readonly config: MongodbConfig;
  readonly context: SourceContext;
  readonly database: string;
  /** Put before the name of every collection. */
  readonly prefix: string;
  /** Collections of the archive replace what has their names. */
  readonly replaces: boolean;
}

export interface RestoredArchive extends RestoreReport {
  readonly collections: readonly ArchiveCollection[];
}

/** `accept` may refuse what the archive holds before anything is written. */
export async function restorePart(
  place: RestorePlace,
  part: RestorePart,
  options: RestoreOptions,
  signal: AbortSignal,
  accept: (collections: readonly ArchiveCollection[]) => void = () => {},
): Promise<RestoredArchive> {
  let archive: OpenArchive | undefined;
  let isFed = false;
  try {
    refuseOptions(options);
    archive = await openArchive(part.stream);
    const from = findDatabase(archive.prelude, part.facts["database"], place.config.name);
    const chosen = chooseFromArchive(archive.prelude, from, options.tables);
    accept(chosen);
    const tool = await findTool("mongorestore", place.context.tools, signal);
    const takesIndexes = await asksForIndexes(place.config, signal);
    await using login = await openToolLogin(place.config, place.context.tmpDir);
    const warnings = collectWarnings(place.context);
    if (part.facts["consistency"] === "oplog") {
      warnings.add(
        "the oplog of the backup was not applied: only a restore of the whole server can (see restore --guide)",
      );
    }
    await using restore = spawnTool({
      command: tool.program,
      args: [
        login.configArg,
        "--archive",
        "--stopOnError",
        "--bypassDocumentValidation",
        `--numInsertionWorkersPerCollection=${Math.max(1, options.jobs)}`,
        ...selectNamespaces(from, options.tables.length === 0 ? [] : chosen),
        ...renameNamespaces(from, place),
        ...(place.replaces ? ["--drop"] : []),
        ...(options.dataOnly ? ["--noOptionsRestore"] : []),
        ...(options.dataOnly || !takesIndexes ? ["--noIndexRestore"] : []),
      ],
      signal,
      stdin: archive.stream,
      onStderrLine: warnings.readLine,
      fail: (exit) => translateToolExit(exit, `mongorestore into database "${place.database}"`, "restore_failed"),
    });
    isFed = true;
    await restore.succeed();
    if (!options.dataOnly && !takesIndexes) await createIndexes(place, chosen, signal);
    return { warnings: warnings.list(), collections: chosen };
  } catch (error) {
    if (!isFed) for await (const _ of archive?.stream ?? part.stream) break;
    throw error;
  }
}

function refuseOptions({ schemaOnly }: RestoreOptions): void {
  if (!schemaOnly) return;
  throw new AppError("unsupported", "collections of MongoDB have no schema that could be restored alone", {
    hint: "leave out --schema-only",
  });
}

async function asksForIndexes(config: MongodbConfig, signal: AbortSignal): Promise<boolean> {
  await using connection = await connect(config, { signal, errorCode: "restore_failed" });
  return (await readServerFacts(connection)).takesToolIndexes;
}

const ofTheServer = new Set(["", "admin", "config", "local"]);

/** The database in the archive that is meant: the manifest's, the only one, or the one of the source's own name. */
function findDatabase(prelude: ArchivePrelude, fromFacts: unknown, own: string): string {
  const databases = [...new Set(prelude.collections.map(({ database }) => database))];
  const users = databases.filter((database) => !ofTheServer.has(database));
  const found =
    databases.find((database) => database === fromFacts) ??
    (users.length === 1 ? users[0] : undefined) ??
    databases.find((database) => database === own);
  if (found !== undefined) return found;
  const have = users.length === 0 ? "no database" : `the databases ${users.slice(0, 10).join(", ")}`;
  throw new AppError("restore_failed", `the archive holds ${have}, and none of them is "${own}"`, {
    hint: "restore it with a source that has the name of one of its databases",
  });
}

/** Throws for a wish that the archive cannot meet. */
function chooseFromArchive(
  prelude: ArchivePrelude,
  database: string,
  tables: readonly string[],
): readonly ArchiveCollection[] {
  const own = prelude.collections.filter((collection) => collection.database === database);
  if (tables.length === 0) return own;
  return tables.map((table) => {
    const plain = table.startsWith(`${database}.`) ? table.slice(database.length + 1) : table;
    const found =
      own.find(({ collection }) => collection === table) ?? own.find(({ collection }) => collection === plain);
    if (found !== undefined) return found;
    const names = own.map(({ collection }) => collection);
    throw new AppError("restore_failed", `the backup has no collection "${table}" of database "${database}"`, {
      hint: `it has ${names.slice(0, 20).join(", ")}${names.length > 20 ? " and more" : ""}`,
    });
  });
}

/** In the tool's patterns `*` matches any text. */
const escape = (text: string): string => text.replaceAll("\\", "\\\\").replaceAll("*", "\\*");

function selectNamespaces(database: string, chosen: readonly ArchiveCollection[]): readonly string[] {
  if (chosen.length === 0) return [`--nsInclude=${database}.*`];
  return chosen.map(({ collection }) => `--nsInclude=${database}.${escape(collection)}`);
}

function renameNamespaces(from: string, { database, prefix }: RestorePlace): readonly string[] {
  if (from === database && prefix === "") return [];
  return [`--nsFrom=${from}.*`, `--nsTo=${database}.${prefix}*`];
}
