// Reads the beginning of an INSERT statement up to VALUES.

import { unquoteName } from "./identifier.ts";

export interface RowsHead {
  /** Without quotes, as `latin1` text. */
  readonly table: string;
  readonly length: number;
}

const name = '(?:`(?:[^`]|``)+`|"(?:[^"]|"")+"|[\\w$\\x80-\\xff]+)';
const intro = `(?:INSERT|REPLACE)(?:\\s+(?:LOW_PRIORITY|DELAYED|HIGH_PRIORITY|IGNORE))*(?:\\s+INTO)?\\s+`;
const whole = new RegExp(
  `^${intro}(?:${name}\\s*\\.\\s*)?(${name})\\s*(?:\\((?:[^\`"')]|${name})*\\)\\s*)?VALUES?\\s*(?=\\()`,
  "i",
);
const other = new RegExp(`^${intro}(?:${name}\\s*\\.\\s*)?${name}\\s+(?:SELECT|SET|TABLE|WITH)\\b`, "i");
const firstBytes = 2_048;

/** `more`: what follows may still make it one; `other`: it is a statement of another form. */
export function readRowsHead(bytes: Buffer): RowsHead | "more" | "other" {
  // Nearly every head is short; only a long list of columns needs the second look.
  for (const count of bytes.length > firstBytes ? [firstBytes, bytes.length] : [bytes.length]) {
    const text = bytes.toString("latin1", 0, count);
    const match = whole.exec(text);
    if (match !== null) return { table: unquoteName(match[1]!), length: match[0].length };
    if (other.test(text)) return "other";
  }
  return "more";
}
