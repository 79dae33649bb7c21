// The five TLS modes of libpq, for our own connection and for the client programs.

import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { checkServerIdentity, type ConnectionOptions } from "node:tls";
import type { PostgresConfig } from "./config.ts";

const systemBundles = [
  "/etc/ssl/certs/ca-certificates.crt",
  "/etc/pki/tls/certs/ca-bundle.crt",
  "/etc/ssl/cert.pem",
  "/etc/ssl/ca-bundle.pem",
];

/** The authorities to trust: as configured, else libpq's own default file, else the system's bundle. */
function findCaFile(config: PostgresConfig): string | undefined {
  if (config.tls.ca_path !== undefined) return config.tls.ca_path;
  return [join(homedir(), ".postgresql", "root.crt"), ...systemBundles].find((path) => existsSync(path));
}

/** The attempts to make, in order; `false` is a plain connection. */
export async function planTlsAttempts(config: PostgresConfig): Promise<readonly (ConnectionOptions | false)[]> {
  const { tls } = config;
  if (tls.mode === "disable" || config.host.startsWith("/")) return [false];
  const own: ConnectionOptions = {
    ...(tls.cert_path === undefined ? {} : { cert: await readFile(tls.cert_path, "utf8") }),
    ...(tls.key_path === undefined ? {} : { key: await readFile(tls.key_path, "utf8") }),
  };
  const unchecked: ConnectionOptions = { ...own, rejectUnauthorized: false };
  if (tls.mode === "prefer") return [unchecked, false];
  // As libpq: `require` with an authority of one's own checks the chain.
  if (tls.mode === "require" && tls.ca_path === undefined) return [unchecked];
  const caFile = findCaFile(config);
  const ca = caFile === undefined ? {} : { ca: await readFile(caFile, "utf8") };
  return [
    {
      ...own,
      ...ca,
      rejectUnauthorized: true,
      checkServerIdentity: (_name, certificate) =>
        tls.mode === "verify-full" ? checkServerIdentity(config.host, certificate) : undefined,
    },
  ];
}

/** The same for libpq; paths and modes only, nothing secret. */
export function tlsEnvironment(config: PostgresConfig): Record<string, string> {
  const { tls } = config;
  const caFile = tls.mode.startsWith("verify") ? findCaFile(config) : tls.ca_path;
  return {
    PGSSLMODE: tls.mode,
    ...(caFile === undefined || tls.mode === "prefer" ? {} : { PGSSLROOTCERT: caFile }),
    ...(tls.cert_path === undefined ? {} : { PGSSLCERT: tls.cert_path }),
    ...(tls.key_path === undefined ? {} : { PGSSLKEY: tls.key_path }),
  };
}
