// Lets through what is wanted of a dump on its way into one database: never into another one, events asleep.

import { AppError } from "../../../domain/error.ts";
import type { ByteStream } from "../../../ports/byte-stream.ts";
import { watchDumpMarks } from "./dump-marks.ts";
import { decodeName, encodeName } from "./identifier.ts";
import { alterOwnDatabase, holdEvent, withoutDefiner } from "./rewrite-statement.ts";
import { useOwnSequences } from "./sequence-names.ts";
import { createSqlLexer } from "./sql-lexer.ts";
import { createViewOrder } from "./view-order.ts";
import { describeStatement, type StatementFacts } from "./statement.ts";

export interface FilterRules {
  /** Where the statements go. */
  readonly database: string;
  /** `append`: rows only, and all of them in one transaction; `programs`: views, triggers, routines and events. */
  readonly keep: "all" | "definitions" | "rows" | "append" | "programs";
  /** Empty means all. */
  readonly tables: readonly string[];
  readonly noOwner: boolean;
  readonly noPrivileges: boolean;
  /** True for our own dumps: then header and end mark must be there. */
  readonly needsMarks: boolean;
  /** Create events disabled; the names of those that were not are in `heldEvents`. */
  readonly holdEvents: boolean;
}

export interface FilteredDump {
  readonly stream: ByteStream;
  /** Events that were enabled in the dump, once the stream has ended. */
  readonly heldEvents: ReadonlySet<string>;
}

export function filterDump(input: ByteStream, rules: FilterRules): FilteredDump {
  const wanted = new Set(rules.tables.map(encodeName));
  const heldEvents = new Set<string>();
  const seen = new Set<string>();
  const used = new Set<string>();
  const sequences = new Set<string>();
  const marks = watchDumpMarks();
  let out: Uint8Array[] = [];
  let passRows = false;

  const isWanted = (name: string | undefined): boolean => {
    if (wanted.size === 0) return true;
    if (name === undefined || !wanted.has(name)) return false;
    seen.add(name);
    return true;
  };
  const views = createViewOrder();
  let gap: Uint8Array[] = [];
  const endGap = (): void => {
    if (gap.length === 0) return;
    const bytes = Buffer.concat(gap);
    gap = [];
    views.readGap(bytes.toString("latin1"));
    out.push(bytes);
  };
  const lexer = createSqlLexer({
    onGap: (bytes) => void gap.push(bytes),
    onSandboxMark() {},
    onStatement(text) {
      endGap();
      const facts = describeStatement(text);
      if (facts.kind === "use" && facts.name !== undefined) refuseSecondDatabase(used, facts.name);
      if (!keepsStatement(facts, rules, isWanted)) return;
      if (facts.kind === "create-sequence" && facts.name !== undefined) sequences.add(facts.name);
      const owned = facts.kind === "create-table" ? useOwnSequences(text, encodeName(rules.database), sequences) : text;
      const result = rewrite(owned, facts, rules, heldEvents);
      if (views.hold(result, facts.kind === "create-view" ? facts.name : undefined)) return;
      out.push(Buffer.from(views.release() + result, "latin1"));
    },
    onRowsBegin(table, head) {
      endGap();
      passRows = rules.keep !== "definitions" && rules.keep !== "programs" && isWanted(table);
      if (passRows) out.push(head);
    },
    onRowsPiece(bytes) {
      if (passRows) out.push(bytes);
    },
    onRowsEnd() {},
  });

  async function* filtered(): ByteStream {
    if (rules.keep === "append") yield Buffer.from("SET autocommit=0;\n");
    for await (const chunk of input) {
      marks.push(chunk);
      lexer.push(chunk);
      if (out.length === 0) continue;
      const joined = Buffer.concat(out);
      out = [];
      if (joined.length > 0) yield joined;
    }
    if (marks.bytes === 0) throw corrupt("it is empty");
    lexer.end();
    if (rules.needsMarks && !marks.hasHeader()) throw corrupt("it does not begin as a dump of MySQL or MariaDB");
    if ((rules.needsMarks || marks.hasHeader()) && !marks.hasTrailer()) {
      throw corrupt('its end mark "-- Dump completed" is missing');
    }
    refuseMissingTables([...wanted].filter((name) => !seen.has(name)));
    endGap();
    out.push(Buffer.from(views.release(), "latin1"));
    if (rules.keep === "append") out.push(Buffer.from("\nCOMMIT;\n"));
    const rest = Buffer.concat(out);
    if (rest.length > 0) yield rest;
  }
  return { stream: filtered(), heldEvents };
}

const programKinds = new Set([
  "create-view",
  "drop-view",
  "create-trigger",
  "create-routine",
  "create-event",
  "drop-program",
  "alter-database",
]);
const rowKinds = new Set(["set-sequence", "alter-keys", "transaction"]);

function keepsStatement(
  { kind, name }: StatementFacts,
  rules: FilterRules,
  isWanted: (name: string | undefined) => boolean,
): boolean {
  if (kind === "session") return true;
  // The database was chosen by whoever restores.
  if (kind === "use" || kind === "database") return false;
  if (kind === "privilege") return !rules.noPrivileges && rules.keep === "all" && rules.tables.length === 0;
  // Nobody else writes to a place that is being restored; and a locked table cannot take numbers from a sequence.
  if (kind === "lock" || kind === "unlock") return false;
  if (kind === "transaction") return rules.keep === "all" || rules.keep === "rows";
  // A transaction must not be ended by statements that commit by themselves.
  if (rules.keep === "append") return false;
  if (rules.keep === "rows" && !rowKinds.has(kind)) return false;
  if (rules.keep === "programs") return programKinds.has(kind);
  if (rules.keep === "definitions" && rowKinds.has(kind)) return false;
  return isWanted(name);
}

function rewrite(text: string, { kind, name }: StatementFacts, rules: FilterRules, heldEvents: Set<string>): string {
  if (kind === "alter-database") return alterOwnDatabase(text, rules.database);
  if (!kind.startsWith("create-")) return text;
  let result = rules.noOwner ? withoutDefiner(text) : text;
  if (kind === "create-event" && rules.holdEvents) {
    const held = holdEvent(result);
    if (held !== undefined && name !== undefined) {
      heldEvents.add(decodeName(name));
      result = held;
    }
  }
  return result;
}

function refuseSecondDatabase(used: Set<string>, name: string): void {
  used.add(name);
  if (used.size < 2) return;
  const names = [...used].map((one) => `"${decodeName(one)}"`).join(" and ");
  throw new AppError(
    "unsupported",
    `the dump holds several databases, ${names}, and only one can be restored into a database`,
    {
      hint: "split the file, or restore it with the mysql or mariadb client",
    },
  );
}

function refuseMissingTables(missing: readonly string[]): void {
  if (missing.length === 0) return;
  throw new AppError(
    "restore_failed",
    `the backup holds no table ${missing.map((name) => `"${decodeName(name)}"`).join(", ")}`,
    {
      hint: "check the names given with --table",
    },
  );
}

function corrupt(problem: string): AppError {
  return new AppError("backup_corrupt", `the SQL dump is damaged: ${problem}`, {
    hint: "it was cut or changed; use another backup",
  });
}
