// The five TLS modes, for our own connection; the client programs get theirs through the flavour.

import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import type { SslOptions } from "mysql2";
import type { MysqlFamilyConfig } from "./connection-config.ts";

const systemBundles = [
  "/etc/ssl/certs/ca-certificates.crt",
  "/etc/pki/tls/certs/ca-bundle.crt",
  "/etc/ssl/cert.pem",
  "/etc/ssl/ca-bundle.pem",
];

export function socketOf(config: MysqlFamilyConfig): string | undefined {
  return config.socket ?? (config.host.startsWith("/") ? config.host : undefined);
}

export function describeServer(config: MysqlFamilyConfig): string {
  return socketOf(config) ?? `${config.host}:${config.port}`;
}

/** The authorities to trust where the mode asks for a check. */
export function findCaFile(config: MysqlFamilyConfig): string | undefined {
  if (config.tls.ca_path !== undefined) return config.tls.ca_path;
  return systemBundles.find((path) => existsSync(path));
}

/** The attempts to make, in order; undefined is a plain connection. */
export async function planTlsAttempts(config: MysqlFamilyConfig): Promise<readonly (SslOptions | undefined)[]> {
  const { mode, ca_path } = config.tls;
  // A socket does not leave the machine: it is encrypted only where that is asked for.
  if (mode === "disable" || (mode === "prefer" && socketOf(config) !== undefined)) return [undefined];
  const unchecked: SslOptions = { rejectUnauthorized: false };
  if (mode === "prefer") return [unchecked, undefined];
  if (mode === "require" && ca_path === undefined) return [unchecked];
  const caFile = findCaFile(config);
  const ca = caFile === undefined ? {} : { ca: await readFile(caFile, "utf8") };
  return [{ ...ca, rejectUnauthorized: true, verifyIdentity: mode === "verify-full" }];
}
