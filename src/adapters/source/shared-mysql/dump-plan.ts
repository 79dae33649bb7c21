// Turns settings and what the database holds into the arguments of the dump program.

import { AppError } from "../../../domain/error.ts";
import type { MysqlFamilyConfig } from "./connection-config.ts";
import type { Flavour } from "./flavour.ts";
import { optionLine } from "./option-file.ts";
import type { ServerFacts } from "./server-facts.ts";
import { chooseTables } from "./table-pattern.ts";
import { hasOwnRows, isTransactional, type Table } from "./tables.ts";
import { describeUnwritableEvents, type UnwritableEvents } from "./unwritable-events.ts";

export interface DumpPlan {
  /** After `--defaults-file`, without the names that follow `--`. */
  readonly args: readonly string[];
  /** Database, and tables where only some are wanted. */
  readonly names: readonly string[];
  /** Lines of the option file: exclusions may be many and may hold any character. */
  readonly lines: readonly string[];
  /** Tables whose rows are in the dump. */
  readonly counted: readonly Table[];
  readonly warnings: readonly string[];
}

export interface PlanInput {
  readonly config: MysqlFamilyConfig;
  readonly flavour: Flavour;
  readonly server: ServerFacts;
  readonly toolVersion: string;
  readonly tables: readonly Table[];
  readonly unwritableEvents: UnwritableEvents | undefined;
}

export function planDump({ config, flavour, server, toolVersion, tables, unwritableEvents }: PlanInput): DumpPlan {
  const { options, name: database } = config;
  const choice = chooseTables(tables, database, options.include_tables, options.exclude_tables);
  const selected = options.include_tables.length > 0;
  const [idle] = choice.idleIncludes;
  if (idle !== undefined) {
    throw new AppError(
      "source_failed",
      `options.include_tables of database "${database}" names "${idle}", and no table or view matches`,
      {
        hint: "correct the pattern, or take it out",
      },
    );
  }
  const programs = !selected && !options.data_only;
  const unsafe = choice.chosen.filter((table) => !isTransactional(table));
  const args = [
    ...(options.lock_tables
      ? ["--skip-single-transaction", "--lock-tables"]
      : ["--single-transaction", "--skip-lock-tables"]),
    "--quick",
    "--hex-blob",
    "--tz-utc",
    "--add-drop-table",
    // A locked table whose defaults use a sequence could not be filled again, in MariaDB.
    "--skip-add-locks",
    "--create-options",
    "--disable-keys",
    "--set-charset",
    "--quote-names",
    "--comments",
    "--skip-dump-date",
    "--no-tablespaces",
    "--max-allowed-packet=1G",
    `--default-character-set=${options.character_set}`,
    options.extended_insert ? "--extended-insert" : "--skip-extended-insert",
    options.data_only ? "--skip-triggers" : "--triggers",
    programs ? "--routines" : "--skip-routines",
    programs && unwritableEvents === undefined ? "--events" : "--skip-events",
    ...(options.schema_only ? ["--no-data"] : []),
    ...(options.data_only ? ["--no-create-info"] : []),
    ...flavour.dumpArgs(server, toolVersion),
  ];
  return {
    args,
    names: [database, ...(selected ? choice.chosen.map((table) => table.name) : [])],
    lines: selected ? [] : choice.left.map((table) => optionLine("ignore-table", `${database}.${table.name}`)),
    counted: options.schema_only ? [] : choice.chosen.filter(hasOwnRows),
    warnings: [
      ...choice.warnings,
      ...(programs && unwritableEvents !== undefined ? [describeUnwritableEvents(unwritableEvents)] : []),
      ...(unsafe.length > 0 && !options.lock_tables ? [describeUnsafe(unsafe)] : []),
      ...flavour.describeGaps(server, toolVersion).filter(() => choice.chosen.some((table) => table.versioned)),
    ],
  };
}

function describeUnsafe(tables: readonly Table[]): string {
  const names = tables.slice(0, 5).map((table) => `"${table.name}" (${table.engine})`);
  const more = tables.length > names.length ? ` and ${tables.length - names.length} more` : "";
  return `not in one consistent view, because their engine has no transactions: ${names.join(", ")}${more}; set options.lock_tables or convert them to InnoDB`;
}
