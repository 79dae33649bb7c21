// How client programs log in: host, user and TLS by environment, the database by connection string, the password
// by a file of mode 0600 that is gone after dispose.

import { userInfo } from "node:os";
import { openSecretDirectory } from "../../process/secret-file.ts";
import type { PostgresConfig } from "./config.ts";
import { applicationName } from "./connection.ts";
import { escapePassfile, quoteConninfo } from "./identifier.ts";
import { tlsEnvironment } from "./tls.ts";

export interface ToolLogin extends AsyncDisposable {
  readonly env: Readonly<Record<string, string>>;
  /** Value of `--dbname`. */
  connectionTo(database: string): string;
}

export async function openToolLogin(config: PostgresConfig, tmpDir: string): Promise<ToolLogin> {
  const folder = config.password === undefined ? undefined : await openSecretDirectory(tmpDir);
  // The file serves this login only, so every field but the password may match anything.
  const passfile = await folder
    ?.write("pgpass", `*:*:*:*:${escapePassfile(config.password ?? "")}\n`)
    .catch(async (error: unknown) => {
      await folder[Symbol.asyncDispose]();
      throw error;
    });
  return {
    env: {
      PGHOST: config.host,
      PGPORT: String(config.port),
      PGUSER: config.user ?? userInfo().username,
      PGAPPNAME: applicationName,
      PGCONNECT_TIMEOUT: "15",
      ...tlsEnvironment(config),
      ...(passfile === undefined ? {} : { PGPASSFILE: passfile }),
    },
    connectionTo: (database) =>
      `dbname=${quoteConninfo(database)} keepalives_idle=30 keepalives_interval=10 keepalives_count=6`,
    async [Symbol.asyncDispose]() {
      await folder?.[Symbol.asyncDispose]();
    },
  };
}
