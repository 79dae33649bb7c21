// A PostgreSQL database with every kind of object comes back as it was, in every way of dumping and restoring it.

import { afterAll, beforeAll, describe, expect } from "bun:test";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { open } from "../../src/adapters/source/postgres/index.ts";
import { PostgresOptions } from "../../src/adapters/source/postgres/config.ts";
import { restoreParts, takeDump } from "../../src/ports/source.contract.ts";
import { fullRestore, type RestoreMode, type RestoreOptions, type Source } from "../../src/ports/source.ts";
import { describeDatabase } from "../support/describe-postgres.ts";
import { createTestDatabase, startTestServer, type TestServer } from "../support/postgres-server.ts";
import { needs } from "../support/requirement.ts";
import { findToolDirectory, toolPath } from "../support/tools.ts";

const never = new AbortController().signal;
const original = "rich";

function describeObjects(title: string, test: ReturnType<typeof needs>, pgBinDir: string | undefined): void {
  describe(title, () => {
    let server: TestServer;
    let tmpDir: string;
    let count = 0;

    beforeAll(async () => {
      server = await startTestServer(pgBinDir === undefined ? {} : { binDir: pgBinDir });
      tmpDir = await mkdtemp(join(tmpdir(), "bk-source-"));
      await server.run("postgres", 'CREATE ROLE "sample owner" NOLOGIN', "CREATE ROLE sample_reader NOLOGIN");
      await createTestDatabase(server, original);
      await server.runFile(original, join(import.meta.dir, "../support/postgres-sample.sql"));
      await server.run(
        "postgres",
        `ALTER DATABASE rich SET search_path TO data, "Größe ""X"" 💥", public`,
        `ALTER DATABASE rich SET work_mem TO '7MB'`,
        `COMMENT ON DATABASE rich IS 'it''s rich'`,
        `GRANT CREATE ON DATABASE rich TO sample_reader`,
        "ALTER DATABASE rich CONNECTION LIMIT 42",
        `ALTER ROLE "sample owner" IN DATABASE rich SET search_path TO "Größe ""X"" 💥", public`,
        "ALTER ROLE sample_reader IN DATABASE rich SET work_mem TO '9MB'",
      );
    }, 60_000);
    afterAll(async () => {
      await server[Symbol.asyncDispose]();
      await rm(tmpDir, { recursive: true, force: true });
    }, 60_000);

    function source(options: Partial<PostgresOptions> = {}, database = original): Source {
      const config = { ...server.admin, name: database, options: { ...PostgresOptions.parse({}), ...options } };
      return open(config, { tmpDir, tools: pgBinDir === undefined ? {} : { pgBinDir }, log: () => {} });
    }

    async function backUpAndRestore(
      options: Partial<PostgresOptions>,
      restoreOptions: Partial<RestoreOptions> = {},
      mode: RestoreMode = "create",
      place = `restored_${++count}`,
    ): Promise<{ place: string; warnings: readonly string[]; counts: readonly { table: string; rows: number }[] }> {
      const taken = await takeDump(source(options));
      await using target = await source(options).openTarget({
        database: place,
        mode,
        stopConnections: false,
        signal: never,
      });
      const warnings: string[] = [];
      for (const part of restoreParts(taken)) {
        warnings.push(...(await target.restore(part, { ...fullRestore, ...restoreOptions }, never)).warnings);
      }
      const counts = await target.countRows(never);
      if (Object.keys(restoreOptions).length === 0 && mode === "create") {
        expect(counts.toSorted(byName)).toEqual([...taken.summary.rowCounts!.tables].toSorted(byName));
      }
      await target.commit();
      return { place, warnings, counts };
    }

    async function properties(database: string): Promise<string> {
      const rows = await server.run(
        "postgres",
        `SELECT pg_get_userbyid(datdba) AS owner, encoding, datcollate, datctype, ARRAY(SELECT acl::text FROM unnest(datacl) AS acl ORDER BY 1) AS acl, datconnlimit,
      shobj_description(oid, 'pg_database') AS comment,
      ARRAY(SELECT setrole::regrole || ' ' || setconfig::text FROM pg_db_role_setting WHERE setdatabase = d.oid ORDER BY 1) AS settings
    FROM pg_database AS d WHERE datname = '${database}'`,
      );
      return JSON.stringify(rows);
    }

    for (const [title, options, restoreOptions] of [
      ["custom format, restored from the stream", {}, {}],
      ["custom format, restored by two jobs from a file", {}, { jobs: 2 }],
      ["directory format by two jobs, restored by one", { parallel: 2 }, {}],
      ["directory format by two jobs, restored by two", { parallel: 2, globals: true }, { jobs: 2 }],
    ] as const) {
      test(`every object and row comes back: ${title}`, async () => {
        const { place } = await backUpAndRestore(options, restoreOptions);
        expect(await describeDatabase(server, place)).toBe(await describeDatabase(server, original));
        expect(await properties(place)).toBe(await properties(original));
        expect(await readdir(tmpDir)).toEqual([]);
      }, 60_000);
    }

    test("a drill on a throw-away server has owners, grants and policies although its roles are unknown there", async () => {
      const taken = await takeDump(source());
      await using drill = await source().openDrill({ on: "throwaway", signal: never });
      for (const part of restoreParts(taken)) await drill.restore(part, fullRestore, never);
      const counts = await drill.countRows(never);
      expect(counts.toSorted(byName)).toEqual([...taken.summary.rowCounts!.tables].toSorted(byName));
      expect(counts.find((entry) => entry.table === "events_2024_a")?.rows).toBeGreaterThan(0);
      expect(counts.find((entry) => entry.table === "base")?.rows).toBe(1);
    }, 60_000);

    function byName(a: { schema: string; table: string }, b: { schema: string; table: string }): number {
      return `${a.schema}.${a.table}` < `${b.schema}.${b.table}` ? -1 : 1;
    }

    test("mode clean puts everything back in place", async () => {
      const { place } = await backUpAndRestore({});
      await server.run(place, "DELETE FROM data.child", "UPDATE data.parent SET amount = 0", "DROP VIEW data.simple");
      await backUpAndRestore({}, {}, "clean", place);
      expect(await describeDatabase(server, place)).toBe(await describeDatabase(server, original));
    }, 60_000);

    test("mode clean fills a database that has lost everything", async () => {
      const place = `restored_${++count}`;
      await createTestDatabase(server, place);
      await backUpAndRestore({}, {}, "clean", place);
      expect(await describeDatabase(server, place)).toBe(await describeDatabase(server, original));
    }, 60_000);

    test("mode drop keeps the replaced database's owner, grants and settings", async () => {
      const place = `restored_${++count}`;
      await createTestDatabase(server, place, "CREATE TABLE t (a int)");
      await server.run(
        "postgres",
        `ALTER DATABASE ${place} OWNER TO "sample owner"`,
        `ALTER DATABASE ${place} SET work_mem TO '9MB'`,
        `ALTER DATABASE ${place} CONNECTION LIMIT 33`,
        `GRANT CONNECT ON DATABASE ${place} TO sample_reader`,
        `COMMENT ON DATABASE ${place} IS 'mine'`,
      );
      const before = await properties(place);
      await backUpAndRestore({}, {}, "drop", place);
      expect(await properties(place)).toBe(before);
      expect(await describeDatabase(server, place)).toBe(await describeDatabase(server, original));
    }, 60_000);

    test("schema only has the definitions and no rows", async () => {
      const { place, counts } = await backUpAndRestore({ schema_only: true });
      expect(counts.length).toBeGreaterThan(10);
      expect(counts.every((entry) => entry.rows === 0)).toBe(true);
      const [definitions] = (await describeDatabase(server, place)).split("\n[", 1);
      expect((await describeDatabase(server, original)).startsWith(definitions!.slice(0, 2_000))).toBe(true);
    }, 60_000);

    test("definitions and rows restored one after the other give the whole", async () => {
      const { place } = await backUpAndRestore({}, { schemaOnly: true });
      await backUpAndRestore({}, { dataOnly: true }, "append", place);
      expect(await describeDatabase(server, place)).toContain("CREATE TABLE data.all_types");
      const [row] = await server.run(place, "SELECT count(*)::int AS n FROM data.all_types");
      expect(row).toEqual({ n: 502 });
    }, 60_000);

    test("included tables bring types and sequences, and nothing else; hostile names are literal", async () => {
      const hostile = `--drop 'table' $(touch x) \`id\` ;`;
      const { place, counts } = await backUpAndRestore({
        include_tables: ["data.all_types", hostile, "data.events", `"Größe ""X"" 💥"."with.dot and\nnewline"`],
      });
      expect(counts.map((entry) => entry.table).toSorted()).toEqual(
        [
          hostile,
          "all_types",
          "events_2023",
          "events_2024_a",
          "events_2024_other",
          "events_rest",
          "with.dot and\nnewline",
        ].toSorted(),
      );
      const rows = await server.run(place, `SELECT count(*)::int AS n FROM data.events`);
      expect(rows).toEqual([{ n: 1000 }]);
    }, 60_000);

    test("excluded tables are gone with their partitions, and tables without rows are empty", async () => {
      const { counts } = await backUpAndRestore({
        exclude_tables: ["data.event?", "simple", "counted"],
        exclude_table_data: ["data.all_*"],
      });
      const tables = counts.map((entry) => entry.table);
      expect(tables.some((table) => table.startsWith("events"))).toBe(false);
      expect(counts.find((entry) => entry.table === "all_types")?.rows).toBe(0);
    }, 60_000);

    test("an included table that does not exist fails, so that no gap is silent", async () => {
      const error = takeDump(source({ include_tables: ["data.parent", "data.typo"] }));
      await expect(error).rejects.toMatchObject({ code: "source_failed" });
    });

    test("selected tables are restored with indexes, constraints, triggers, sequences and partitions", async () => {
      const { place, counts, warnings } = await backUpAndRestore({}, { tables: ["data.parent", "events", "child"] });
      expect(counts.map((entry) => entry.table).toSorted()).toEqual(
        ["child", "events_2023", "events_2024_a", "events_2024_other", "events_rest", "parent"].toSorted(),
      );
      expect(warnings).toEqual([]);
      const objects = `SELECT (SELECT count(*)::int FROM pg_index WHERE indrelid = 'data.parent'::regclass) AS indexes,
    (SELECT count(*)::int FROM pg_constraint WHERE conrelid IN ('data.parent'::regclass, 'data.child'::regclass)) AS constraints,
    (SELECT count(*)::int FROM pg_trigger WHERE tgrelid = 'data.parent'::regclass AND NOT tgisinternal) AS triggers,
    (SELECT count(*)::int FROM pg_policy WHERE polrelid = 'data.parent'::regclass) AS policies,
    (SELECT count(*)::int FROM pg_inherits WHERE inhparent = 'data.events'::regclass) AS partitions,
    (SELECT last_value::int FROM data.parent_id_seq) AS sequence,
    (SELECT last_value::int FROM data.child_id_seq) AS identity`;
      expect(await server.run(place, objects)).toEqual(await server.run(original, objects));
    }, 60_000);

    test("a selected table leaves out the foreign key to a table that was not selected, and says so", async () => {
      const { warnings } = await backUpAndRestore({}, { tables: ["data.child"] });
      expect(warnings.join("\n")).toContain("child_parent_id_fkey");
    }, 60_000);

    test("a selected table that the backup does not hold fails and leaves nothing", async () => {
      const before = await server.listDatabases();
      await expect(backUpAndRestore({}, { tables: ["nothing"] })).rejects.toMatchObject({ code: "restore_failed" });
      expect(await server.listDatabases()).toEqual(before);
    }, 60_000);

    test("without owner and privileges everything belongs to who restores", async () => {
      const { place } = await backUpAndRestore({}, { noOwner: true, noPrivileges: true });
      const text = await describeDatabase(server, place);
      expect(text).not.toMatch(/^GRANT|OWNER TO "sample owner"/m);
    }, 60_000);

    test("the plain form of an archive is SQL that psql restores to the same", async () => {
      for (const options of [{}, { parallel: 2 }]) {
        const [part] = (await takeDump(source(options), "off")).parts;
        const file = join(tmpDir, `archive.${part!.format}`);
        await Bun.write(file, part!.bytes);
        const plain = await source().writePlainForm(file, part!.format, never);
        expect(plain).toBe(`${file}.sql`);
        const place = `restored_${++count}`;
        await using target = await source().openTarget({
          database: place,
          mode: "create",
          stopConnections: false,
          signal: never,
        });
        await target.restore({ format: "sql", facts: {}, stream: Bun.file(plain!).stream() }, fullRestore, never);
        await target.commit();
        expect(await describeDatabase(server, place)).toBe(await describeDatabase(server, original));
        await rm(file);
        await rm(plain!);
      }
    }, 60_000);
  });
}

describeObjects("the system's PostgreSQL", needs("pg_dump", "psql"), undefined);
const newer = findToolDirectory("postgresql-17");
if (newer !== undefined || process.env["CI"] === "true")
  describeObjects("PostgreSQL 17", needs(toolPath("postgres-17")), newer);
else needs(toolPath("postgres-17"))("every object and row comes back from PostgreSQL 17", () => {});
