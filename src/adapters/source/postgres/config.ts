// Settings of a PostgreSQL source: the keys of `database:` in the configuration file.

import { z } from "zod";

const oneLine = (what: string) => z.string().regex(/^[^\0\r\n]*$/, `${what} must be one line`);
const patterns = z.array(z.string().min(1)).default([]);

export const PostgresTls = z.strictObject({
  mode: z
    .enum(["disable", "prefer", "require", "verify-ca", "verify-full"])
    .default("prefer")
    .describe("disable, prefer (encrypted where offered), require, verify-ca, or verify-full (also the host name)"),
  ca_path: z.string().optional().describe("PEM file of the authorities to trust; default: the system's"),
  cert_path: z.string().optional().describe("PEM file of the client certificate"),
  key_path: z.string().optional().describe("PEM file of the client certificate's key, readable by its owner only"),
});

export const PostgresOptions = z
  .strictObject({
    schema_only: z.boolean().default(false).describe("Definitions without rows"),
    data_only: z.boolean().default(false).describe("Rows without definitions"),
    include_tables: patterns.describe("Only these tables: name, schema.table, * and ? match any text"),
    exclude_tables: patterns.describe("Not these tables, neither definition nor rows"),
    exclude_table_data: patterns.describe("Definition, but not the rows, of these tables"),
    parallel: z.int().min(1).max(64).default(1).describe("Jobs; above 1 the dump passes through TMP_DIR"),
    globals: z.boolean().default(false).describe("Also back up the server's roles, as a part of its own"),
  })
  .refine((options) => !(options.schema_only && options.data_only), {
    message: "schema_only and data_only exclude each other",
    path: ["data_only"],
  });

export const PostgresConfig = z.strictObject({
  host: z.string().min(1).default("localhost").describe("Host name, address, or directory of the Unix socket"),
  port: z.int().min(1).max(65535).default(5432).describe("Port"),
  name: oneLine("the name").min(1).describe("Database to back up"),
  user: oneLine("the user").min(1).optional().describe("Role to connect as; default: the system user"),
  password: oneLine("the password").optional().meta({ secret: true }).describe("Password of the role"),
  tls: PostgresTls.prefault({}).describe("Encryption of the connection"),
  options: PostgresOptions.prefault({}).describe("What is dumped, and how"),
});

export type PostgresTls = z.infer<typeof PostgresTls>;
export type PostgresOptions = z.infer<typeof PostgresOptions>;
export type PostgresConfig = z.infer<typeof PostgresConfig>;
