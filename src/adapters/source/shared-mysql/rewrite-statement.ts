// Changes to single statements of a dump on their way into a database. All text is `latin1`, one character per byte.

import { encodeName, quoteName } from "./identifier.ts";

/** Double quotes stand around names where the mode ANSI_QUOTES is on. */
const name = '(?:`(?:[^`]|``)*`|"(?:[^"]|"")*")';
const definer = new RegExp(
  `^((?:\\s|/\\*M?!\\d*|\\*/|CREATE|OR|REPLACE|ALGORITHM\\s*=\\s*\\w+|AGGREGATE)*)DEFINER\\s*=\\s*(?:${name}|'[^']*'|[\\w$]+)(?:\\s*@\\s*(?:${name}|'[^']*'|[\\w.%$-]+))?\\s*`,
  "i",
);
const alterDatabase = new RegExp(
  `^((?:\\s|/\\*M?!\\d*)*ALTER\\s+(?:DATABASE|SCHEMA)\\s+)(?:${name}|(?!CHARACTER|COLLATE|DEFAULT)[\\w$\\x80-\\xff]+)`,
  "i",
);
const eventName = new RegExp(
  `\\bEVENT\\s+(?:IF\\s+NOT\\s+EXISTS\\s+)?(?:${name}\\s*\\.\\s*)?(?:${name}|[\\w$\\x80-\\xff]+)`,
  "i",
);
const enabled = /(\bON\s+COMPLETION\s+(?:NOT\s+)?PRESERVE\s+)ENABLE\b/i;

/** Without a definer the server takes the user who restores. */
export function withoutDefiner(statement: string): string {
  return statement.replace(definer, "$1");
}

/** Dumps switch the database's character set around some routines, by the name it had where it was dumped. */
export function alterOwnDatabase(statement: string, database: string): string {
  return statement.replace(alterDatabase, (_all, intro: string) => intro + encodeName(quoteName(database)));
}

/** A CREATE EVENT that does not run yet, or undefined when it would not run anyway. */
export function holdEvent(statement: string): string | undefined {
  const named = eventName.exec(statement);
  if (named === null) return undefined;
  const after = named.index + named[0].length;
  const rest = statement.slice(after);
  const held = rest.replace(enabled, "$1DISABLE");
  return held === rest ? undefined : statement.slice(0, after) + held;
}
