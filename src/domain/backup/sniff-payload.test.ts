import { expect, test } from "bun:test";
import fc from "fast-check";
import { sniffBytes, sniffPayload } from "./sniff-payload.ts";

const text = (value: string): Uint8Array => Uint8Array.from(Buffer.from(value, "utf8"));
const of = (...bytes: number[]): Uint8Array => Uint8Array.from([...bytes, ...Array(32).fill(0x55)]);

function tar(name: string, mark = "ustar\0"): Uint8Array {
  const block = new Uint8Array(1024);
  block.set(text(name), 0);
  block.set(text("0000644\0"), 100);
  block.set(text(mark), 257);
  block.fill(0x20, 148, 156);
  const sum = block.subarray(0, 512).reduce((total, byte) => total + byte, 0);
  block.set(text(`${sum.toString(8).padStart(6, "0")}\0 `), 148);
  return block;
}

test("encrypted files are recognised", () => {
  expect(sniffPayload(text("BKCTL\r\n\x1a\x01"))).toEqual({ kind: "encrypted", scheme: "aes-256-gcm" });
  for (const age of ["age-encryption.org/v1\n-> X25519", "-----BEGIN AGE ENCRYPTED FILE-----\n"]) {
    expect(sniffPayload(text(age))).toEqual({ kind: "encrypted", scheme: "age" });
  }
  const gpg = { kind: "encrypted", scheme: "gpg" } as const;
  expect(sniffPayload(text("-----BEGIN PGP MESSAGE-----\n\n"))).toEqual(gpg);
  for (const bytes of [
    of(0x84, 0x5e, 3), // old form, length in one byte, public key
    of(0x85, 0x01, 0x8c, 3), // two bytes
    of(0x86, 0, 0, 1, 0x8c, 3), // four bytes
    of(0xc1, 0x4c, 3), // new form
    of(0xc1, 0xc5, 0x01, 6), // new form, two bytes
    of(0xc1, 0xff, 0, 0, 1, 0, 3), // new form, five bytes
    of(0x8c, 0x0d, 4), // passphrase
    of(0xc3, 0x0d, 5),
    of(0xc3, 0x0d, 6),
  ]) {
    expect(sniffPayload(bytes)).toEqual(gpg);
  }
  for (const bytes of [of(0x85, 1, 0x8c, 9), of(0xc3, 0x0d, 3), of(0xc1, 0x4c, 4), of(0x88, 5, 3), of(0x04, 5, 3)]) {
    expect(sniffPayload(bytes)).toEqual({ kind: "unknown" });
  }
});

test("compressed files are recognised", () => {
  expect(sniffPayload(of(0x28, 0xb5, 0x2f, 0xfd))).toEqual({ kind: "compressed", algorithm: "zstd" });
  expect(sniffPayload(of(0x50, 0x2a, 0x4d, 0x18))).toEqual({ kind: "compressed", algorithm: "zstd" });
  expect(sniffPayload(of(0x5f, 0x2a, 0x4d, 0x18))).toEqual({ kind: "compressed", algorithm: "zstd" });
  expect(sniffPayload(of(0x60, 0x2a, 0x4d, 0x18))).toEqual({ kind: "unknown" });
  expect(sniffPayload(of(0x1f, 0x8b, 0x08))).toEqual({ kind: "compressed", algorithm: "gzip" });
  expect(sniffPayload(of(0x1f, 0x8b, 0x09))).toEqual({ kind: "unknown" });
});

test("dumps of databases are recognised", () => {
  expect(sniffPayload(text("PGDMP\x01\x10"))).toEqual({ kind: "postgres-custom" });
  expect(sniffPayload(text("SQLite format 3\0\x10"))).toEqual({ kind: "sqlite" });
  expect(sniffPayload(text("SQLite format 3"))).toEqual({ kind: "unknown" });
  expect(sniffPayload(of(0x6d, 0xe2, 0x99, 0x81))).toEqual({ kind: "mongo-archive" });
});

test("archives are told apart by their first entry", () => {
  for (const mark of ["ustar\0", "ustar ", ""]) {
    expect(sniffPayload(tar("data/file", mark))).toEqual({ kind: "tar" });
    expect(sniffPayload(tar("manifest.json", mark))).toEqual({ kind: "bundle" });
    expect(sniffPayload(tar("./toc.dat", mark))).toEqual({ kind: "postgres-tar" });
  }
  expect(sniffPayload(tar("toc.dat"))).toEqual({ kind: "postgres-tar" });
  expect(sniffPayload(tar("manifest.json.bak"))).toEqual({ kind: "tar" });
});

test("a block that only looks like a tar header is none", () => {
  const damaged = tar("file");
  damaged[0] = 0x67;
  expect(sniffPayload(damaged)).toEqual({ kind: "unknown" });
  expect(sniffPayload(tar("file").subarray(0, 511))).toEqual({ kind: "unknown" });
  expect(sniffPayload(tar("file").subarray(0, 512))).toEqual({ kind: "tar" });
  expect(sniffPayload(new Uint8Array(1024))).toEqual({ kind: "unknown" });
});

test("SQL text is recognised with its dialect", () => {
  const cases: readonly [string, string][] = [
    ["--\n-- PostgreSQL database dump\n--\n\nSET statement_timeout = 0;\n", "postgres"],
    ["--\n-- PostgreSQL database cluster dump\n--\n", "postgres"],
    ["\\restrict abc\n\nSET statement_timeout = 0;", "postgres"],
    ["SET lock_timeout = 0;\n", "postgres"],
    ["CREATE TABLE a (b int);\nCOPY public.a (b) FROM stdin;\n1\n", "postgres"],
    ["-- MySQL dump 10.13  Distrib 8.4.0, for Linux (x86_64)\n--\n", "mysql"],
    ["-- MariaDB dump 10.19  Distrib 10.11.6-MariaDB\n", "mariadb"],
    ["-- MySQL dump 10.19  Distrib 10.3.39-MariaDB, for Linux\n", "mariadb"],
    ["/*M!999999\\- enable the sandbox mode */ \n-- MariaDB dump 10.19\n", "mariadb"],
    ["/*!40101 SET @OLD_CHARACTER_SET_CLIENT=@@CHARACTER_SET_CLIENT */;\n", "mysql"],
    ["LOCK TABLES `a` WRITE;\n", "mysql"],
    ["create table a (b int) ENGINE=InnoDB;\n", "mysql"],
    ["\n  \nINSERT INTO a VALUES (1);\n", "unknown"],
    ["\ufeffBEGIN TRANSACTION;\n", "unknown"],
    ["PRAGMA foreign_keys=OFF;\n", "unknown"],
  ];
  for (const [sql, dialect] of cases) {
    const isCluster = sql.includes("cluster");
    expect([sql, sniffPayload(text(sql))]).toEqual([sql, { kind: "sql", dialect, isCluster } as never]);
  }
});

test("text that is no SQL, and SQL with binary bytes before its end, are unknown", () => {
  for (const value of ["hello", '{"a":1}', "<html>", "selection of things", "SETTING", "INSERT INTO a\0", "-- x\x01"]) {
    expect(sniffPayload(text(value))).toEqual({ kind: "unknown" });
  }
  expect(sniffPayload(text(`-- ${"x".repeat(sniffBytes)}\0`)).kind).toBe("sql");
});

test("an empty or tiny file is unknown", () => {
  for (let length = 0; length < 4; length++) expect(sniffPayload(new Uint8Array(length))).toEqual({ kind: "unknown" });
});

test("no input makes it fail", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 600 }), (bytes) => sniffPayload(bytes).kind.length > 0));
});
