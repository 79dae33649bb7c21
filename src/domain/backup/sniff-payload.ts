// Recognises a file by its first bytes, never by its name.

import { containerMagic } from "./container-format.ts";

export type SqlDialect = "postgres" | "mysql" | "mariadb" | "unknown";

export type Payload =
  | { readonly kind: "encrypted"; readonly scheme: "aes-256-gcm" | "age" | "gpg" }
  | { readonly kind: "compressed"; readonly algorithm: "zstd" | "gzip" }
  /** `pg_dump -Fc` */
  | { readonly kind: "postgres-custom" }
  /** A tar with PostgreSQL's `toc.dat`: the directory format, or `pg_dump -Ft`. */
  | { readonly kind: "postgres-tar" }
  | { readonly kind: "sqlite" }
  /** `mongodump --archive` */
  | { readonly kind: "mongo-archive" }
  /** Document 3's archive: a tar that begins with `manifest.json`. */
  | { readonly kind: "bundle" }
  | { readonly kind: "tar" }
  /** `isCluster`: roles and tablespaces of a PostgreSQL server (pg_dumpall). */
  | { readonly kind: "sql"; readonly dialect: SqlDialect; readonly isCluster: boolean }
  | { readonly kind: "unknown" };

/** As many bytes as `sniffPayload` looks at. */
export const sniffBytes = 4096;

const signatures: readonly (readonly [readonly number[] | string, Payload])[] = [
  [containerMagic, { kind: "encrypted", scheme: "aes-256-gcm" }],
  ["age-encryption.org/", { kind: "encrypted", scheme: "age" }],
  ["-----BEGIN AGE ENCRYPTED FILE-----", { kind: "encrypted", scheme: "age" }],
  ["-----BEGIN PGP MESSAGE-----", { kind: "encrypted", scheme: "gpg" }],
  [[0x28, 0xb5, 0x2f, 0xfd], { kind: "compressed", algorithm: "zstd" }],
  [[0x1f, 0x8b, 0x08], { kind: "compressed", algorithm: "gzip" }],
  ["PGDMP", { kind: "postgres-custom" }],
  ["SQLite format 3\0", { kind: "sqlite" }],
  [[0x6d, 0xe2, 0x99, 0x81], { kind: "mongo-archive" }],
];

/** `bytes` is the beginning of the file, or all of a shorter one. */
export function sniffPayload(bytes: Uint8Array): Payload {
  const signed = signatures.find(([signature]) => startsWith(bytes, signature));
  if (signed !== undefined) return signed[1];
  if (isSkippableZstd(bytes)) return { kind: "compressed", algorithm: "zstd" };
  if (isTar(bytes)) return tarPayload(bytes);
  if (isGpgMessage(bytes)) return { kind: "encrypted", scheme: "gpg" };
  return sqlPayload(bytes) ?? { kind: "unknown" };
}

function startsWith(bytes: Uint8Array, signature: readonly number[] | string): boolean {
  const expected = typeof signature === "string" ? Array.from(signature, (letter) => letter.charCodeAt(0)) : signature;
  return expected.every((byte, at) => bytes[at] === byte);
}

function isSkippableZstd(bytes: Uint8Array): boolean {
  return (bytes[0]! & 0xf0) === 0x50 && startsWith(bytes.subarray(1), [0x2a, 0x4d, 0x18]);
}

/** OpenPGP begins with a session key packet: encrypted to a public key (tag 1) or with a passphrase (tag 3). */
function isGpgMessage(bytes: Uint8Array): boolean {
  const [first, second, third, fourth] = bytes;
  if (first === undefined || second === undefined || third === undefined || fourth === undefined) return false;
  const versionsOfTag: Readonly<Record<number, readonly number[]>> = { 1: [2, 3, 6], 3: [4, 5, 6] };
  const isNewForm = (first & 0xc0) === 0xc0;
  if ((first & 0x80) === 0) return false;
  const tag = isNewForm ? first & 0x3f : (first >> 2) & 0x0f;
  const lengthBytes = isNewForm ? (second < 192 ? 1 : second < 224 ? 2 : 5) : 2 ** (first & 3);
  const version = bytes[1 + lengthBytes];
  return version !== undefined && (versionsOfTag[tag]?.includes(version) ?? false);
}

const tarBlockBytes = 512;
const tarCheckAt = 148;
const tarCheckBytes = 8;

/** A tar header proves itself by its check sum, also where the word `ustar` is absent. */
function isTar(bytes: Uint8Array): boolean {
  if (bytes.length < tarBlockBytes) return false;
  const header = bytes.subarray(0, tarBlockBytes);
  const declared = Number.parseInt(ascii(header.subarray(tarCheckAt, tarCheckAt + tarCheckBytes)), 8);
  const isCheckField = (at: number): boolean => at >= tarCheckAt && at < tarCheckAt + tarCheckBytes;
  return declared === header.reduce((sum, byte, at) => sum + (isCheckField(at) ? 0x20 : byte), 0);
}

function tarPayload(bytes: Uint8Array): Payload {
  const name = ascii(bytes.subarray(0, 100)).replace(/\0.*$/s, "").replace(/^\.\//, "");
  if (name === "manifest.json") return { kind: "bundle" };
  return name === "toc.dat" ? { kind: "postgres-tar" } : { kind: "tar" };
}

function ascii(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}

const dialectMarks: readonly (readonly [RegExp, SqlDialect])[] = [
  [/^-- PostgreSQL database (cluster )?dump/m, "postgres"],
  [/^\\restrict |^SET (statement_timeout|lock_timeout|default_tablespace) /m, "postgres"],
  [/^COPY .+ FROM stdin;/m, "postgres"],
  [/^-- MariaDB dump |^\/\*M!|-MariaDB\b/m, "mariadb"],
  [/^-- MySQL dump /m, "mysql"],
  [/^\/\*!\d{5} |ENGINE=InnoDB|^LOCK TABLES `/m, "mysql"],
];
const statement =
  /^(--|\/\*|\\restrict|(SET|CREATE|INSERT|DROP|ALTER|BEGIN|START|USE|COPY|SELECT|DELETE|UPDATE|PRAGMA|LOCK)\s)/i;

function sqlPayload(bytes: Uint8Array): Payload | undefined {
  const withoutMark = startsWith(bytes, [0xef, 0xbb, 0xbf]) ? bytes.subarray(3) : bytes;
  const head = withoutMark.subarray(0, sniffBytes);
  if (head.some((byte) => byte < 0x09 || (byte > 0x0d && byte < 0x20))) return undefined;
  const beginning = ascii(head).trimStart();
  if (!statement.test(beginning)) return undefined;
  const dialect = dialectMarks.find(([mark]) => mark.test(beginning))?.[1] ?? "unknown";
  return { kind: "sql", dialect, isCluster: /^-- PostgreSQL database cluster dump/m.test(beginning) };
}
