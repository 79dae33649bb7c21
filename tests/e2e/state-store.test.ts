// The state store of the compiled program: copied while it is in use, and stopped in the middle of a run.

import { Database } from "bun:sqlite";
import { expect } from "bun:test";
import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { testWithBinary } from "../support/binary.ts";
import { canary, openTestWorld, type RunsJson } from "../support/world.ts";
import { findServerBinaries, startTestServer } from "../support/postgres-server.ts";
import { startTcpProxy } from "../support/tcp-proxy.ts";

testWithBinary("db backup copies a SQLite state store, never over a file", async () => {
  await using world = await openTestWorld();
  await world.run("run", "shop");
  const copied = await world.run("db", "backup", "copy.db", "--json");
  expect(copied).toMatchObject({ exitCode: 0 });
  const path = join(world.dir, "copy.db");
  expect(JSON.parse(copied.stdout)).toMatchObject({ file: path, format: "sqlite" });
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  using database = new Database(path, { readonly: true });
  expect(database.query("SELECT status FROM runs").all()).toEqual([{ status: "succeeded" }]);
  const again = await world.run("db", "backup", "copy.db");
  expect(again.exitCode).toBe(1);
  expect(again.stderr).toContain("is there already");
});

if ((await findServerBinaries()) !== undefined) {
  testWithBinary(
    "a PostgreSQL state store that stops in the middle of a run gets the whole record when it is back",
    async () => {
      await using server = await startTestServer();
      await server.run("postgres", `CREATE ROLE audit LOGIN PASSWORD '${canary}'`, "CREATE DATABASE audit OWNER audit");
      await using proxy = await startTcpProxy(server.port);
      await using world = await openTestWorld({
        env: {
          AUDIT_DB_HOST: "127.0.0.1",
          AUDIT_DB_PORT: String(proxy.port),
          AUDIT_DB_NAME: "audit",
          AUDIT_DB_USER: "audit",
          AUDIT_DB_PASSWORD: canary,
        },
      });
      const hook = `touch "${world.dir}/started"; while [ ! -e "${world.dir}/go" ]; do sleep 0.05; done`;
      await world.configure({ project: { hooks: { pre_backup: hook } } });
      const running = world.run("run", "shop", "--json");
      while (!(await Bun.file(join(world.dir, "started")).exists())) await Bun.sleep(20);
      proxy.setFaults({ refuse: true });
      proxy.resetAll();
      await writeFile(join(world.dir, "go"), "");
      const outcome = await running;
      expect(outcome).toMatchObject({ exitCode: 0 });
      expect(outcome.stderr.split("what is to be recorded is kept")).toHaveLength(2);
      const [run] = (JSON.parse(outcome.stdout) as RunsJson).runs;
      expect(run).toMatchObject({ status: "succeeded", warnings: [] });
      const journal = join(world.env["BACKUP_BASE_DIR"]!, ".fallback-audit", "fallback.jsonl");
      const kept = await readFile(journal, "utf8");
      expect(kept).toContain(run!.id);
      expect(kept).not.toContain(canary);
      expect((await server.run("audit", "SELECT status FROM runs"))[0]).toEqual({ status: "running" });

      proxy.setFaults({});
      expect(await world.run("status", "shop")).toMatchObject({ exitCode: 0 });
      expect(await readFile(journal, "utf8")).toBe("");
      const [row, ...more] = await server.run("audit", "SELECT * FROM backup_log");
      expect(more).toEqual([]);
      expect(row).toMatchObject({ id: run!.id, status: "success", encrypted: true, verified: true, error_stage: null });
      const stages = await server.run("audit", "SELECT stage, outcome FROM run_stages ORDER BY position");
      expect(stages.map(({ stage }) => stage)).toEqual(["pre_hook", "dump", "verify", "sync", "prune"]);
      expect(new Set(stages.map(({ outcome: how }) => how))).toEqual(new Set(["succeeded"]));

      const copied = await world.run("db", "backup", "audit.dump");
      expect(copied).toMatchObject({ exitCode: 0 });
      expect((await readFile(join(world.dir, "audit.dump"))).subarray(0, 5).toString()).toBe("PGDMP");
    },
    90_000,
  );
}
