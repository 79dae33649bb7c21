// Sources and ciphers that the configuration does not name: a target given as a URL, a file of unknown origin.

import { AppError } from "../domain/error.ts";
import type { EncryptionSpec, Project, SourceSpec } from "../domain/project/project.ts";
import type { Deps } from "../usecases/deps.ts";
import { findDefinition, type Registries } from "./registries.ts";

/** Passwords come from BACKUPCTL_TARGET_PASSWORD: a URL on the command line can be seen by everybody. */
export function sourceAt(url: string, registries: Registries): ReturnType<Deps["sourceAt"]> {
  const parsed = new URL(url);
  const type = parsed.protocol.replace(/:$/, "").replace(/^postgresql$/, "postgres");
  const definition = findDefinition(registries.sources, "source", type);
  if (parsed.password !== "") {
    throw new AppError("usage", "a password on the command line can be read by everybody on this machine", {
      hint: "leave it out of the URL and set BACKUPCTL_TARGET_PASSWORD",
    });
  }
  const path = decodeURIComponent(parsed.pathname);
  const password = process.env["BACKUPCTL_TARGET_PASSWORD"];
  const server = {
    name: path.slice(1),
    host: parsed.searchParams.get("host") ?? (parsed.hostname === "" ? undefined : parsed.hostname),
    port: parsed.port === "" ? undefined : Number(parsed.port),
    user: parsed.username === "" ? undefined : decodeURIComponent(parsed.username),
    password,
  };
  const settings = parsed.hostname === "" && parsed.searchParams.size === 0 ? { path } : server;
  const given = Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined));
  const result = definition.config.safeParse(given);
  if (!result.success) {
    throw new AppError("usage", `the URL does not name a ${type} database: ${result.error.issues[0]?.message ?? ""}`, {
      hint: "as postgres://user@host:5432/name or sqlite:///path/file.db",
    });
  }
  const database = "path" in settings ? path : server.name;
  return { spec: { name: "database", type, settings: result.data }, database };
}

/** What DATABASE_URL names, as a source. */
export function stateSource(databaseUrl: string, registries: Registries): SourceSpec {
  const file = /^(?:sqlite|file):(.*)$/is.exec(databaseUrl)?.[1];
  if (file !== undefined) {
    const { config } = findDefinition(registries.sources, "source", "sqlite");
    return { name: "database", type: "sqlite", settings: config.parse({ path: file }) };
  }
  const url = new URL(databaseUrl);
  const { config } = findDefinition(registries.sources, "source", "postgres");
  const tls = {
    mode: url.searchParams.get("sslmode") ?? "disable",
    ca_path: url.searchParams.get("sslrootcert") ?? undefined,
    cert_path: url.searchParams.get("sslcert") ?? undefined,
    key_path: url.searchParams.get("sslkey") ?? undefined,
  };
  const settings = {
    host: url.searchParams.get("host") ?? url.hostname.replace(/^\[(.*)\]$/, "$1"),
    port: url.port === "" ? undefined : Number(url.port),
    name: decodeURIComponent(url.pathname.slice(1)),
    user: url.username === "" ? undefined : decodeURIComponent(url.username),
    password: url.password === "" ? undefined : decodeURIComponent(url.password),
    tls: Object.fromEntries(Object.entries(tls).filter(([, value]) => value !== undefined)),
  };
  const given = Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined));
  return { name: "database", type: "postgres", settings: config.parse(given) };
}

/** The project's own settings; else BACKUPCTL_PASSWORD where the scheme has passwords; else the installation's key. */
export function cipherOfFile(scheme: string, project: Project | null, registries: Registries): EncryptionSpec {
  if (project?.encryption?.type === scheme) return project.encryption;
  const password = process.env["BACKUPCTL_PASSWORD"];
  const given = findDefinition(registries.ciphers, "encryption", scheme).config.safeParse(
    password === undefined ? {} : { password },
  );
  return { type: scheme, settings: given.success ? given.data : {} };
}
