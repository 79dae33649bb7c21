// Reads a dump to its end: header, end mark, no open string or statement, and for every table with rows its definition.

import { AppError } from "../../../domain/error.ts";
import type { RestorePart } from "../../../ports/source.ts";
import { decodeName } from "./identifier.ts";
import { watchDumpMarks } from "./dump-marks.ts";
import { createSqlLexer } from "./sql-lexer.ts";
import { describeStatement } from "./statement.ts";

export async function verifyStructure(part: RestorePart, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const marks = watchDumpMarks();
  const defined = new Set<string>();
  const filled = new Set<string>();
  const lexer = createSqlLexer({
    onGap() {},
    onSandboxMark() {},
    onStatement(text) {
      const { kind, name } = describeStatement(text);
      if (kind === "create-table" && name !== undefined) defined.add(name);
    },
    onRowsBegin: (table) => void filled.add(table),
    onRowsPiece() {},
    onRowsEnd() {},
  });
  for await (const chunk of part.stream) {
    signal.throwIfAborted();
    marks.push(chunk);
    lexer.push(chunk);
  }
  if (marks.bytes === 0) throw corrupt("it is empty");
  lexer.end();
  if (!marks.hasHeader()) throw corrupt("it does not begin as a dump of MySQL or MariaDB");
  if (!marks.hasTrailer()) throw corrupt('its end mark "-- Dump completed" is missing');
  const undefinedTables = [...filled].filter((table) => !defined.has(table));
  // A dump of rows only defines nothing at all.
  if (defined.size > 0 && undefinedTables.length > 0) {
    throw corrupt(`it has rows of table "${decodeName(undefinedTables[0]!)}" but not its definition`);
  }
}

function corrupt(problem: string): AppError {
  return new AppError("backup_corrupt", `the SQL dump is damaged: ${problem}`, {
    hint: "it was cut or changed; use another backup",
  });
}
