// A drill on a server of our own, started at the first part: only then is the dump's version known.

import { AppError } from "../../../domain/error.ts";
import type { RestorePart, RestoreTarget, SourceContext } from "../../../ports/source.ts";
import { peekArchive } from "./archive-toc.ts";
import { chooseInstallation, listInstallations } from "./client-tools.ts";
import type { PostgresConfig } from "./config.ts";
import { connect } from "./connection.ts";
import { createDatabase } from "./create-database.ts";
import { quoteIdentifier } from "./identifier.ts";
import { openRolesRestore } from "./restore-globals.ts";
import { countPlace, restorePart } from "./restore-part.ts";
import { startThrowawayServer, type ThrowawayServer } from "./throwaway-server.ts";

const database = "backupctl_drill";

export function openThrowawayDrill(source: PostgresConfig, context: SourceContext): RestoreTarget {
  let server: ThrowawayServer | undefined;
  let hasDatabase = false;

  async function start(version: string, signal: AbortSignal): Promise<ThrowawayServer> {
    const installed = await listInstallations("initdb", context.tools, signal);
    const needed = { version, by: `a throw-away server for a backup of "${source.name}" from PostgreSQL` };
    const { binDir } = chooseInstallation("initdb", installed, needed);
    return startThrowawayServer({ binDir, tmpDir: context.tmpDir, signal });
  }

  return {
    swaps: true,
    async restore(part, options, signal) {
      const version = part.facts["serverVersion"];
      const known = typeof version === "string" ? version : undefined;
      if (part.format === "globals.sql") {
        server ??= await start(known ?? "9.0", signal);
        return { warnings: await openRolesRestore(server.config).restore(part, signal) };
      }
      const peeked = part.format === "dump" ? await peekArchive(part.stream) : undefined;
      const stream = peeked?.stream ?? part.stream;
      const warnings: string[] = [];
      try {
        server ??= await start(known ?? peeked?.head.serverVersion ?? "9.0", signal);
        const owners = (peeked?.head.entries ?? []).map((entry) => entry.owner).filter((owner) => owner !== null);
        await createRoles(server.config, [...owners, ...rolesOf(part)], signal);
        if (!hasDatabase) {
          await using connection = await connect(server.config, {
            database: "postgres",
            signal,
            errorCode: "restore_failed",
          });
          warnings.push(...(await createDatabase(connection, database, part.facts)));
          hasDatabase = true;
        }
      } catch (error) {
        for await (const _ of stream) break;
        throw error;
      }
      const place = { config: server.config, database, context, inPlace: false, clean: false, isThrowaway: true };
      warnings.push(...(await restorePart(place, { ...part, stream }, options, signal)));
      return { warnings };
    },
    async countRows(signal) {
      if (server === undefined) throw new AppError("internal", "the drill has restored nothing that could be counted");
      return countPlace(server.config, database, signal);
    },
    async commit() {},
    async [Symbol.asyncDispose]() {
      const running = server;
      server = undefined;
      await running?.[Symbol.asyncDispose]();
    },
  };
}

function rolesOf(part: RestorePart): readonly string[] {
  const roles = part.facts["roles"];
  return Array.isArray(roles) ? (roles as readonly string[]) : [];
}

/** Owners, grantees and those named by policies: with them the restore is the same as on the real server. */
async function createRoles(config: PostgresConfig, names: readonly string[], signal: AbortSignal): Promise<void> {
  await using connection = await connect(config, { database: "postgres", signal, errorCode: "restore_failed" });
  const rows = await connection.run<{ rolname: string }>("listing the roles", "SELECT rolname FROM pg_roles");
  const existing = new Set(rows.map((row) => row.rolname));
  for (const name of new Set(names)) {
    // Names of this form are the system's own.
    if (existing.has(name) || name.startsWith("pg_")) continue;
    await connection.run("creating a role for the drill", `CREATE ROLE ${quoteIdentifier(name)}`);
  }
}
