// A dump is code: psql's own commands (`\!`, `\copy … program`) in a file from outside would run on this machine. psql is
// put into its restricted mode under a key that the file cannot know.

import type { ByteStream } from "../../../ports/byte-stream.ts";

/** Lines that pg_dump itself writes around its output; inside our own restricted mode they would be refused. */
const ownLine = /^\\(un)?restrict [A-Za-z0-9]+\r?$/;

/**
 * Puts `\restrict` before the file, and takes out pg_dump's own pair. Its closing line is only taken out with the key
 * of the opening one, so that no line of the data can be mistaken for it.
 */
export async function* restrictMetaCommands(stream: ByteStream, key: string, prelude = ""): ByteStream {
  yield Buffer.from(`\\restrict ${key}\n${prelude}`);
  let inPreamble = true;
  let fileKey: string | undefined;
  let rest: Buffer = Buffer.alloc(0);
  const keepLine = (line: string): boolean => {
    const match = ownLine.exec(line);
    if (match === null) {
      if (line.trim() !== "" && !line.startsWith("--")) inPreamble = false;
      return true;
    }
    const lineKey = line.trim().split(" ")[1];
    if (match[1] === undefined && inPreamble && fileKey === undefined) {
      fileKey = lineKey;
      return false;
    }
    return !(match[1] !== undefined && fileKey !== undefined && lineKey === fileKey);
  };
  for await (const chunk of stream) {
    const text: Buffer = rest.length === 0 ? Buffer.from(chunk) : Buffer.concat([rest, chunk]);
    let from = 0;
    let start = 0;
    const out: Buffer[] = [];
    // Only lines that begin with a backslash, and the first ones, are looked at; the rest passes in one piece.
    for (let end = text.indexOf(10, start); end !== -1; end = text.indexOf(10, start)) {
      if (inPreamble || text[start] === 0x5c) {
        if (!keepLine(text.subarray(start, end).toString("latin1"))) {
          out.push(text.subarray(from, start));
          from = end + 1;
        }
      }
      start = end + 1;
    }
    out.push(text.subarray(from, start));
    rest = Buffer.from(text.subarray(start));
    for (const piece of out) if (piece.length > 0) yield piece;
    // A very long line cannot be one of ours.
    if (rest.length > 1024 * 1024 && rest[0] !== 0x5c) {
      yield rest;
      rest = Buffer.alloc(0);
      inPreamble = false;
    }
  }
  if (rest.length > 0 && keepLine(rest.toString("latin1"))) yield rest;
}
