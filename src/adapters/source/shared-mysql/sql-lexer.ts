// Splits the text of a dump into statements while it streams, as the client program would: strings, quoted names,
// comments, DELIMITER lines and the two SQL modes that change quoting are minded. Rows of INSERT statements pass in
// pieces and are counted; every other statement is handed on whole.

import { AppError } from "../../../domain/error.ts";
import { readRowsHead } from "./rows-head.ts";
import { createQuotingModes } from "./quoting-modes.ts";

export interface LexerEvents {
  /** White space, comments and DELIMITER lines between statements. */
  onGap(bytes: Uint8Array): void;
  /** A line that switches the MariaDB client's sandbox on; other clients stumble over it. */
  onSandboxMark(bytes: Uint8Array): void;
  /** A whole statement with its delimiter, as `latin1` text: one character per byte. */
  onStatement(text: string): void;
  /** The beginning of an INSERT or REPLACE up to VALUES; `table` is the name without quotes, as `latin1` text. */
  onRowsBegin(table: string, head: Uint8Array): void;
  onRowsPiece(bytes: Uint8Array): void;
  onRowsEnd(rows: number): void;
}

export interface SqlLexer {
  push(chunk: Uint8Array): void;
  /** Throws `backup_corrupt` when the text ends inside a statement, a string or a comment. */
  end(): void;
}

/** Between statements, inside one, or inside the rows of an INSERT. */
const [gap, code, rowsOf] = [0, 1, 2];
/** The comment that is open. */
const [none, line, block] = [0, 1, 2];

/** Enough to tell what begins at a byte: `DELIMITER`, `REPLACE `, a comment, a delimiter. */
const lookaheadBytes = 64;
const nearBytes = 64;
const maxHeadBytes = 1024 * 1024;
const maxStatementBytes = 256 * 1024 * 1024;

const [quote, doubleQuote, backtick, backslash] = [0x27, 0x22, 0x60, 0x5c];
const [open, close, slash, star, dash, hash, newline, bang] = [0x28, 0x29, 0x2f, 0x2a, 0x2d, 0x23, 0x0a, 0x21];
const sandboxMark = "/*M!999999\\-";

export function createSqlLexer(events: LexerEvents): SqlLexer {
  const modes = createQuotingModes();
  /** 1 for every byte that code cannot pass over. */
  const special = new Uint8Array(256);
  for (const byte of [quote, doubleQuote, backtick, open, close, slash, dash, hash]) special[byte] = 1;
  let delimiter: Uint8Array = Buffer.from(";");
  special[delimiter[0]!] = 1;

  let place = gap;
  let comment = none;
  /** The quote that is open, or 0. */
  let openQuote = 0;
  let escaped = false;
  /** The next backslash of the data at hand, at or behind the last place where one was looked for. */
  let slashAt = -1;
  let depth = 0;
  let rows = 0;
  let carry: Uint8Array = new Uint8Array(0);
  let pieces: Uint8Array[] = [];
  let pieceBytes = 0;

  function keep(piece: Uint8Array): void {
    pieces.push(piece);
    pieceBytes += piece.length;
    if (pieceBytes > maxStatementBytes) throw corrupt(`a statement is longer than ${maxStatementBytes} bytes`);
  }

  function endStatement(): void {
    const text = (pieces.length === 1 ? asBuffer(pieces[0]!) : Buffer.concat(pieces)).toString("latin1");
    pieces = [];
    pieceBytes = 0;
    modes.follow(text);
    events.onStatement(text);
  }

  function setDelimiter(text: string): void {
    special[delimiter[0]!] = 0;
    for (const byte of [quote, doubleQuote, backtick, open, close, slash, dash, hash]) special[byte] = 1;
    delimiter = Buffer.from(text, "latin1");
    special[delimiter[0]!] = 1;
  }

  function isDelimiterAt(data: Uint8Array, at: number): boolean {
    for (let i = 0; i < delimiter.length; i++) if (data[at + i] !== delimiter[i]) return false;
    return true;
  }

  /** Index after the closing quote, or `data.length` with `openQuote` still set. */
  function passString(data: Uint8Array, from: number): number {
    const wanted = openQuote;
    const escapes = modes.backslashEscapes(wanted);
    const end = data.length;
    let at = from;
    if (escaped && at < end) {
      at += 1;
      escaped = false;
    }
    let stop = -1;
    while (at < end) {
      // Most strings are short; the long ones are left to the runtime's own search.
      const near = Math.min(end, at + nearBytes);
      for (; at < near; at++) {
        const byte = data[at];
        if (byte === wanted) {
          openQuote = 0;
          return at + 1;
        }
        if (byte === backslash && escapes) {
          at += 1;
          if (at === end) escaped = true;
        }
      }
      if (at >= end) break;
      if (stop < at) stop = indexOrEnd(data, wanted, at);
      if (escapes && slashAt < at) slashAt = indexOrEnd(data, backslash, at);
      at = escapes ? Math.min(stop, slashAt) : stop;
    }
    return end;
  }

  /** Consumes what it can of `data` and returns the index of the first byte that needs more bytes after it. */
  function run(data: Uint8Array, final: boolean): number {
    const end = data.length;
    slashAt = -1;
    /** Where a decision needs bytes after it, they are there before this index. */
    const safeEnd = final ? end : end - lookaheadBytes;
    let at = 0;
    /** Begin of what was not handed on yet. */
    let from = 0;

    const flush = (to: number): void => {
      if (to > from) {
        const bytes = data.subarray(from, to);
        if (place === gap) events.onGap(bytes);
        else if (place === code) keep(bytes);
        else events.onRowsPiece(bytes);
      }
      from = to;
    };

    while (at < end) {
      if (openQuote !== 0) {
        at = passString(data, at);
        continue;
      }
      if (comment === line) {
        const stop = data.indexOf(newline, at);
        at = stop === -1 ? end : stop + 1;
        if (stop !== -1) comment = none;
        continue;
      }
      if (comment === block) {
        const stop = data.indexOf(star, at);
        if (stop === end - 1 && !final) {
          at = stop;
          break;
        }
        at = stop === -1 ? end : stop + 1;
        if (stop !== -1 && data[at] === slash) {
          at += 1;
          comment = none;
        }
        continue;
      }
      if (place === gap) {
        const byte = data[at]!;
        if (byte <= 0x20) {
          at += 1;
          continue;
        }
        if (at >= safeEnd) break;
        if (byte === hash || (byte === dash && data[at + 1] === dash)) {
          comment = line;
          continue;
        }
        if (startsWith(data, at, sandboxMark)) {
          flush(at);
          const stop = asBuffer(data).indexOf("*/", at);
          if (stop === -1 && !final) break;
          at = stop === -1 ? end : stop + 2;
          events.onSandboxMark(data.subarray(from, at));
          from = at;
          continue;
        }
        if (byte === slash && data[at + 1] === star && !isExecutable(data, at)) {
          comment = block;
          at += 2;
          continue;
        }
        if (isDelimiterAt(data, at)) {
          at += delimiter.length;
          continue;
        }
        if (isWord(data, at, "delimiter")) {
          const stop = data.indexOf(newline, at);
          if (stop === -1 && !final) break;
          const lineEnd = stop === -1 ? end : stop + 1;
          const [word = ""] = asBuffer(data.subarray(at + 9, lineEnd))
            .toString("latin1")
            .trim()
            .split(/\s/);
          if (word === "" || word.length > 16) throw corrupt("a DELIMITER line names no delimiter");
          setDelimiter(word);
          at = lineEnd;
          continue;
        }
        flush(at);
        if (isWord(data, at, "insert") || isWord(data, at, "replace")) {
          const window = asBuffer(data.subarray(at, Math.min(end, at + maxHeadBytes)));
          const head = readRowsHead(window);
          if (head === "more" && !final && window.length < maxHeadBytes) break;
          if (typeof head === "object") {
            events.onRowsBegin(head.table, data.subarray(at, at + head.length));
            at += head.length;
            from = at;
            place = rowsOf;
            depth = 0;
            rows = 0;
            continue;
          }
        }
        place = code;
        if (byte === slash) at += 3;
        continue;
      }

      // Code and rows: pass over everything that cannot matter.
      while (at < end && special[data[at]!] === 0) at += 1;
      if (at === end) break;
      const byte = data[at]!;
      if (byte === quote || byte === doubleQuote || byte === backtick) {
        openQuote = byte;
        at += 1;
        continue;
      }
      if (byte === open) {
        if (depth === 0) rows += 1;
        depth += 1;
        at += 1;
        continue;
      }
      if (byte === close) {
        depth -= 1;
        at += 1;
        continue;
      }
      if (at >= safeEnd) break;
      if (byte === slash && data[at + 1] === star) {
        // The content of an executable comment is code like any other.
        const executable = isExecutable(data, at);
        if (!executable) comment = block;
        at += executable ? 3 : 2;
        continue;
      }
      if (byte === hash || (byte === dash && data[at + 1] === dash && (data[at + 2] ?? 0) <= 0x20)) {
        comment = line;
        continue;
      }
      if (!isDelimiterAt(data, at)) {
        at += 1;
        continue;
      }
      at += delimiter.length;
      flush(at);
      const ended = place;
      place = gap;
      if (ended === rowsOf) events.onRowsEnd(rows);
      else endStatement();
    }
    flush(at);
    return at;
  }

  return {
    push(chunk) {
      const data = carry.length === 0 ? chunk : Buffer.concat([carry, chunk]);
      const consumed = run(data, false);
      // What is kept beyond this chunk is a copy: its memory may be freed once it has passed.
      carry = new Uint8Array(data.subarray(consumed));
      pieces = pieces.map((piece) => (piece.buffer === data.buffer ? new Uint8Array(piece) : piece));
    },
    end() {
      const data = carry;
      carry = new Uint8Array(0);
      if (data.length > 0) run(data, true);
      if (openQuote !== 0)
        throw corrupt(`it ends inside ${String.fromCharCode(openQuote)}…${String.fromCharCode(openQuote)}`);
      if (comment === block) throw corrupt("it ends inside a comment");
      if (place !== gap) throw corrupt("it ends inside a statement");
    },
  };
}

function indexOrEnd(data: Uint8Array, byte: number, from: number): number {
  const index = data.indexOf(byte, from);
  return index === -1 ? data.length : index;
}

/** Of a comment that the server executes: `/*!` and MariaDB's own `/*M!`. */
function isExecutable(data: Uint8Array, at: number): boolean {
  if (data[at + 2] === bang) return true;
  return data[at + 2] === 0x4d && data[at + 3] === bang && !startsWith(data, at, sandboxMark);
}

function startsWith(data: Uint8Array, at: number, text: string): boolean {
  for (let i = 0; i < text.length; i++) if (data[at + i] !== text.charCodeAt(i)) return false;
  return true;
}

/** `word` in lower case, followed by white space. */
function isWord(data: Uint8Array, at: number, word: string): boolean {
  for (let i = 0; i < word.length; i++) if ((data[at + i]! | 0x20) !== word.charCodeAt(i)) return false;
  return (data[at + word.length] ?? 0x20) <= 0x20;
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}

function corrupt(problem: string): AppError {
  return new AppError("backup_corrupt", `the SQL text is damaged: ${problem}`, {
    hint: "it was cut or changed; use another backup",
  });
}
