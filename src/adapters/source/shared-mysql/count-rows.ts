// Exact row counts from a dump's own bytes: every table of its definitions, every row of its INSERT statements.

import type { TableCount } from "../../../domain/backup/manifest.ts";
import { decodeName, encodeName } from "./identifier.ts";
import { createSqlLexer } from "./sql-lexer.ts";
import { describeStatement } from "./statement.ts";

export interface RowCounter {
  push(chunk: Uint8Array): void;
  /** Throws `backup_corrupt` when the text ends inside a statement. */
  end(): readonly TableCount[];
}

/** `known`: tables that count even when a dump without definitions does not mention them. */
export function createRowCounter(known: readonly string[] = []): RowCounter {
  const counts = new Map<string, number>(known.map((name) => [encodeName(name), 0]));
  let table = "";
  const lexer = createSqlLexer({
    onGap() {},
    onSandboxMark() {},
    onStatement(text) {
      const { kind, name } = describeStatement(text);
      if (kind === "create-table" && name !== undefined) counts.set(name, counts.get(name) ?? 0);
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
