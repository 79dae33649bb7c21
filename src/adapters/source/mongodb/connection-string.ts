// The one connection string that our own client and the tools both get: nothing in it is left to their defaults, for
// the tools look for the user in the dumped database unless told otherwise.

import type { MongodbConfig } from "./config.ts";

export interface ConnectionString {
  readonly scheme: string;
  /** As written, percent-encoded. */
  readonly user: string | undefined;
  readonly password: string | undefined;
  readonly hosts: string;
  readonly database: string | undefined;
  readonly options: readonly (readonly [name: string, value: string])[];
}

const form =
  /^(?<scheme>mongodb(?:\+srv)?):\/\/(?:(?<user>[^:@/?\s]*)(?::(?<password>[^:@/?\s]*))?@)?(?<hosts>[^@/?\s]+)(?:\/(?<database>[^?/\s]*))?(?:\?(?<options>\S*))?$/;

/** Undefined when it is not a connection string. */
export function parseConnectionString(text: string): ConnectionString | undefined {
  const groups = form.exec(text)?.groups;
  if (groups === undefined) return undefined;
  const { scheme, user, password, hosts, database, options } = groups;
  return {
    scheme: scheme!,
    user: user === "" ? undefined : user,
    password,
    hosts: hosts!,
    database: database === "" ? undefined : database,
    options: (options ?? "")
      .split("&")
      .filter((option) => option !== "")
      .map((option) => {
        const equals = option.indexOf("=");
        return equals === -1 ? ([option, ""] as const) : ([option.slice(0, equals), option.slice(equals + 1)] as const);
      }),
  };
}

const externalMechanisms = /^(GSSAPI|PLAIN|MONGODB-X509|MONGODB-AWS|MONGODB-OIDC)$/i;
const selectionTimeoutMs = 10_000;

/** Holds the password: for the driver and for files of mode 0600 only. */
export function formatConnectionString(config: MongodbConfig): string {
  const given: ConnectionString = (config.uri === undefined ? undefined : parseConnectionString(config.uri)) ?? {
    scheme: "mongodb",
    user: undefined,
    password: undefined,
    hosts: describeServer(config),
    database: undefined,
    options: [],
  };
  const options = new Map(given.options.map(([name, value]) => [name.toLowerCase(), [name, value] as const]));
  const set = (name: string, value: string): void => void options.set(name.toLowerCase(), [name, value]);
  const get = (name: string): string | undefined => options.get(name.toLowerCase())?.[1];
  const user = config.user === undefined ? given.user : encodeURIComponent(config.user);
  const password = config.password === undefined ? given.password : encodeURIComponent(config.password);
  if (config.auth_source !== undefined) set("authSource", encodeURIComponent(config.auth_source));
  else if (user !== undefined && get("authSource") === undefined) {
    const external = externalMechanisms.test(get("authMechanism") ?? "");
    set("authSource", external ? "$external" : (given.database ?? "admin"));
  }
  if (config.replica_set !== undefined) set("replicaSet", encodeURIComponent(config.replica_set));
  if (config.direct_connection !== undefined) set("directConnection", String(config.direct_connection));
  else if (config.uri === undefined && config.replica_set === undefined) set("directConnection", "true");
  if (config.tls.mode !== undefined) {
    for (const name of ["ssl", "tlsinsecure", "tlsallowinvalidcertificates", "tlsallowinvalidhostnames"])
      options.delete(name);
    set("tls", String(config.tls.mode !== "disable"));
    if (config.tls.mode === "require") set("tlsInsecure", "true");
    if (config.tls.ca_path !== undefined) set("tlsCAFile", encodeURIComponent(config.tls.ca_path));
  }
  if (get("serverSelectionTimeoutMS") === undefined) set("serverSelectionTimeoutMS", String(selectionTimeoutMs));
  const login = user === undefined ? "" : `${user}${password === undefined ? "" : `:${password}`}@`;
  const query = [...options.values()].map(([name, value]) => `${name}=${value}`).join("&");
  return `${given.scheme}://${login}${given.hosts}/?${query}`;
}

/** The hosts, for messages; without the login. */
export function describeServer(config: Pick<MongodbConfig, "uri" | "host" | "port">): string {
  if (config.uri !== undefined) return parseConnectionString(config.uri)?.hosts ?? "";
  const host = config.host ?? "localhost";
  if (host.startsWith("/")) return encodeURIComponent(host);
  const bracketed = host.includes(":") && !host.startsWith("[") ? `[${host}]` : host;
  return `${bracketed}:${config.port ?? 27017}`;
}
