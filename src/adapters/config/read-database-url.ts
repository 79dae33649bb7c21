// Where the state store is: DATABASE_URL, else AUDIT_DB_*, else DATABASE_PATH, else a file in the base directory.

import { join, resolve } from "node:path";
import type { Settings } from "../../domain/project/project.ts";
import { addSecret } from "./check-block.ts";
import { quote } from "./key-path.ts";
import type { VariableReader } from "./read-variable.ts";

type StateSettings = Required<Pick<Settings, "databaseUrl" | "databaseChoice">>;

const inOrder = ["DATABASE_URL", "AUDIT_DB_HOST", "DATABASE_PATH"] as const;
/** What belongs to AUDIT_DB_HOST and says nothing without it. */
const auditParts = ["AUDIT_DB_NAME", "AUDIT_DB_USER", "AUDIT_DB_PASSWORD", "AUDIT_DB_PORT"] as const;
const tlsModes = ["disable", "require", "verify-ca", "verify-full"];

export function readDatabaseUrl(
  variables: VariableReader,
  cwd: string,
  baseDir: string,
  secrets: Set<string>,
): StateSettings {
  const set = inOrder.filter((name) => variables.text(name) !== undefined);
  const [setBy = null, ...ignored] = set;
  const orphan = auditParts.find((name) => variables.text(name) !== undefined);
  if (setBy !== "DATABASE_URL" && setBy !== "AUDIT_DB_HOST" && orphan !== undefined) {
    const message = `${orphan} is set without AUDIT_DB_HOST: the state store is a SQLite file`;
    variables.warning(orphan, message, "set AUDIT_DB_HOST, or remove the AUDIT_DB_ variables");
  }
  const read = (): string => {
    if (setBy === "DATABASE_URL") return fromUrl(variables, cwd, secrets);
    if (setBy === "AUDIT_DB_HOST") return fromParts(variables, secrets);
    return `sqlite:${resolve(cwd, variables.text("DATABASE_PATH") ?? join(baseDir, ".backupctl", "state.db"))}`;
  };
  return { databaseUrl: read(), databaseChoice: { setBy, ignored } };
}

function fromUrl(variables: VariableReader, cwd: string, secrets: Set<string>): string {
  const given = variables.text("DATABASE_URL")!;
  addSecret(secrets, given, false);
  const scheme = /^([a-z]+):/i.exec(given)?.[1]?.toLowerCase();
  if (scheme === "postgres" || scheme === "postgresql") {
    checkServerUrl(variables, given);
    return given;
  }
  if (scheme === "sqlite" || scheme === "file") {
    const path = given.slice(scheme.length + 1).replace(/^\/\/(?=\/)/, "");
    if (path === "") variables.error("DATABASE_URL", "DATABASE_URL names no file");
    return path === ":memory:" ? "sqlite::memory:" : `sqlite:${resolve(cwd, path)}`;
  }
  variables.error(
    "DATABASE_URL",
    "DATABASE_URL names no state store that is known",
    "use sqlite:/path/state.db or postgres://user:password@host:5432/name",
  );
  return given;
}

function checkServerUrl(variables: VariableReader, given: string): void {
  if (!URL.canParse(given)) {
    variables.error(
      "DATABASE_URL",
      "DATABASE_URL is not a valid URL",
      "percent-encode special characters of the password",
    );
    return;
  }
  const mode = new URL(given).searchParams.get("sslmode");
  if (mode === null || tlsModes.includes(mode)) return;
  // `prefer` would go on without encryption when somebody in between wants it to.
  variables.error("DATABASE_URL", `sslmode must be one of ${tlsModes.join(", ")}, not ${quote(mode)}`);
}

function fromParts(variables: VariableReader, secrets: Set<string>): string {
  const host = variables.text("AUDIT_DB_HOST")!;
  const port = variables.number("AUDIT_DB_PORT", { fallback: 5432, min: 1, max: 65_535 });
  const name = encodeURIComponent(variables.text("AUDIT_DB_NAME") ?? "backup_audit");
  const user = encodeURIComponent(variables.text("AUDIT_DB_USER") ?? "audit_user");
  const password = variables.text("AUDIT_DB_PASSWORD");
  if (password !== undefined) {
    addSecret(secrets, password);
    addSecret(secrets, encodeURIComponent(password));
  }
  const login = password === undefined ? user : `${user}:${encodeURIComponent(password)}`;
  return `postgres://${login}@${host.includes(":") && !host.startsWith("[") ? `[${host}]` : host}:${port}/${name}`;
}
