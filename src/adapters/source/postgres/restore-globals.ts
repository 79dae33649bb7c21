// Restores the roles of a cluster. Roles that exist are left as they are, with their passwords: other databases use
// them too. Without a commit the roles that were created go again.

import { AppError } from "../../../domain/error.ts";
import type { RestorePart } from "../../../ports/source.ts";
import type { PostgresConfig } from "./config.ts";
import { readForeignError, translateQueryError } from "./connection-error.ts";
import { hasGlobalsTrailer } from "./dump-globals.ts";
import { quoteIdentifier } from "./identifier.ts";
import { connectMaintenance } from "./maintenance.ts";
import { splitStatements } from "./sql-statements.ts";

export interface RolesRestore {
  restore(part: RestorePart, signal: AbortSignal): Promise<readonly string[]>;
  /** Drops the created roles unless committed. */
  close(committed: boolean): Promise<void>;
}

const maximumBytes = 64 * 1024 * 1024;
const roleName = String.raw`("(?:[^"]|"")*"|[^\s";]+)`;

export function openRolesRestore(config: PostgresConfig): RolesRestore {
  const created: string[] = [];
  return {
    async restore(part, signal) {
      const text = await readText(part);
      await using connection = await connectMaintenance(config, signal);
      const existing = new Set<string>();
      const warnings: string[] = [];
      for (const statement of splitStatements(text)) {
        const create = new RegExp(`^CREATE ROLE ${roleName}$`).exec(statement)?.[1];
        const subject = new RegExp(`^(?:ALTER|COMMENT ON) ROLE ${roleName}`).exec(statement)?.[1];
        if (subject !== undefined && existing.has(subject)) continue;
        if (/^SET\s/.test(statement)) continue;
        if (!/^(CREATE ROLE|ALTER ROLE|COMMENT ON ROLE|GRANT|SECURITY LABEL)\s/.test(statement)) {
          throw new AppError(
            "restore_failed",
            `the roles' dump holds a statement that is none of roles: ${statement.slice(0, 60)}`,
          );
        }
        try {
          await connection.query(statement);
          if (create !== undefined) created.push(create);
        } catch (error) {
          signal.throwIfAborted();
          const { code, message } = readForeignError(error);
          if (create !== undefined && code === "42710") existing.add(create);
          else if (code !== undefined && /^(42|0L|0P|22|2B)/.test(code)) {
            warnings.push(`restoring the roles: ${withoutSecrets(statement)}: ${message}`);
          } else throw translateQueryError(error, "restoring the roles", "restore_failed");
        }
      }
      if (existing.size > 0) warnings.push(`roles that exist were left as they are: ${[...existing].join(", ")}`);
      return warnings;
    },
    async close(committed) {
      if (committed || created.length === 0) return;
      await using connection = await connectMaintenance(config, AbortSignal.timeout(30_000));
      for (const role of created.splice(0).toReversed()) {
        const name = role.startsWith('"') ? role : quoteIdentifier(role);
        await connection.query(`DROP ROLE IF EXISTS ${name}`).catch(() => {});
      }
    },
  };
}

async function readText(part: RestorePart): Promise<string> {
  const chunks: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const chunk of part.stream) {
    sizeBytes += chunk.length;
    if (sizeBytes > maximumBytes) throw new AppError("restore_failed", "the roles' dump is larger than 64 MiB");
    chunks.push(chunk);
  }
  const bytes = Buffer.concat(chunks);
  if (!hasGlobalsTrailer(bytes)) throw new AppError("backup_corrupt", "the roles' dump has no end mark, it was cut");
  return bytes.toString("utf8").replace(/^\\(un)?restrict .*$/gm, "");
}

/** `ALTER ROLE x` without the password's hash. */
function withoutSecrets(statement: string): string {
  return statement.replace(/PASSWORD\s+'(?:[^']|'')*'/gi, "PASSWORD '…'").slice(0, 200);
}
