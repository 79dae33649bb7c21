// pg_restore turns all triggers of a table off before it fills it and on afterwards, also those that were off before or
// that fire always. This remembers how they were.

import type { PostgresConfig } from "./config.ts";
import { connect } from "./connection.ts";

export interface TriggerStates {
  /** Puts back what differs from plainly enabled. */
  restore(): Promise<void>;
}

export async function rememberTriggers(
  config: PostgresConfig,
  database: string,
  signal: AbortSignal,
): Promise<TriggerStates> {
  await using connection = await connect(config, { database, signal, errorCode: "restore_failed" });
  const statements = await connection.run<{ sql: string }>(
    "listing the triggers",
    `SELECT format('ALTER TABLE ONLY %s %s TRIGGER %I', tgrelid::regclass,
        CASE tgenabled WHEN 'D' THEN 'DISABLE' WHEN 'A' THEN 'ENABLE ALWAYS' ELSE 'ENABLE REPLICA' END, tgname) AS sql
    FROM pg_trigger WHERE tgenabled <> 'O' ORDER BY tgrelid, tgname`,
  );
  return {
    async restore() {
      if (statements.length === 0) return;
      // Not tied to the signal: also after a cancel the triggers have to be as they were.
      const unbound = new AbortController().signal;
      await using again = await connect(config, { database, signal: unbound, errorCode: "restore_failed" });
      for (const { sql } of statements) await again.run(`putting back a trigger's state (${sql})`, sql);
    },
  };
}
