// Reads a `.env` file: NAME=value lines, `export`, comments, single and double quotes (also over several lines).
// Nothing in it is expanded.

export interface EnvEntry {
  readonly value: string;
  readonly line: number; // 1-based
  readonly column: number; // 1-based, of the name
}

export interface EnvFault {
  readonly line: number;
  readonly column: number;
  readonly message: string;
}

export interface ParsedEnvFile {
  readonly entries: ReadonlyMap<string, EnvEntry>;
  readonly faults: readonly EnvFault[];
}

const assignment = /^(\s*)(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=[^\S\n]*(.*)$/s;

export function parseEnvFile(text: string): ParsedEnvFile {
  const entries = new Map<string, EnvEntry>();
  const faults: EnvFault[] = [];
  const lines = text.replace(/^\uFEFF/, "").split(/\r\n|\n|\r/);
  for (let index = 0; index < lines.length; index += 1) {
    const start = index;
    const text = lines[index]!;
    if (/^\s*(#|$)/.test(text)) continue;
    const match = assignment.exec(text);
    if (match === null) {
      faults.push({ line: start + 1, column: 1, message: "this line is not NAME=value" });
      continue;
    }
    const name = match[2]!;
    const place = { line: start + 1, column: match[1]!.length + 1 };
    const value = match[3]!;
    const mark = value[0];
    if (mark !== '"' && mark !== "'") {
      entries.set(name, { value: value.replace(/(^|\s+)#.*$/, "").trimEnd(), ...place });
      continue;
    }
    let body = value.slice(1);
    let end = closingQuote(body, mark);
    while (end === -1 && index + 1 < lines.length) {
      index += 1;
      body += `\n${lines[index]!}`;
      end = closingQuote(body, mark);
    }
    if (end === -1) {
      faults.push({ ...place, message: `the value of ${name} has no closing quote` });
      index = start;
      continue;
    }
    if (!/^\s*(#.*)?$/.test(body.slice(end + 1))) {
      faults.push({ ...place, message: `there is text after the closing quote of ${name}` });
      continue;
    }
    const inner = body.slice(0, end);
    entries.set(name, { value: mark === '"' ? unescape(inner) : inner, ...place });
  }
  return { entries, faults };
}

function closingQuote(body: string, mark: string): number {
  for (let index = 0; index < body.length; index += 1) {
    if (body[index] === "\\" && mark === '"') index += 1;
    else if (body[index] === mark) return index;
  }
  return -1;
}

const escapes: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t", "\\": "\\", '"': '"', $: "$" };

function unescape(text: string): string {
  return text.replace(/\\(.)/gs, (whole, character: string) => escapes[character] ?? whole);
}

/** A value as one line of a `.env` file that reads back as itself, here and in a shell where one can write it so. */
export function formatEnvValue(value: string): string {
  if (/^[\w@%+:,./=-]*$/.test(value)) return value;
  if (!/['\n\r]/.test(value)) return `'${value}'`;
  const names: Readonly<Record<string, string>> = { "\n": "n", "\r": "r", "\t": "t" };
  return `"${value.replace(/[\\"$\n\r\t]/g, (character) => `\\${names[character] ?? character}`)}"`;
}
