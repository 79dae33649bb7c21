// A new database with the properties of the one that was dumped, as far as this server has them.

import { AppError } from "../../../domain/error.ts";
import { readForeignError, translateQueryError } from "./connection-error.ts";
import type { PostgresConnection } from "./connection.ts";
import { quoteIdentifier, quoteLiteral } from "./identifier.ts";
import type { DatabaseFacts } from "./server-facts.ts";

/** Returns warnings: what had to be given up. */
export async function createDatabase(
  connection: PostgresConnection,
  name: string,
  facts: DatabaseFacts,
): Promise<readonly string[]> {
  const version = await connection.run<{ num: string }>(
    "asking the server for its version",
    "SELECT current_setting('server_version_num') AS num",
  );
  const locale = localeClauses(facts, Number(version[0]?.num ?? 0));
  const encoding = typeof facts["encoding"] === "string" ? ` ENCODING ${quoteLiteral(facts["encoding"])}` : "";
  const attempts = [
    { sql: encoding + locale, lost: "" },
    { sql: encoding, lost: `the locale ${describe(facts)}` },
    // C goes with every encoding.
    { sql: `${encoding} LOCALE 'C'`, lost: `the locale ${describe(facts)} (it is C now)` },
  ];
  let first: unknown;
  for (const { sql, lost } of attempts) {
    try {
      await connection.query(`CREATE DATABASE ${quoteIdentifier(name)} TEMPLATE template0${sql}`);
      return lost === "" ? [] : [`database "${name}" was created without ${lost}: this server does not have it`];
    } catch (error) {
      const { code, message } = readForeignError(error);
      if (code === "42501") throw noRight(name, message, error);
      if (code === "42P04")
        throw new AppError("target_not_empty", `database "${name}" exists already`, { cause: error });
      if (code !== "22023" && code !== "42704" && code !== "42809" && code !== "0A000" && code !== "42602") {
        throw translateQueryError(error, `creating database "${name}"`, "restore_failed");
      }
      first ??= error;
    }
  }
  throw translateQueryError(first, `creating database "${name}"`, "restore_failed");
}

function localeClauses(facts: DatabaseFacts, serverNum: number): string {
  const text = (key: string): string | undefined => {
    const value = facts[key];
    return typeof value === "string" && value !== "" ? value : undefined;
  };
  const [collate, ctype, locale] = [text("collate"), text("ctype"), text("locale")];
  const rules = text("icuRules");
  const base =
    (collate === undefined ? "" : ` LC_COLLATE ${quoteLiteral(collate)}`) +
    (ctype === undefined ? "" : ` LC_CTYPE ${quoteLiteral(ctype)}`);
  if (serverNum < 150_000 || locale === undefined) return base;
  if (text("localeProvider") === "i") {
    const extra = rules !== undefined && serverNum >= 160_000 ? ` ICU_RULES ${quoteLiteral(rules)}` : "";
    return `${base} LOCALE_PROVIDER icu ICU_LOCALE ${quoteLiteral(locale)}${extra}`;
  }
  if (text("localeProvider") === "b" && serverNum >= 170_000) {
    return `${base} LOCALE_PROVIDER builtin BUILTIN_LOCALE ${quoteLiteral(locale)}`;
  }
  return base;
}

function describe(facts: DatabaseFacts): string {
  return String(facts["locale"] ?? facts["collate"] ?? "of the source");
}

function noRight(name: string, message: string, cause: unknown): AppError {
  return new AppError("restore_failed", `creating database "${name}" is not allowed: ${message}`, {
    cause,
    hint: "grant the role CREATEDB, or restore into an empty database that it owns; for drills set verification.drill to { on: throwaway }, a server of its own that needs no right",
  });
}

/** Settings, comment and grants of the database itself, which pg_restore leaves to `--create`. Returns warnings. */
export async function applyDatabaseProperties(
  connection: PostgresConnection,
  name: string,
  facts: DatabaseFacts,
  options: { readonly noOwner: boolean; readonly noPrivileges: boolean },
): Promise<readonly string[]> {
  const database = quoteIdentifier(name);
  const statements: string[] = [];
  for (const setting of listOf(facts["settings"])) {
    statements.push(`ALTER DATABASE ${database} SET ${settingClause(setting)}`);
  }
  for (const roleSetting of listOf(facts["roleSettings"])) {
    const match = /^("(?:[^"]|"")*"|[a-z_][a-z0-9_]*) (.*)$/s.exec(roleSetting);
    if (match === null) continue;
    statements.push(`ALTER ROLE ${match[1]} IN DATABASE ${database} SET ${settingClause(match[2]!)}`);
  }
  if (typeof facts["connectionLimit"] === "number") {
    statements.push(`ALTER DATABASE ${database} CONNECTION LIMIT ${facts["connectionLimit"]}`);
  }
  if (!options.noPrivileges && facts["grants"] !== undefined) {
    statements.push(`REVOKE ALL ON DATABASE ${database} FROM PUBLIC`);
    for (const grant of listOf(facts["grants"])) {
      const match = /^(.*) (CREATE|CONNECT|TEMPORARY)( WITH GRANT OPTION)?$/s.exec(grant);
      if (match !== null) statements.push(`GRANT ${match[2]} ON DATABASE ${database} TO ${match[1]}${match[3] ?? ""}`);
    }
  }
  if (!options.noOwner && typeof facts["owner"] === "string") {
    statements.push(`ALTER DATABASE ${database} OWNER TO ${quoteIdentifier(facts["owner"])}`);
  }
  const warnings: string[] = [];
  for (const statement of statements) {
    try {
      await connection.query(statement);
    } catch (error) {
      const { code, message } = readForeignError(error);
      if (code === undefined)
        throw translateQueryError(error, `setting properties of database "${name}"`, "restore_failed");
      warnings.push(`a property of database "${name}" was not set: ${message}`);
    }
  }
  return warnings;
}

// Settings that hold a list are kept as quoted names already; quoting them again would make one name of them.
const listSettings = new Set([
  "search_path",
  "datestyle",
  "session_preload_libraries",
  "local_preload_libraries",
  "temp_tablespaces",
]);

/** `name=value`, as the server keeps it, as `name TO value`. */
export function settingClause(setting: string): string {
  const split = setting.indexOf("=");
  const [name, value] = [setting.slice(0, split), setting.slice(split + 1)];
  const quoted = name.split(".").map(quoteIdentifier).join(".");
  if (!listSettings.has(name.toLowerCase())) return `${quoted} TO ${quoteLiteral(value)}`;
  const names = value.match(/"(?:[^"]|"")*"|[^,\s][^,]*/g) ?? [];
  return `${quoted} TO ${names.map((part) => quoteLiteral(part.startsWith('"') ? part.slice(1, -1).replaceAll('""', '"') : part.trim())).join(", ") || "''"}`;
}

function listOf(fact: unknown): readonly string[] {
  return Array.isArray(fact) ? (fact as readonly string[]) : [];
}
