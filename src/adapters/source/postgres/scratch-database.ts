// A database of our own beside the user's: restored into, then renamed or dropped. While it is in use we hold an
// advisory lock on its name, so that another process knows a dead owner's leftovers (the server released the lock).

import { randomBytes } from "node:crypto";
import { AppError } from "../../../domain/error.ts";
import type { PostgresConfig } from "./config.ts";
import type { PostgresConnection } from "./connection.ts";
import { readForeignError } from "./connection-error.ts";
import { createDatabase } from "./create-database.ts";
import { quoteIdentifier, quoteLiteral } from "./identifier.ts";
import { connectMaintenance, databaseExists, dropDatabase } from "./maintenance.ts";
import type { DatabaseFacts } from "./server-facts.ts";
import { dropSubscriptions } from "./subscriptions.ts";

const marker = "temporary database of backupctl, removed when its process has ended";
const namePattern = "(^backupctl_drill|_restore)_[0-9a-f]{12}$";
const lockClass = 0x62_63_74_6c;

export interface ScratchDatabase extends AsyncDisposable {
  readonly name: string;
  readonly warnings: readonly string[];
  /** On the maintenance database; holds the lock. */
  readonly maintenance: PostgresConnection;
  /** From now on it is no longer ours to drop. */
  release(): void;
}

export function newScratchId(): string {
  return randomBytes(6).toString("hex");
}

/** A name with a suffix, within the 63 bytes that PostgreSQL keeps of a name. */
export function nameWithSuffix(name: string, suffix: string): string {
  let kept = name;
  while (Buffer.byteLength(kept) + suffix.length > 63) kept = [...kept].slice(0, -1).join("");
  return kept + suffix;
}

export async function createScratchDatabase(
  config: PostgresConfig,
  name: string,
  facts: DatabaseFacts,
  signal: AbortSignal,
): Promise<ScratchDatabase> {
  signal.throwIfAborted();
  // Not tied to the signal: after an abort this connection still has to clean up.
  const maintenance = await connectMaintenance(config, new AbortController().signal);
  let ours = false;
  async function dispose(): Promise<void> {
    try {
      if (ours) await dropScratch(config, maintenance, name);
    } finally {
      await maintenance[Symbol.asyncDispose]();
    }
  }
  try {
    await maintenance.run("locking the scratch database's name", "SELECT pg_advisory_lock($1, hashtext($2))", [
      lockClass,
      name,
    ]);
    ours = !(await databaseExists(maintenance, name));
    if (!ours) throw new AppError("restore_failed", `scratch database "${name}" exists already`);
    const warnings = await createDatabase(maintenance, name, facts);
    await maintenance.run(
      "marking the scratch database",
      `COMMENT ON DATABASE ${quoteIdentifier(name)} IS ${quoteLiteral(marker)}`,
    );
    signal.throwIfAborted();
    return {
      name,
      warnings,
      maintenance,
      release() {
        ours = false;
      },
      [Symbol.asyncDispose]: dispose,
    };
  } catch (error) {
    // Why it could not be made matters more than why it could not be removed; the next start tries that again.
    await dispose().catch(() => {});
    throw error;
  }
}

/** With a new connection when ours was lost: a server that restarts must not keep our leftovers. */
async function dropScratch(config: PostgresConfig, connection: PostgresConnection, name: string): Promise<void> {
  try {
    await dropDatabase(config, connection, name);
  } catch {
    await using fresh = await connectMaintenance(config, AbortSignal.timeout(30_000));
    await dropDatabase(config, fresh, name);
  }
}

/** Drops what dead processes left; what cannot be dropped stays for the next time. */
export async function dropDeadScratch(
  config: PostgresConfig,
  connection: PostgresConnection,
): Promise<readonly string[]> {
  const candidates = await connection.run<{ name: string }>(
    "looking for leftovers",
    `SELECT datname AS name FROM pg_database
    WHERE datname ~ $1 AND shobj_description(oid, 'pg_database') = $2 AND pg_has_role(datdba, 'USAGE')`,
    [namePattern, marker],
  );
  const dropped: string[] = [];
  for (const { name } of candidates) {
    const [lock] = await connection.run<{ free: boolean }>(
      "looking for the owner of a leftover",
      "SELECT pg_try_advisory_lock($1, hashtext($2)) AS free",
      [lockClass, name],
    );
    if (lock?.free !== true) continue;
    try {
      await dropSubscriptions(config, connection, name);
      await connection.query(`DROP DATABASE IF EXISTS ${quoteIdentifier(name)}`);
      dropped.push(name);
    } catch (error) {
      // In use, or not ours to drop.
      if (!(error instanceof AppError) && readForeignError(error).code === undefined) throw error;
    } finally {
      await connection.run("releasing the lock", "SELECT pg_advisory_unlock($1, hashtext($2))", [lockClass, name]);
    }
  }
  return dropped;
}
