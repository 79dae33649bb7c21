// A user who may not see an object does not see that it is missing: the dump would leave it out without a word.
// So the privileges are compared with what a whole backup needs, and every gap is a warning with its GRANT.

import type { MysqlFamilyConfig } from "./connection-config.ts";
import type { ServerConnection } from "./connection.ts";
import { unquoteName } from "./identifier.ts";
import type { ServerFacts } from "./server-facts.ts";

interface Grant {
  readonly privileges: ReadonlySet<string>;
  /** `*`, or a database pattern. */
  readonly database: string;
  readonly table: string;
}

const grantForm = /^GRANT (.+?) ON (?:TABLE )?(\*|`(?:[^`]|``)*`)\.(\*|`(?:[^`]|``)*`) TO /;

export function parseGrant(line: string): Grant | undefined {
  const match = grantForm.exec(line);
  if (match === null) return undefined;
  const privileges = match[1]!
    .replace(/\([^)]*\)/g, "")
    .split(",")
    .map((word) => word.trim().toUpperCase());
  return { privileges: new Set(privileges), database: unquoteName(match[2]!), table: unquoteName(match[3]!) };
}

/** In grants, `_` and `%` of a database's name stand for any text unless escaped. */
export function grantCovers(grant: Grant, database: string): boolean {
  if (grant.table !== "*") return false;
  if (grant.database === "*") return true;
  const source = grant.database.replace(/\\?[\s\S]/g, (char) => {
    if (char === "%") return ".*";
    if (char === "_") return ".";
    return char.slice(-1).replace(/[\\^$.*+?()[\]{}|/]/, "\\$&");
  });
  return new RegExp(`^${source}$`, "su").test(database);
}

export async function describeMissingPrivileges(
  connection: ServerConnection,
  config: MysqlFamilyConfig,
  server: ServerFacts,
): Promise<readonly string[]> {
  const lines = await readGrants(connection, server);
  if (lines === undefined) return [];
  const grants = lines.map(parseGrant).filter((grant) => grant !== undefined);
  const database = config.name;
  const has = (privilege: string, onlyGlobal = false): boolean =>
    grants.some(
      (grant) =>
        (grant.privileges.has(privilege) || grant.privileges.has("ALL PRIVILEGES") || grant.privileges.has("ALL")) &&
        grantCovers(grant, database) &&
        (!onlyGlobal || grant.database === "*"),
    );
  const { options } = config;
  const whole = !options.data_only && options.include_tables.length === 0;
  const wanted = [
    { name: "SELECT", lost: "tables", needed: true },
    { name: "SHOW VIEW", lost: "views", needed: !options.data_only },
    { name: "TRIGGER", lost: "triggers", needed: !options.data_only },
    { name: "EVENT", lost: "events", needed: whole },
  ].filter((privilege) => privilege.needed && !has(privilege.name));
  const warnings = wanted.map(
    ({ name, lost }) =>
      `the user lacks ${name} on database "${database}": ${lost} may be missing from the backup without an error; GRANT ${name} ON the database to the user`,
  );
  const mayReadRoutines =
    has("SELECT", true) ||
    has("SHOW_ROUTINE", true) ||
    has("SHOW CREATE ROUTINE") ||
    grants.some((grant) => grant.database === "mysql" && grant.privileges.has("SELECT"));
  if (whole && !mayReadRoutines) {
    const privilege = server.isMariadb ? "SELECT ON mysql.proc" : "SHOW_ROUTINE ON *.*";
    warnings.push(
      `the user may not read routines of others: they may be missing from the backup without an error; GRANT ${privilege} to the user`,
    );
  }
  return warnings;
}

/** With the privileges of active roles. Undefined when the server does not tell. */
async function readGrants(connection: ServerConnection, server: ServerFacts): Promise<readonly string[] | undefined> {
  try {
    const [role] = await connection.query<{ role: string | null }>("SELECT CURRENT_ROLE() AS role");
    const roles = role?.role ?? null;
    const using = !server.isMariadb && roles !== null && roles !== "NONE" ? ` FOR CURRENT_USER() USING ${roles}` : "";
    const rows = await connection.query<Record<string, string>>(`SHOW GRANTS${using}`);
    return rows.map((row) => Object.values(row)[0] ?? "");
  } catch {
    return undefined;
  }
}
