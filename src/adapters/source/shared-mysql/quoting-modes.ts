// Follows the SQL modes that change how strings are quoted, through the SET statements of a dump.

export interface QuotingModes {
  /** Whether a backslash escapes the next character inside this quote. */
  backslashEscapes(quote: number): boolean;
  /** Reads a statement, as `latin1` text. */
  follow(statement: string): void;
}

interface Mode {
  readonly noBackslashEscapes: boolean;
  readonly ansiQuotes: boolean;
}

const usual: Mode = { noBackslashEscapes: false, ansiQuotes: false };
const saves = /@(\w+)\s*:?=\s*@@(?:session\.|global\.)?sql_mode\b/gi;
const sets = /(?<![@\w.])(?:@@(?:session\.)?|session\s+)?sql_mode\s*:?=\s*(?:'([^']*)'|"([^"]*)"|@(\w+)|(\w+))/gi;

export function createQuotingModes(): QuotingModes {
  let mode = usual;
  const saved = new Map<string, Mode>();
  return {
    backslashEscapes(quote) {
      if (quote === 0x60) return false;
      return !mode.noBackslashEscapes && !(quote === 0x22 && mode.ansiQuotes);
    },
    follow(statement) {
      if (statement.length > 4_000 || !/^[\s/*M!\d]*SET\s/i.test(statement)) return;
      for (const [, name] of statement.matchAll(saves)) saved.set(name!.toLowerCase(), mode);
      for (const [, single, double, variable, word] of statement.matchAll(sets)) {
        const text = single ?? double ?? word;
        if (variable !== undefined) mode = saved.get(variable.toLowerCase()) ?? usual;
        else if (text !== undefined) mode = parseMode(text);
      }
    },
  };
}

function parseMode(text: string): Mode {
  const names = text.toUpperCase().split(",");
  // These stand for groups of modes, each of which holds ANSI_QUOTES.
  const ansi = ["ANSI_QUOTES", "ANSI", "DB2", "MAXDB", "MSSQL", "ORACLE", "POSTGRESQL"];
  return {
    noBackslashEscapes: names.includes("NO_BACKSLASH_ESCAPES"),
    ansiQuotes: names.some((name) => ansi.includes(name)),
  };
}
