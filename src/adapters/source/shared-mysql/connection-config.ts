// Settings that MySQL and MariaDB share: the keys of `database:` in the configuration file.

import { z } from "zod";

const oneLine = (what: string) => z.string().regex(/^[^\0\r\n]*$/, `${what} must be one line`);
const patterns = z.array(z.string().min(1)).default([]);

/** In these a byte of ASCII can be the second half of another character, so quotes could be mistaken. */
const unsafeCharacterSets = /^(big5|cp932|gbk|gb18030|sjis|ucs2|utf16|utf16le|utf32)$/i;

export const MysqlFamilyTls = z.strictObject({
  mode: z
    .enum(["disable", "prefer", "require", "verify-ca", "verify-full"])
    .default("prefer")
    .describe("disable, prefer (encrypted where offered), require, verify-ca, or verify-full (also the host name)"),
  ca_path: z.string().optional().describe("PEM file of the authorities to trust; default: the system's"),
});

export const MysqlFamilyOptions = z
  .strictObject({
    character_set: z
      .string()
      .regex(/^[A-Za-z0-9_]+$/, "must be the name of a character set")
      .refine((name) => !unsafeCharacterSets.test(name), "this character set cannot be dumped safely, use utf8mb4")
      .default("utf8mb4")
      .describe("Character set of the dump"),
    extended_insert: z.boolean().default(true).describe("Many rows in one INSERT: smaller and much faster to restore"),
    lock_tables: z
      .boolean()
      .default(false)
      .describe("Lock all tables for the time of the dump instead of one transaction: for MyISAM and Aria"),
    schema_only: z.boolean().default(false).describe("Definitions without rows"),
    data_only: z.boolean().default(false).describe("Rows without definitions"),
    include_tables: patterns.describe(
      "Only these tables and views, without routines and events; * and ? match any text",
    ),
    exclude_tables: patterns.describe("Not these tables and views; * and ? match any text"),
  })
  .refine((options) => !(options.schema_only && options.data_only), {
    message: "schema_only and data_only exclude each other",
    path: ["data_only"],
  });

export const MysqlFamilyConfig = z.strictObject({
  host: z.string().min(1).default("localhost").describe("Host name, address, or path of the Unix socket"),
  port: z.int().min(1).max(65535).default(3306).describe("Port"),
  socket: z.string().min(1).optional().describe("Path of the Unix socket; instead of host and port"),
  name: oneLine("the name").min(1).describe("Database to back up"),
  user: oneLine("the user").min(1).optional().describe("User to connect as; default: the system user"),
  password: z
    .string()
    .max(1_024)
    .regex(/^[^\0]*$/, "the password must not hold a NUL byte")
    .optional()
    .meta({ secret: true })
    .describe("Password of the user"),
  tls: MysqlFamilyTls.prefault({}).describe("Encryption of the connection"),
  options: MysqlFamilyOptions.prefault({}).describe("What is dumped, and how"),
});

export type MysqlFamilyTls = z.infer<typeof MysqlFamilyTls>;
export type MysqlFamilyOptions = z.infer<typeof MysqlFamilyOptions>;
export type MysqlFamilyConfig = z.infer<typeof MysqlFamilyConfig>;
