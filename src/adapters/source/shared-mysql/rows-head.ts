// Reads the beginning of an INSERT statement up to VALUES.

import { unquoteName } from "./identifier.ts";

export interface RowsHead {
  /** Without quotes, as `latin1` text. */
  readonly table: string;
  readonly length: number;
}

const space = /\s*/y;
const intro = /(?:INSERT|REPLACE)(?:\s+(?:LOW_PRIORITY|DELAYED|HIGH_PRIORITY|IGNORE))*(?:\s+INTO)?\s+/iy;
const name = /`(?:[^`]|``)+`(?!`)|"(?:[^"]|"")+"(?!")|[\w$\x80-\xff]+/y;
const values = /VALUES?(?=[\s(])/iy;
const firstBytes = 2_048;

/** `more`: what follows may still make it one; `other`: it is a statement of another form. */
export function readRowsHead(bytes: Buffer): RowsHead | "more" | "other" {
  // Nearly every head is short; only a long list of columns needs the second look.
  const short = parse(bytes.toString("latin1", 0, firstBytes));
  return short === "more" && bytes.length > firstBytes ? parse(bytes.toString("latin1")) : short;
}

function parse(text: string): RowsHead | "more" | "other" {
  let at = 0;
  const take = (form: RegExp): string | undefined => {
    form.lastIndex = at;
    const found = form.exec(text)?.[0];
    at += found?.length ?? 0;
    return found;
  };
  /** Nothing was found: because the text ends here, or because something else stands here. */
  const missing = (neededChars: number) => (text.length - at < neededChars ? "more" : "other");
  if (take(intro) === undefined) return missing(80);
  let table = take(name);
  if (table === undefined || at === text.length) return missing(1_024);
  take(space);
  if (text[at] === ".") {
    at += 1;
    take(space);
    table = take(name);
    if (table === undefined || at === text.length) return missing(1_024);
    take(space);
  }
  if (text[at] === "(") {
    const end = findListEnd(text, at + 1);
    if (end === -1) return "more";
    at = end;
    take(space);
  }
  if (take(values) === undefined) return missing(8);
  take(space);
  if (at === text.length) return "more";
  return text[at] === "(" ? { table: unquoteName(table), length: at } : "other";
}

/** Index after the closing parenthesis of a list of names, or -1. */
function findListEnd(text: string, from: number): number {
  for (let at = from; at < text.length; at++) {
    const char = text[at];
    if (char === ")") return at + 1;
    if (char !== "`" && char !== '"') continue;
    // A doubled quote closes and opens again, which comes to the same.
    at = text.indexOf(char, at + 1);
    if (at === -1) return -1;
  }
  return -1;
}
