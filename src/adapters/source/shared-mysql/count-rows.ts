// Exact row counts from a dump's own bytes: every table of its definitions, every row of its INSERT statements.

import type { TableCount } from "../../../domain/backup/manifest.ts";
import { decodeName } from "./identifier.ts";
import { createSqlLexer } from "./sql-lexer.ts";
import { describeStatement } from "./statement.ts";

export interface RowCounter {
  push(chunk: Uint8Array): void;
  /** Throws `backup_corrupt` when the text ends inside a statement. */
  end(): readonly TableCount[];
}

export function createRowCounter(): RowCounter {
  const counts = new Map<string, number>();
  let table = "";
  const lexer = createSqlLexer({
    onGap() {},
    onSandboxMark() {},
    onStatement(text) {
      // A dump without definitions still locks every table before its rows.
      const { kind, name } = describeStatement(text);
      if ((kind !== "create-table" && kind !== "lock") || name === undefined) return;
      counts.set(name, counts.get(name) ?? 0);
    },
    onRowsBegin(name) {
      table = name;
    },
    onRowsPiece() {},
    onRowsEnd(rows) {
      counts.set(table, (counts.get(table) ?? 0) + rows);
    },
  });
  return {
    push: lexer.push,
    end() {
      lexer.end();
      return [...counts].map(([name, rows]) => ({ schema: "", table: decodeName(name), rows }));
    },
  };
}
