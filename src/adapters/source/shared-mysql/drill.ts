// A restore to prove a backup, into a scratch database on the server, which is always removed.

import { randomBytes } from "node:crypto";
import { AppError } from "../../../domain/error.ts";
import type { RestoreTarget, SourceContext } from "../../../ports/source.ts";
import { connect, type Login, type ServerConnection } from "./connection.ts";
import { createDatabase, dropDatabase, dropDatabaseForSure } from "./database.ts";
import { quoteText } from "./identifier.ts";
import { countPlace, restorePart } from "./restore-part.ts";

const prefix = "backupctl_drill_";
const namePattern = /^backupctl_drill_[0-9a-f]{12}$/;

export const scratchIdDigits = 12;

export function newScratchId(): string {
  return randomBytes(scratchIdDigits / 2).toString("hex");
}

/** The connection's lock on the name says that the database is in use; it ends with the process. */
function lockStatement(name: string): string {
  return `SELECT GET_LOCK(${quoteText(name)}, 0) AS free`;
}

export async function openProjectDrill(
  login: Login,
  context: SourceContext,
  signal: AbortSignal,
): Promise<RestoreTarget> {
  const name = prefix + newScratchId();
  // Not the caller's signal: dispose needs the connection to clean up.
  const connection = await connect(login, { signal: new AbortController().signal, errorCode: "restore_failed" });
  let isCreated = false;
  try {
    signal.throwIfAborted();
    await dropDeadDrills(connection, context);
    await connection.run("marking the scratch database as in use", lockStatement(name));
  } catch (error) {
    await connection[Symbol.asyncDispose]();
    throw error;
  }
  let isOpen = true;
  return {
    swaps: true,
    async restore(part, options, partSignal) {
      const warnings: string[] = [];
      if (!isCreated) {
        isCreated = true;
        warnings.push(...(await createDatabase(connection, name, part.facts)));
      }
      // Whose the objects are proves nothing, and setting it is a right that few backup users have.
      const place = { login, context, database: name, content: "new" } as const;
      const restored = await restorePart(place, part, { ...options, noOwner: true }, partSignal);
      return { warnings: [...warnings, ...restored.warnings] };
    },
    async countRows(countSignal) {
      if (!isCreated) throw new AppError("internal", "the drill has restored nothing that could be counted");
      return countPlace(login, name, countSignal);
    },
    async commit() {},
    async [Symbol.asyncDispose]() {
      if (!isOpen) return;
      isOpen = false;
      try {
        if (isCreated) await dropDatabaseForSure(login, connection, name);
      } finally {
        await connection[Symbol.asyncDispose]();
      }
    },
  };
}

/** Drops what dead processes left; what cannot be dropped stays for the next time. */
async function dropDeadDrills(connection: ServerConnection, context: SourceContext): Promise<void> {
  const rows = await connection.run<{ name: string }>(
    "looking for leftovers of earlier drills",
    `SELECT SCHEMA_NAME AS name FROM information_schema.SCHEMATA WHERE SCHEMA_NAME LIKE ${quoteText("backupctl\\_drill\\_%")}`,
  );
  for (const { name } of rows.filter((row) => namePattern.test(row.name))) {
    const [lock] = await connection.run<{ free: number | string | null }>(
      "looking for the owner of a leftover",
      lockStatement(name),
    );
    if (Number(lock?.free) !== 1) continue;
    try {
      await dropDatabase(connection, name);
      context.log("info", `dropped the leftover database "${name}"`);
    } catch (error) {
      context.log("warn", error instanceof Error ? error.message : String(error));
    } finally {
      await connection.run("releasing the lock", `DO RELEASE_LOCK(${quoteText(name)})`);
    }
  }
}
