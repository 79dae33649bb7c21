// Says what a statement of a dump is and which object it is about, from its first words.

import { unquoteName } from "./identifier.ts";

export type StatementKind =
  | "session" // SET …
  | "database" // CREATE, DROP DATABASE
  | "alter-database"
  | "use"
  | "create-table"
  | "create-view"
  | "create-sequence"
  | "create-trigger"
  | "create-routine"
  | "create-event"
  | "drop-table" // also sequences
  | "drop-view"
  | "drop-program" // routines, events, triggers
  | "set-sequence" // DO SETVAL(…)
  | "lock"
  | "unlock"
  | "alter-keys"
  | "transaction"
  | "privilege"
  | "other";

export interface StatementFacts {
  readonly kind: StatementKind;
  /** `latin1` text without quotes; of a trigger its table. */
  readonly name: string | undefined;
}

const token =
  /\/\*M?!\d*|\*\/|--[^\n]*\n|#[^\n]*\n|\/\*[\s\S]*?\*\/|\s+|(`(?:[^`]|``)*`|"(?:[^"]|"")*"|'(?:[^'\\]|\\.|'')*'|[\w$\x80-\xff]+|[\s\S])/gy;
const headTokens = 60;
const headChars = 4_096;

/** The first words, names and signs; comments and the marks of executable comments are left out. */
export function readWords(statement: string, limit = headTokens): readonly string[] {
  const words: string[] = [];
  const text = statement.slice(0, headChars);
  token.lastIndex = 0;
  for (let match = token.exec(text); match !== null; match = token.exec(text)) {
    if (match[1] !== undefined) words.push(match[1]);
    if (words.length >= limit) break;
  }
  return words;
}

const created: Readonly<Record<string, StatementKind>> = {
  TABLE: "create-table",
  VIEW: "create-view",
  SEQUENCE: "create-sequence",
  TRIGGER: "create-trigger",
  PROCEDURE: "create-routine",
  FUNCTION: "create-routine",
  PACKAGE: "create-routine",
  EVENT: "create-event",
  DATABASE: "database",
  SCHEMA: "database",
};

const dropped: Readonly<Record<string, StatementKind>> = {
  TABLE: "drop-table",
  VIEW: "drop-view",
  SEQUENCE: "drop-table",
  TRIGGER: "drop-program",
  PROCEDURE: "drop-program",
  FUNCTION: "drop-program",
  PACKAGE: "drop-program",
  EVENT: "drop-program",
  DATABASE: "database",
  SCHEMA: "database",
};

export function describeStatement(statement: string): StatementFacts {
  const words = readWords(statement);
  const upper = words.map((word) => (/^\w+$/.test(word) ? word.toUpperCase() : word));
  switch (upper[0]) {
    case "SET":
      return { kind: "session", name: undefined };
    case "USE":
      return { kind: "use", name: nameAt(words, 1) };
    case "CREATE":
      return describeCreate(words, upper);
    case "DROP":
      return describeDrop(words, upper);
    case "LOCK":
      return { kind: "lock", name: nameAt(words, 2) };
    case "UNLOCK":
      return { kind: "unlock", name: undefined };
    case "DO":
      return upper[1] === "SETVAL"
        ? { kind: "set-sequence", name: nameAt(words, 3) }
        : { kind: "other", name: undefined };
    case "ALTER":
      return describeAlter(words, upper);
    case "COMMIT":
    case "BEGIN":
    case "START":
    case "ROLLBACK":
      return { kind: "transaction", name: undefined };
    case "GRANT":
    case "REVOKE":
      return { kind: "privilege", name: undefined };
    default:
      return { kind: "other", name: undefined };
  }
}

function describeCreate(words: readonly string[], upper: readonly string[]): StatementFacts {
  const at = upper.findIndex((word, index) => index > 0 && created[word] !== undefined && upper[index - 1] !== "=");
  if (at === -1) return { kind: upper[1] === "USER" || upper[1] === "ROLE" ? "privilege" : "other", name: undefined };
  const kind = created[upper[at]!]!;
  let nameIndex = at + 1;
  if (upper[nameIndex] === "BODY") nameIndex += 1;
  if (upper[nameIndex] === "IF") nameIndex += 3;
  if (kind !== "create-trigger") return { kind, name: qualifiedNameAt(words, nameIndex) };
  const on = upper.indexOf("ON", nameIndex + 1);
  return { kind, name: on === -1 ? undefined : qualifiedNameAt(words, on + 1) };
}

function describeDrop(words: readonly string[], upper: readonly string[]): StatementFacts {
  const at = upper[1] === "TEMPORARY" ? 2 : 1;
  const kind = dropped[upper[at] ?? ""];
  if (kind === undefined)
    return { kind: upper[1] === "USER" || upper[1] === "ROLE" ? "privilege" : "other", name: undefined };
  const nameIndex = upper[at + 1] === "BODY" ? at + 2 : at + 1;
  return { kind, name: qualifiedNameAt(words, upper[nameIndex] === "IF" ? nameIndex + 2 : nameIndex) };
}

function describeAlter(words: readonly string[], upper: readonly string[]): StatementFacts {
  if (upper[1] === "DATABASE" || upper[1] === "SCHEMA") return { kind: "alter-database", name: nameAt(words, 2) };
  const isKeys =
    upper[1] === "TABLE" && upper.includes("KEYS") && (upper.includes("DISABLE") || upper.includes("ENABLE"));
  return { kind: isKeys ? "alter-keys" : "other", name: upper[1] === "TABLE" ? nameAt(words, 2) : undefined };
}

function nameAt(words: readonly string[], index: number): string | undefined {
  const word = words[index];
  return word === undefined ? undefined : unquoteName(word);
}

/** The last part of `db`.`name`. */
function qualifiedNameAt(words: readonly string[], index: number): string | undefined {
  return words[index + 1] === "." ? nameAt(words, index + 2) : nameAt(words, index);
}
