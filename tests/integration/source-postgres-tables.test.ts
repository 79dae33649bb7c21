// Single tables of a backup restored into a new database: each with all that it needs, and without what others own.

import { afterAll, beforeAll, describe, expect } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PostgresOptions } from "../../src/adapters/source/postgres/config.ts";
import { open } from "../../src/adapters/source/postgres/index.ts";
import { restoreParts, takeDump, type TakenDump } from "../../src/ports/source.contract.ts";
import { fullRestore, type Source } from "../../src/ports/source.ts";
import { createTestDatabase, startTestServer, type TestServer } from "../support/postgres-server.ts";
import { needs } from "../support/requirement.ts";

const never = new AbortController().signal;
const test = needs("initdb");

const statements = [
  "CREATE EXTENSION hstore",
  "COMMENT ON EXTENSION hstore IS 'not ours'",
  "CREATE TABLE item (id int PRIMARY KEY, name text)",
  "INSERT INTO item SELECT i, 'item ' || i FROM generate_series(1, 20) AS i",
  "CREATE TABLE sale (id serial, item_id int)",
  "INSERT INTO sale (item_id) SELECT i FROM generate_series(1, 20) AS i",
  // Grouped by a primary key: pg_dump writes the view as a rule, at the end.
  "CREATE VIEW item_sales AS SELECT i.id, i.name, count(*) AS n FROM item AS i JOIN sale AS s ON s.item_id = i.id GROUP BY i.id",
  "CREATE TABLE base (id int, note text)",
  "CREATE TABLE derived (extra int) INHERITS (base)",
  "INSERT INTO base VALUES (1, 'base')",
  "INSERT INTO derived VALUES (2, 'derived', 3)",
  "CREATE TABLE member (uid int)",
  "CREATE TABLE secret (id int, uid int)",
  "INSERT INTO secret VALUES (1, 1)",
  "CREATE POLICY members ON secret USING (uid IN (SELECT uid FROM member))",
  "CREATE POLICY small ON secret USING (id < 100)",
  "ALTER TABLE secret ENABLE ROW LEVEL SECURITY",
  "CREATE TABLE audit (id int)",
  "CREATE TABLE ruled (id int)",
  "CREATE RULE audited AS ON INSERT TO ruled DO ALSO INSERT INTO audit VALUES (new.id)",
  "INSERT INTO ruled VALUES (7)",
  "CREATE TABLE copies (of item, at int)",
  "INSERT INTO copies SELECT item, 1 FROM item WHERE id < 4",
  "CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END'",
  "REVOKE EXECUTE ON FUNCTION touch() FROM PUBLIC",
  "CREATE TABLE parted (k int, v text, PRIMARY KEY (k)) PARTITION BY LIST (k)",
  "CREATE INDEX parted_v ON parted (v)",
  "CREATE TRIGGER touched BEFORE INSERT ON parted FOR EACH ROW EXECUTE FUNCTION touch()",
  "CREATE TABLE parted_1 PARTITION OF parted FOR VALUES IN (1)",
  "CREATE TABLE parted_2 PARTITION OF parted FOR VALUES IN (2)",
  "ALTER TABLE parted_1 DISABLE TRIGGER touched",
  "CREATE TRIGGER own BEFORE UPDATE ON parted_1 FOR EACH ROW EXECUTE FUNCTION touch()",
  "INSERT INTO parted VALUES (1, 'one'), (2, 'two')",
  "CREATE SEQUENCE numbers",
  "COMMENT ON SEQUENCE numbers IS 'shared'",
  "CREATE TABLE numbered (id int DEFAULT nextval('numbers'))",
  "INSERT INTO numbered SELECT FROM generate_series(1, 50)",
  "CREATE TABLE borrowed (id int DEFAULT nextval('sale_id_seq'))",
  "CREATE FUNCTION items() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT count(*) FROM item; END",
  "CREATE TABLE counted (n bigint DEFAULT items())",
  "INSERT INTO counted DEFAULT VALUES",
];

describe("single tables", () => {
  let server: TestServer;
  let tmpDir: string;
  let taken: TakenDump;
  let count = 0;

  beforeAll(async () => {
    server = await startTestServer();
    tmpDir = await mkdtemp(join(tmpdir(), "bk-tables-"));
    await createTestDatabase(server, "whole", ...statements);
    taken = await takeDump(source());
  }, 60_000);
  afterAll(async () => {
    await server[Symbol.asyncDispose]();
    await rm(tmpDir, { recursive: true, force: true });
  }, 60_000);

  function source(user = "postgres"): Source {
    const config = { ...server.admin, user, name: "whole", options: PostgresOptions.parse({}) };
    return open(config, { tmpDir, tools: {}, log: () => {} });
  }

  async function restoreTables(...tables: string[]) {
    return restoreTablesAs("postgres", ...tables);
  }

  async function restoreTablesAs(user: string, ...tables: string[]) {
    const place = `some_${++count}`;
    const warnings: string[] = [];
    await using target = await source(user).openTarget({
      database: place,
      mode: "create",
      stopConnections: false,
      signal: never,
    });
    for (const part of restoreParts(taken)) {
      warnings.push(
        ...(await target.restore(part, { ...fullRestore, tables, noOwner: user !== "postgres" }, never)).warnings,
      );
    }
    await target.commit();
    const relations = await server.run(
      place,
      `SELECT relname AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'S')
      ORDER BY relname`,
    );
    const told = warnings.filter((warning) => !warning.includes("security holes"));
    return { place, relations: relations.map((row) => row["name"]), warnings: told };
  }

  async function value(place: string, sql: string): Promise<unknown> {
    const [row] = await server.run(place, `SELECT (${sql}) AS it`);
    return row?.["it"];
  }

  test("a view that groups by the table's key does not come with the table", async () => {
    const { place, relations, warnings } = await restoreTables("item");
    expect(relations).toEqual(["item"]);
    expect(warnings).toEqual([]);
    expect(await value(place, "SELECT count(*)::int FROM item")).toBe(20);
  }, 60_000);

  test("a table that inherits brings the definition of what it inherits from, and says that it has no rows", async () => {
    const { place, relations, warnings } = await restoreTables("derived");
    expect(relations).toEqual(["base", "derived"]);
    expect(await value(place, "SELECT json_agg(b) FROM base AS b")).toEqual([{ id: 2, note: "derived" }]);
    expect(warnings).toEqual(["table public.base was restored without its rows: what was selected is defined by it"]);
  }, 60_000);

  test("a table with a column of another table's row type brings that table's definition", async () => {
    const { place, relations, warnings } = await restoreTables("copies");
    expect(relations).toEqual(["copies", "item"]);
    expect(await value(place, "SELECT sum((of).id)::int FROM copies")).toBe(6);
    expect(warnings.join()).toContain("public.item");
  }, 60_000);

  test("a table whose default asks another table brings that table's definition", async () => {
    const { place, relations } = await restoreTables("counted");
    expect(relations).toEqual(["counted", "item"]);
    expect(await value(place, "SELECT n::int FROM counted")).toBe(20);
  }, 60_000);

  test("policies and rules over tables that were not selected are left out, and named", async () => {
    const { place, relations, warnings } = await restoreTables("secret", "ruled");
    expect(relations).toEqual(["ruled", "secret"]);
    expect(warnings.toSorted()).toEqual([
      "policy secret members was left out: it refers to a table that was not selected",
      "rule ruled audited was left out: it refers to a table that was not selected",
    ]);
    expect(await value(place, "SELECT json_agg(polname) FROM pg_policy")).toEqual(["small"]);
    expect(await value(place, "SELECT relrowsecurity FROM pg_class WHERE relname = 'secret'")).toBe(true);
    const both = await restoreTables("secret", "member", "ruled", "audit");
    expect(both.warnings).toEqual([]);
    expect(await value(both.place, "SELECT count(*)::int FROM pg_policy")).toBe(2);
    expect(await value(both.place, "SELECT count(*)::int FROM pg_rewrite WHERE rulename = 'audited'")).toBe(1);
  }, 60_000);

  test("a single partition comes back as a table of its own with its key, index and trigger", async () => {
    const { place, relations, warnings } = await restoreTables("parted_1");
    expect(relations).toEqual(["parted_1"]);
    expect(warnings).toEqual([]);
    expect(await value(place, "SELECT json_agg(p) FROM parted_1 AS p")).toEqual([{ k: 1, v: "one" }]);
    expect(await value(place, "SELECT count(*)::int FROM pg_index WHERE indrelid = 'parted_1'::regclass")).toBe(2);
    expect(await value(place, "SELECT json_agg(tgname) FROM pg_trigger")).toEqual(["own"]);
    expect(
      await value(
        place,
        "SELECT proacl::text LIKE '%=X/%' AND proacl::text NOT LIKE '{=X/%' FROM pg_proc WHERE proname = 'touch'",
      ),
    ).toBe(true);
  }, 60_000);

  test("who is not a superuser restores a table although the backup has extensions with comments", async () => {
    await server.run("postgres", "CREATE ROLE maker LOGIN CREATEDB");
    const { place, relations } = await restoreTablesAs("maker", "item");
    expect(relations).toEqual(["item"]);
    expect(await value(place, "SELECT count(*)::int FROM item")).toBe(20);
  }, 60_000);

  test("a sequence of its own that a default uses goes on where it was", async () => {
    const { place, relations } = await restoreTables("numbered", "borrowed");
    expect(relations).toEqual(["borrowed", "numbered", "numbers", "sale_id_seq"]);
    expect(await value(place, "SELECT nextval('numbers')::int")).toBe(51);
    expect(await value(place, "SELECT nextval('sale_id_seq')::int")).toBe(21);
    expect(await value(place, "SELECT obj_description('numbers'::regclass)")).toBe("shared");
  }, 60_000);
});
