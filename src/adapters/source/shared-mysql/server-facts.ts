// What a backup must know of the server and of the database.

import type { Flavour } from "./flavour.ts";
import type { ServerConnection } from "./connection.ts";
import { quoteText } from "./identifier.ts";

export interface ServerFacts {
  /** `10.11.6`, `8.0.39`: numbers only. */
  readonly version: string;
  /** As the server says it. */
  readonly fullVersion: string;
  readonly isMariadb: boolean;
  readonly hasBinlog: boolean;
}

export async function readServerFacts(connection: ServerConnection): Promise<ServerFacts> {
  const [row] = await connection.run<{ version: string; comment: string; log: number }>(
    "asking for the server's version",
    "SELECT VERSION() AS version, @@version_comment AS comment, @@log_bin AS log",
  );
  const fullVersion = row?.version ?? "";
  return {
    // Some MariaDB servers put a 5.5.5- in front, for old replicas.
    version: /(\d+\.\d+\.\d+)/.exec(fullVersion.replace(/^5\.5\.5-/, ""))?.[1] ?? fullVersion,
    fullVersion,
    isMariadb: /mariadb/i.test(`${fullVersion} ${row?.comment ?? ""}`),
    hasBinlog: Number(row?.log) === 1,
  };
}

/** Null when the server is what the adapter is for. */
export function describeMismatch(flavour: Flavour, server: ServerFacts): string | null {
  if (server.isMariadb === (flavour.type === "mariadb")) return null;
  const actual = server.isMariadb ? "MariaDB" : "MySQL";
  return `the server is ${actual} ${server.fullVersion}, but the source's type is ${flavour.type}: set the type to ${actual.toLowerCase()}, for dumps of the other's tools are not complete`;
}

export interface DatabaseFacts {
  readonly characterSet: string;
  readonly collation: string;
}

/** Undefined when the database does not exist, or the user may not see it. */
export async function readDatabaseFacts(
  connection: ServerConnection,
  database: string,
): Promise<DatabaseFacts | undefined> {
  const [row] = await connection.run<{ cs: string; co: string }>(
    `asking for the character set of database "${database}"`,
    `SELECT DEFAULT_CHARACTER_SET_NAME AS cs, DEFAULT_COLLATION_NAME AS co FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = ${quoteText(database)}`,
  );
  return row === undefined ? undefined : { characterSet: row.cs, collation: row.co };
}
