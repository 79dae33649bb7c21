// MongoDB by the compiled program: backed up and drilled, restored in every way, and read by the stock tools.

import { expect } from "bun:test";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { describeMongo, fillSample } from "../support/mongo-sample.ts";
import { backupUser, canary, useMongo } from "../support/mongo-server.ts";
import { openTestWorld, type BackupsJson, type RunsJson, type World } from "../support/world.ts";

const { test, server } = useMongo();
let count = 0;

async function openWorld(project: object = {}): Promise<World & { readonly database: string }> {
  const database = `e2e-${++count}`;
  await fillSample(server().client.db(database));
  const world = await openTestWorld({
    env: { DB_PASSWORD: canary, MONGO_BIN_DIR: server().tools.mongoBinDir! },
    project: {
      database: {
        type: "mongodb",
        uri: `mongodb://127.0.0.1:${server().port}/?directConnection=true`,
        name: database,
        user: backupUser,
        password: "${DB_PASSWORD}",
      },
      assets: undefined,
      ...project,
    },
  });
  return { ...world, database };
}

const describePlace = (name: string): Promise<string> => describeMongo(server().client.db(name));

async function expectNothingLeft(world: World): Promise<void> {
  expect(await readdir(join(world.env["BACKUP_BASE_DIR"]!, ".tmp")).catch(() => [])).toEqual([]);
  expect((await server().listDatabases()).filter((name) => name.startsWith("backupctl_"))).toEqual([]);
}

test("a database is backed up, drilled and restored into a new one", async () => {
  await using world = await openWorld({ verification: { enabled: true, level: "restore" } });
  const { runs } = await world.json<RunsJson>("run", "shop");
  expect(runs[0]).toMatchObject({ status: "succeeded", error: null });
  expect(runs[0]!.warnings.join()).toContain("not at one point in time");
  const { backups } = await world.json<BackupsJson>("snapshots", "shop");
  expect(backups[0]!.verified).toMatchObject({ level: "restore", passed: true });
  expect((await world.listObjects("disk")).some((name) => name.endsWith(".archive.zst.enc"))).toBe(true);
  const outcome = await world.run("restore", "shop", "latest", "--into-database", `${world.database}-back`);
  expect(outcome).toMatchObject({ exitCode: 0 });
  expect(await describePlace(`${world.database}-back`)).toBe(await describePlace(world.database));
  for (const text of [outcome.stdout, outcome.stderr, JSON.stringify(runs)]) expect(text).not.toContain(canary);
  await expectNothingLeft(world);
}, 90_000);

test("a throw-away server proves the backup without the project's own", async () => {
  const verification = { enabled: true, level: "restore", drill: { on: "throwaway" } };
  await using world = await openWorld({ verification });
  const { runs } = await world.json<RunsJson>("run", "shop");
  expect(runs[0]).toMatchObject({ status: "succeeded", error: null });
  const { backups } = await world.json<BackupsJson>("snapshots", "shop");
  expect(backups[0]!.verified).toMatchObject({ level: "restore", passed: true });
  await expectNothingLeft(world);
}, 90_000);

test("a filled database is refused, and replaced after a safety backup", async () => {
  await using world = await openWorld();
  expect(await world.run("run", "shop")).toMatchObject({ exitCode: 0 });
  const filled = server().client.db(`${world.database}-filled`);
  await filled.collection("precious").insertOne({ id: 42 });
  const args = ["restore", "shop", "latest", "--into-database", filled.databaseName];
  expect((await world.run(...args)).stderr).toContain("not empty");
  expect(await filled.collection("precious").countDocuments()).toBe(1);
  expect(await world.run(...args, "--mode", "drop", "--yes")).toMatchObject({ exitCode: 0 });
  expect(await describePlace(filled.databaseName)).toBe(await describePlace(world.database));
  expect((await world.listObjects("disk")).some((name) => name.includes("_safety_"))).toBe(true);
  await expectNothingLeft(world);
}, 90_000);

test("a file is recognised by its bytes, and the guide's commands are those of the stock tools", async () => {
  await using world = await openWorld();
  expect(await world.run("run", "shop")).toMatchObject({ exitCode: 0 });
  const out = join(world.dir, "out");
  const restored = await world.run("restore", "shop", "latest", out, "--decompress", "--guide");
  expect(restored).toMatchObject({ exitCode: 0 });
  expect(restored.stdout + restored.stderr).toContain("mongorestore");
  const file = (await readdir(out, { recursive: true })).find((name) => name.endsWith(".archive"))!;
  const into = `${world.database}-file`;
  const outcome = await world.run("restore", "--from", join(out, file), "--db", "shop", "--into-database", into);
  expect(outcome).toMatchObject({ exitCode: 0 });
  expect(await describePlace(into)).toBe(await describePlace(world.database));
}, 90_000);

test("wrong credentials and a server that is away have exit code 4", async () => {
  await using world = await openWorld();
  const away = await openTestWorld({ env: { ...world.env, DB_PASSWORD: "wrong" } });
  await using held = away;
  await held.configure({
    project: {
      database: {
        type: "mongodb",
        host: "127.0.0.1",
        port: server().port,
        name: "x",
        user: "u",
        password: "${DB_PASSWORD}",
      },
      assets: undefined,
    },
  });
  const { runs } = await held.json<RunsJson>("run", "shop");
  expect(runs[0]!.error?.code).toBe("source_auth_failed");
  expect(await held.run("run", "shop")).toMatchObject({ exitCode: 4 });
}, 90_000);
