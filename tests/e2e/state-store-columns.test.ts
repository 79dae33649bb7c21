// The view `backup_log` holds document 1's columns, each with what really happened, on both engines; and a copy of the
// state store that is put in its place shows the same.

import { Database } from "bun:sqlite";
import { afterAll, beforeAll, describe, expect } from "bun:test";
import { copyFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { findServerBinaries, startTestServer, type TestServer } from "../support/postgres-server.ts";
import { openResticWorld, testWithRestic, type ResticWorld } from "../support/restic-world.ts";
import { canary, type RunsJson } from "../support/world.ts";

const installed = await findServerBinaries();
let server: TestServer | undefined;

beforeAll(async () => {
  if (installed === undefined) return;
  server = await startTestServer();
  await server.run("postgres", `CREATE ROLE audit LOGIN PASSWORD '${canary}'`);
}, 60_000);
afterAll(() => server?.[Symbol.asyncDispose](), 60_000);

interface Place {
  readonly env: Readonly<Record<string, string>>;
  read(world: ResticWorld, sql: string): Promise<readonly Record<string, unknown>[]>;
  /** Puts the copy in place of the store, and gives the environment that uses it. */
  putBack(world: ResticWorld, copy: string): Promise<Readonly<Record<string, string>>>;
}

const sqliteFile = (world: ResticWorld): string => join(world.dir, "base", ".backupctl", "state.db");

const sqlite: Place = {
  env: {},
  async read(world, sql) {
    using database = new Database(sqliteFile(world), { readonly: true });
    return database.query(sql).all() as Record<string, unknown>[];
  },
  async putBack(world, copy) {
    const path = sqliteFile(world);
    for (const suffix of ["", "-wal", "-shm"]) await rm(path + suffix, { force: true });
    await copyFile(copy, `${path}.new`);
    await rename(`${path}.new`, path);
    return {};
  },
};

function postgresAt(name: string): Place {
  const urlOf = (database: string) => `postgres://audit:${canary}@127.0.0.1:${server!.port}/${database}`;
  return {
    env: { DATABASE_URL: urlOf(name) },
    read: (_world, sql) => server!.run(name, sql),
    async putBack(_world, copy) {
      await server!.run("postgres", `CREATE DATABASE ${name}_back OWNER audit`);
      const command = [join(server!.binDir, "pg_restore"), "--exit-on-error", "--no-owner", "--role=audit"];
      const place = ["-h", server!.admin.host, "-p", String(server!.port), "-U", "postgres", "-d", `${name}_back`];
      const restored = Bun.spawn([...command, ...place, copy], { stdout: "ignore", stderr: "pipe" });
      expect(await restored.stderr.text()).toBe("");
      expect(await restored.exited).toBe(0);
      return { DATABASE_URL: urlOf(`${name}_back`) };
    },
  };
}

interface Summary {
  readonly files_new: number;
  readonly files_changed: number;
  readonly data_added_packed: number;
}

/** A time as an instant, whichever form the engine has for it. */
const instant = (value: unknown): number => new Date(value as string | Date).getTime();

async function openWorld(place: Place): Promise<ResticWorld> {
  return openResticWorld({
    env: place.env,
    project: {
      encryption: { enabled: true, type: "aes-256-gcm", password: "${TEST_PASSWORD}" },
      retention: { keep_last: 1, local_days: 0 },
      verification: { enabled: true, level: "structure" },
    },
  });
}

const engines: readonly (readonly [string, () => Place])[] = [
  ["SQLite", () => sqlite],
  ...(installed === undefined ? [] : ([["PostgreSQL", () => postgresAt("columns")]] as const)),
];

for (const [engine, placeOf] of engines) {
  describe(`on ${engine}`, () => {
    testWithRestic(
      "every column of backup_log is what happened",
      async () => {
        const place = placeOf();
        if ("DATABASE_URL" in place.env) await server!.run("postgres", "CREATE DATABASE columns OWNER audit");
        await using world = await openWorld(place);
        const first = (JSON.parse((await world.run("run", "shop", "--json")).stdout) as RunsJson).runs[0]!;
        await Bun.write(join(world.uploadsPath, "new.bin"), crypto.getRandomValues(Buffer.alloc(50_000)));
        await Bun.write(join(world.uploadsPath, "a.txt"), "changed\n");
        await Bun.sleep(1_050);
        const second = (JSON.parse((await world.run("run", "shop", "--json")).stdout) as RunsJson).runs[0]!;
        expect([first.status, second.status]).toEqual(["succeeded", "succeeded"]);

        const rows = await place.read(world, "SELECT * FROM backup_log ORDER BY created_at");
        expect(rows).toHaveLength(2);
        const row = rows[1]!;
        expect(Object.keys(row)).toEqual([
          "id",
          "project_name",
          "status",
          "current_stage",
          "started_at",
          "completed_at",
          "dump_size_bytes",
          "encrypted",
          "verified",
          "snapshot_id",
          "snapshot_mode",
          "files_new",
          "files_changed",
          "bytes_added",
          "prune_snapshots_removed",
          "local_files_cleaned",
          "error_stage",
          "error_message",
          "retry_count",
          "duration_ms",
          "created_at",
        ]);
        expect(row).toMatchObject({ id: second.id, project_name: "shop", status: "success" });
        expect([row["error_stage"], row["error_message"]]).toEqual([null, null]);
        expect(row["current_stage"]).toBe("cleanup");
        expect([Boolean(row["encrypted"]), Boolean(row["verified"])]).toEqual([true, true]);
        expect(instant(row["started_at"])).toBe(instant(second.startedAt));
        expect(instant(row["completed_at"])).toBe(instant(second.finishedAt));
        expect(instant(row["created_at"])).toBe(instant(second.startedAt));
        expect(Number(row["duration_ms"])).toBe(second.durationMs!);
        expect(Number(row["retry_count"])).toBe(0);
        expect(Number(row["prune_snapshots_removed"])).toBe(1);
        expect(Number(row["local_files_cleaned"])).toBe(1);
        expect(row["snapshot_mode"]).toBe("combined");
        const [snapshot, ...others] = await world.snapshots();
        expect(others).toEqual([]);
        expect(row["snapshot_id"]).toBe(snapshot!.id);
        const { summary } = snapshot as unknown as { readonly summary: Summary };
        expect(Number(row["files_new"])).toBe(summary.files_new);
        expect(Number(row["files_changed"])).toBe(summary.files_changed);
        expect(Number(row["bytes_added"])).toBe(summary.data_added_packed);
        expect(summary.files_changed).toBeGreaterThan(0);
        // The dump that the snapshot holds is as large as it is said to be.
        const listed = (await world.restic("ls", "--json", "latest")).trim().split("\n");
        const dump = listed
          .map((line) => JSON.parse(line) as { path?: string; size?: number })
          .find(({ path }) => path?.endsWith(".sqlite.enc"));
        expect(Number(row["dump_size_bytes"])).toBe(dump!.size!);

        // A run that fails says where, and has nothing of a snapshot.
        await rename(world.databasePath, `${world.databasePath}.away`);
        const failed = (JSON.parse((await world.run("run", "shop", "--json")).stdout) as RunsJson).runs[0]!;
        await rename(`${world.databasePath}.away`, world.databasePath);
        const [bad] = await place.read(world, `SELECT * FROM backup_log WHERE id = '${failed.id}'`);
        expect(bad).toMatchObject({
          status: "failed",
          error_stage: failed.error!.stage,
          error_message: failed.error!.message,
          snapshot_id: null,
          files_new: null,
        });
        expect([Boolean(bad!["encrypted"]), Boolean(bad!["verified"])]).toEqual([false, false]);
      },
      120_000,
    );

    testWithRestic(
      "a copy that is put in place of the store shows the same",
      async () => {
        const place = engine === "SQLite" ? sqlite : postgresAt("copied");
        if ("DATABASE_URL" in place.env) await server!.run("postgres", "CREATE DATABASE copied OWNER audit");
        await using world = await openWorld(place);
        expect(await world.run("run", "shop")).toMatchObject({ exitCode: 0 });
        expect(await world.run("db", "backup", "copy.bin")).toMatchObject({ exitCode: 0 });
        const shown = async (env: Readonly<Record<string, string>>) => {
          const texts = [];
          for (const args of [
            ["status", "shop", "--last", "50"],
            ["logs", "shop"],
          ])
            texts.push((await world.runFromSource(env, ...args, "--json")).stdout);
          return texts;
        };
        const before = await shown({});
        // What happens after the copy is not in it.
        expect(await world.run("run", "shop")).toMatchObject({ exitCode: 0 });
        expect(await shown({})).not.toEqual(before);
        const env = await place.putBack(world, join(world.dir, "copy.bin"));
        expect(await shown(env)).toEqual(before);
        // The restored store takes new runs.
        expect(await world.runFromSource(env, "run", "shop")).toMatchObject({ exitCode: 0 });
        expect(await world.runFromSource(env, "db", "migrate")).toMatchObject({ exitCode: 0 });
      },
      120_000,
    );
  });
}
