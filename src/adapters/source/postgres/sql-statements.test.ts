import { expect, test } from "bun:test";
import { splitStatements } from "./sql-statements.ts";

test("statements are split at semicolons outside quotes and comments", () => {
  const sql = `-- a; comment
CREATE ROLE "a;b";
ALTER ROLE "a;b" WITH PASSWORD 'x;''y';
/* ; */ COMMENT ON ROLE e IS E'it\\'s; \\\\';
DO $body$ BEGIN; END $body$;

GRANT a TO b`;
  expect(splitStatements(sql)).toEqual([
    `CREATE ROLE "a;b"`,
    `ALTER ROLE "a;b" WITH PASSWORD 'x;''y'`,
    `COMMENT ON ROLE e IS E'it\\'s; \\\\'`,
    `DO $body$ BEGIN; END $body$`,
    "GRANT a TO b",
  ]);
});

test("a word that ends in e before a quote is no escape string", () => {
  expect(splitStatements(`SELECT type'a\\';SELECT 2`)).toEqual([`SELECT type'a\\'`, "SELECT 2"]);
});
