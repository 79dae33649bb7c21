// Gives a restored database its name, in one transaction with moving the old one aside; then drops the old one.

import { AppError } from "../../../domain/error.ts";
import type { SourceContext } from "../../../ports/source.ts";
import { readForeignError, translateQueryError } from "./connection-error.ts";
import type { PostgresConfig } from "./config.ts";
import type { PostgresConnection } from "./connection.ts";
import { settingClause } from "./create-database.ts";
import { quoteIdentifier, quoteLiteral } from "./identifier.ts";
import { databaseExists, dropDatabase, listSessions, sessionsInTheWay, terminateSessions } from "./maintenance.ts";
import { pauseSubscriptions, resumeSubscriptions } from "./subscriptions.ts";

export interface SwapRequest {
  readonly from: string;
  readonly to: string;
  /** Name of the old database for the moment between swap and drop. */
  readonly aside: string;
  readonly stopConnections: boolean;
  /** The database's own comment; it replaces our mark. */
  readonly comment: string | null;
  readonly log: SourceContext["log"];
}

const attempts = 50;

export async function swapDatabases(
  config: PostgresConfig,
  connection: PostgresConnection,
  request: SwapRequest,
): Promise<void> {
  const replaces = await databaseExists(connection, request.to);
  if (!replaces) return await rename(connection, request, false);
  await handOnProperties(connection, request);
  const paused = request.stopConnections ? await pauseSubscriptions(config, connection, request.to) : [];
  try {
    await rename(connection, request, true);
  } catch (error) {
    await resumeSubscriptions(config, request.to, paused).catch((failure: unknown) => {
      request.log("warn", `subscriptions of "${request.to}" stay disabled: ${readForeignError(failure).message}`);
    });
    throw error;
  }
  if (paused.length > 0) {
    const enable = paused.map((name) => `ALTER SUBSCRIPTION ${quoteIdentifier(name)} ENABLE`).join("; ");
    request.log(
      "warn",
      `subscriptions ran in the replaced database, those of the backup are disabled: once the data fits the publisher's, run ${enable}`,
    );
  }
  try {
    await connection.query(`ALTER DATABASE ${quoteIdentifier(request.aside)} IS_TEMPLATE false`);
    await dropDatabase(config, connection, request.aside);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    request.log("warn", `the replaced database stays as "${request.aside}": ${reason}`);
  }
}

async function rename(connection: PostgresConnection, request: SwapRequest, replaces: boolean): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    if (replaces && request.stopConnections) await terminateSessions(connection, request.to);
    try {
      return await renameBoth(connection, request, replaces);
    } catch (error) {
      await connection.query("ROLLBACK").catch(() => {});
      const { code, message } = readForeignError(error);
      if (code === "42P04") {
        throw new AppError("target_not_empty", `database "${request.to}" was created meanwhile: ${message}`, {
          cause: error,
        });
      }
      const inUse = code === "55006";
      const sessions = inUse && replaces ? await listSessions(connection, request.to) : [];
      if (sessions.length > 0 && !request.stopConnections) throw sessionsInTheWay(request.to, sessions);
      if (!inUse || attempt === attempts) {
        throw translateQueryError(error, `renaming "${request.from}" to "${request.to}"`, "restore_failed");
      }
      await Bun.sleep(100);
    }
  }
}

async function renameBoth(connection: PostgresConnection, request: SwapRequest, replaces: boolean): Promise<void> {
  const [from, to, aside] = [request.from, request.to, request.aside].map(quoteIdentifier);
  await connection.query("BEGIN");
  const comment = request.comment === null ? "NULL" : quoteLiteral(request.comment);
  if (!replaces) await connection.query(`COMMENT ON DATABASE ${from} IS ${comment}`);
  if (replaces) await connection.query(`ALTER DATABASE ${to} RENAME TO ${aside}`);
  await connection.query(`ALTER DATABASE ${from} RENAME TO ${to}`);
  await connection.query("COMMIT");
}

/** A database that is replaced keeps its owner, grants, settings, connection limit and comment: they belong to the place. */
async function handOnProperties(connection: PostgresConnection, request: SwapRequest): Promise<void> {
  const [from, to] = [request.from, request.to].map(quoteIdentifier);
  const [old] = await connection.run<{
    owner: string;
    limit: number;
    comment: string | null;
    hasGrants: boolean;
    grants: string[];
    settings: { role: string | null; settings: string[] }[];
  }>(
    `reading the properties of "${request.to}"`,
    `SELECT pg_get_userbyid(datdba)::text AS owner, datconnlimit AS limit,
      shobj_description(oid, 'pg_database') AS comment, datacl IS NOT NULL AS "hasGrants",
      ARRAY(SELECT privilege_type || ' ON DATABASE ' || quote_ident($2) || ' TO '
          || (CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END)
          || CASE WHEN is_grantable THEN ' WITH GRANT OPTION' ELSE '' END
        FROM aclexplode(datacl)) AS grants,
      (SELECT coalesce(jsonb_agg(jsonb_build_object('role', r.rolname, 'settings', to_jsonb(s.setconfig))), '[]')
        FROM pg_db_role_setting AS s LEFT JOIN pg_roles AS r ON r.oid = s.setrole
        WHERE s.setdatabase = d.oid) AS settings
    FROM pg_database AS d WHERE datname = $1`,
    [request.to, request.from],
  );
  if (old === undefined) return;
  const comment = old.comment === null ? "NULL" : quoteLiteral(old.comment);
  const statements = [
    ...(old.limit === -1 ? [] : [`ALTER DATABASE ${from} CONNECTION LIMIT ${old.limit}`]),
    ...(old.hasGrants
      ? [`REVOKE ALL ON DATABASE ${from} FROM PUBLIC`, ...old.grants.map((grant) => `GRANT ${grant}`)]
      : []),
    ...old.settings.flatMap(({ role, settings }) => {
      const subject = role === null ? `DATABASE ${from}` : `ROLE ${quoteIdentifier(role)} IN DATABASE ${from}`;
      return settings.map((setting) => `ALTER ${subject} SET ${settingClause(setting)}`);
    }),
    `COMMENT ON DATABASE ${from} IS ${comment}`,
    `ALTER DATABASE ${from} OWNER TO ${quoteIdentifier(old.owner)}`,
  ];
  for (const statement of statements) {
    await connection.run(`handing on the properties of "${request.to}" (${to})`, statement);
  }
}
