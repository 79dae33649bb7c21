// A DATABASE_URL of PostgreSQL as options for `pg`. TLS modes mean what they mean to libpq, which `pg` alone does not do.

import { readFileSync } from "node:fs";
import { checkServerIdentity } from "node:tls";
import type { PoolConfig } from "pg";
import { AppError } from "../../../domain/error.ts";

export interface PostgresLocation {
  /** Without the password. */
  readonly location: string;
  readonly options: PoolConfig;
}

export function parsePostgresUrl(databaseUrl: string): PostgresLocation {
  const url = URL.canParse(databaseUrl) ? new URL(databaseUrl) : undefined;
  if (url === undefined) throw invalid("it is no URL");
  const decode = (text: string, what: string): string => {
    try {
      return decodeURIComponent(text);
    } catch {
      throw invalid(`its ${what} is not percent-encoded properly`);
    }
  };
  const user = decode(url.username, "user");
  const password = decode(url.password, "password");
  const database = decode(url.pathname.slice(1), "database name");
  // A directory of sockets does not fit into the host part of a URL.
  const host = url.searchParams.get("host") ?? url.hostname.replace(/^\[(.*)\]$/, "$1");
  if (host === "") throw invalid("it names no host");
  const port = url.port === "" ? 5432 : Number(url.port);
  const shownPort = port === 5432 ? "" : `:${port}`;
  return {
    location: `postgres://${user === "" ? "" : `${user}@`}${host}${shownPort}/${database}`,
    options: {
      host,
      port,
      ...(user !== "" && { user }),
      ...(password !== "" && { password }),
      ...(database !== "" && { database }),
      ssl: host.startsWith("/") ? false : parseTls(url.searchParams, host),
    },
  };
}

/** As `pg` and libpq mean them, but for `prefer`: a store is encrypted or it is not. */
function parseTls(parameters: URLSearchParams, host: string): NonNullable<PoolConfig["ssl"]> {
  const mode = parameters.get("sslmode") ?? "disable";
  const read = (name: string): string | undefined => {
    const path = parameters.get(name);
    return path === null ? undefined : readPem(name, path);
  };
  if (mode === "disable") return false;
  const [ca, cert, key] = [read("sslrootcert"), read("sslcert"), read("sslkey")];
  const own = {
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
  };
  switch (mode) {
    case "require":
      // As libpq: with an authority of one's own the chain is checked.
      if (ca === undefined) return { ...own, rejectUnauthorized: false };
      return { ...own, rejectUnauthorized: true, checkServerIdentity: () => undefined };
    case "verify-ca":
      return { ...own, rejectUnauthorized: true, checkServerIdentity: () => undefined };
    case "verify-full":
      return {
        ...own,
        rejectUnauthorized: true,
        checkServerIdentity: (_name, certificate) => checkServerIdentity(host, certificate),
      };
    default:
      throw invalid(`its sslmode ${mode} is none of disable, require, verify-ca and verify-full`);
  }
}

function readPem(name: string, path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw invalid(`its ${name} ${path} cannot be read (${(error as NodeJS.ErrnoException).code})`);
  }
}

/** The URL itself is not repeated: it holds a password. */
function invalid(why: string): AppError {
  return new AppError("state_failed", `could not open the state store of DATABASE_URL: ${why}`, {
    hint: "use postgres://user:password@host:5432/name?sslmode=verify-full&sslrootcert=/path/ca.pem",
  });
}
