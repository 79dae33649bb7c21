// Settings of a MongoDB source: the keys of `database:` in the configuration file.

import { z } from "zod";
import { parseConnectionString } from "./connection-string.ts";

const oneLine = (what: string) => z.string().regex(/^[^\0\r\n]*$/, `${what} must be one line`);
const patterns = z.array(z.string().min(1)).default([]);

export const MongodbTls = z
  .strictObject({
    mode: z
      .enum(["disable", "require", "verify-full"])
      .optional()
      .describe(
        "disable, require (encrypted, the certificate is not checked), or verify-full (certificate and host name); default: what uri says",
      ),
    ca_path: z.string().min(1).optional().describe("PEM file of the authorities to trust; default: the system's"),
  })
  .refine((tls) => tls.ca_path === undefined || tls.mode === "verify-full", {
    message: "ca_path needs the mode verify-full",
    path: ["ca_path"],
  });

export const MongodbOptions = z.strictObject({
  include_tables: patterns.describe("Only these collections and views; * and ? match any text"),
  exclude_tables: patterns.describe("Not these collections and views; * and ? match any text"),
  oplog: z
    .boolean()
    .default(false)
    .describe(
      "Dump all databases of a replica set together with its oplog, so that a restore of the whole server is of one point in time",
    ),
});

export const MongodbConfig = z
  .strictObject({
    uri: z
      .string()
      .refine((uri) => parseConnectionString(uri) !== undefined, "must be mongodb://host:port or mongodb+srv://host")
      .optional()
      .meta({ secret: true })
      .describe("Connection string, for replica sets and special options; instead of host and port"),
    host: z
      .string()
      .regex(/^[^\s@/?,]+$|^\/[^A-Z]+$/, "must be a host name, an address, or the lower-case path of a Unix socket")
      .optional()
      .describe("Host name, address, or path of the Unix socket; default: localhost"),
    port: z.int().min(1).max(65535).optional().describe("Port; default: 27017"),
    name: z
      .string()
      .regex(
        /^[^/\\. "$*<>:|?\0\r\n]{1,63}$/,
        'a database name has 1 to 63 characters, none of them a space or one of /\\."$*<>:|?',
      )
      .describe("Database to back up"),
    user: oneLine("the user").min(1).optional().describe("User to connect as; default: the one in uri, else none"),
    password: oneLine("the password").max(1_024).optional().meta({ secret: true }).describe("Password of the user"),
    auth_source: oneLine("the database").min(1).optional().describe("Database that holds the user; default: admin"),
    replica_set: oneLine("the name").min(1).optional().describe("Name of the replica set to look for"),
    direct_connection: z
      .boolean()
      .optional()
      .describe("Talk to this server alone, not to its replica set; default: true with host and without replica_set"),
    tls: MongodbTls.prefault({}).describe("Encryption of the connection"),
    options: MongodbOptions.prefault({}).describe("What is dumped, and how"),
  })
  .refine((config) => config.uri === undefined || (config.host === undefined && config.port === undefined), {
    message: "uri and host exclude each other",
    path: ["uri"],
  })
  .refine((config) => config.password === undefined || config.user !== undefined || userOf(config.uri) !== undefined, {
    message: "a password needs a user",
    path: ["password"],
  })
  .refine(({ options }) => !options.oplog || options.include_tables.length + options.exclude_tables.length === 0, {
    message: "oplog takes all databases: include_tables and exclude_tables cannot be given with it",
    path: ["options", "oplog"],
  });

function userOf(uri: string | undefined): string | undefined {
  return uri === undefined ? undefined : parseConnectionString(uri)?.user;
}

export type MongodbConfig = z.infer<typeof MongodbConfig>;
