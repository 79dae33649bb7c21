// What is asked of a server and a database: version for choosing clients, properties that a restore needs again.

import type { SourceFacts } from "../../../domain/backup/manifest.ts";
import type { PostgresConnection } from "./connection.ts";

export interface ServerFacts {
  /** `15.18`, `9.6.24`. */
  readonly version: string;
  readonly sizeBytes: number;
  readonly encoding: string;
}

export async function readServerFacts(connection: PostgresConnection): Promise<ServerFacts> {
  const [row] = await connection.run<{ num: string; size: string; encoding: string }>(
    "asking the server for its version",
    `SELECT current_setting('server_version_num') AS num, pg_database_size(current_database())::text AS size,
      pg_encoding_to_char((SELECT encoding FROM pg_database WHERE datname = current_database())) AS encoding`,
  );
  return { version: formatVersionNumber(Number(row!.num)), sizeBytes: Number(row!.size), encoding: row!.encoding };
}

export function formatVersionNumber(num: number): string {
  return num >= 100_000
    ? `${Math.floor(num / 10_000)}.${num % 10_000}`
    : `${Math.floor(num / 10_000)}.${Math.floor(num / 100) % 100}.${num % 100}`;
}

/** Facts of the manifest; a database property that pg_restore does not bring back is one of them. */
export type DatabaseFacts = SourceFacts;

export async function readDatabaseFacts(connection: PostgresConnection): Promise<DatabaseFacts> {
  const [row] = await connection.run<{ database: Record<string, unknown> }>(
    "reading the database's properties",
    "SELECT to_jsonb(d) AS database FROM pg_database AS d WHERE datname = current_database()",
  );
  const [more] = await connection.run<{
    encoding: string;
    owner: string;
    comment: string | null;
    settings: string[] | null;
    roleSettings: string[];
    roles: string[];
    extensions: string[];
    grants: string[];
  }>(
    "reading the database's properties",
    `SELECT pg_encoding_to_char(d.encoding) AS encoding, pg_get_userbyid(d.datdba)::text AS owner,
      shobj_description(d.oid, 'pg_database') AS comment,
      (SELECT setconfig FROM pg_db_role_setting WHERE setdatabase = d.oid AND setrole = 0) AS settings,
      ARRAY(SELECT quote_ident(r.rolname) || ' ' || setting
        FROM pg_db_role_setting AS s JOIN pg_roles AS r ON r.oid = s.setrole CROSS JOIN unnest(s.setconfig) AS setting
        WHERE s.setdatabase = d.oid ORDER BY 1) AS "roleSettings",
      ARRAY(SELECT DISTINCT pg_get_userbyid(refobjid)::text FROM pg_shdepend
        WHERE refclassid = 'pg_authid'::regclass AND (dbid = d.oid OR (dbid = 0 AND objid = d.oid))
        ORDER BY 1) AS roles,
      ARRAY(SELECT extname::text FROM pg_extension ORDER BY 1) AS extensions,
      ARRAY(SELECT (CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END) || ' '
          || privilege_type || CASE WHEN is_grantable THEN ' WITH GRANT OPTION' ELSE '' END
        FROM aclexplode(d.datacl) WHERE grantee <> d.datdba ORDER BY 1) AS grants
    FROM pg_database AS d WHERE d.datname = current_database()`,
  );
  const database = row!.database;
  const text = (name: string, ...columns: string[]): Record<string, string> => {
    const value = columns.map((column) => database[column]).find((candidate) => typeof candidate === "string");
    return typeof value === "string" && value !== "" ? { [name]: value } : {};
  };
  return {
    encoding: more!.encoding,
    owner: more!.owner,
    ...text("collate", "datcollate"),
    ...text("ctype", "datctype"),
    ...text("localeProvider", "datlocprovider"),
    ...text("locale", "datlocale", "daticulocale"),
    ...text("icuRules", "daticurules"),
    ...(more!.comment === null ? {} : { comment: more!.comment }),
    ...(more!.settings === null ? {} : { settings: more!.settings }),
    ...(more!.roleSettings.length === 0 ? {} : { roleSettings: more!.roleSettings }),
    ...(Number(database["datconnlimit"]) >= 0 ? { connectionLimit: Number(database["datconnlimit"]) } : {}),
    ...(database["datacl"] === null ? {} : { grants: more!.grants }),
    roles: more!.roles,
    extensions: more!.extensions,
  };
}
