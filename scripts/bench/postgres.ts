// PostgreSQL: dump and restore against the plain pipeline, one and three storages, memory at two sizes.

import { rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { createTestDatabase, startTestServer } from "../../tests/support/postgres-server.ts";
import { alternate, runOnce } from "./measure.ts";
import { addMemory, addRatio } from "./report.ts";
import { encryption, noVerification, shell, type World } from "./world.ts";

export interface PostgresSizes {
  readonly gigabytes: number;
  readonly bigGigabytes: number;
  readonly rounds: number;
}

/** About 250 bytes a row in the dump: text that compresses about three times, as business data does. */
const rowsPerGigabyte = 4_000_000;

export async function benchPostgres(world: World, sizes: PostgresSizes): Promise<void> {
  await using server = await startTestServer({
    settings: ["fsync=off", "max_wal_size=4GB", "autovacuum=off", "shared_buffers=256MB"],
  });
  await createTestDatabase(server, "bench");
  await fillEvents(server, "bench", sizes.gigabytes);
  const { host } = server.admin;
  const socket = `-h ${host} -p ${server.admin.port} -U ${server.admin.user}`;
  const pg = (tool: string): string => join(server.binDir, tool);
  const project = (name: string, database: string, storage: readonly string[]) => ({
    name,
    database: { type: "postgres", host, port: server.admin.port, name: database, user: server.admin.user },
    storage,
    encryption,
    verification: noVerification,
  });
  const disks = ["disk", "disk2", "disk3"].map((name) => ({
    name,
    type: "local",
    local: { path: join(world.dir, "stores", name) },
  }));
  const env = await world.configure("postgres", {
    version: 1,
    storage: disks,
    tools: { pg_bin_dir: server.binDir },
    projects: [project("one", "bench", ["disk"]), project("three", "bench", ["disk", "disk2", "disk3"])],
  });
  const clear = async (): Promise<void> => {
    for (const { local } of disks) await rm(local.path, { recursive: true, force: true });
  };
  const plainFile = join(world.dir, "plain.dump.zst.enc");
  const [ours, plain] = await alternate(
    [
      { name: "backupctl run", argv: [world.binary, "run", "one"], env, before: clear },
      shell(
        "pg_dump | zstd | openssl",
        `${pg("pg_dump")} ${socket} -Fc -Z0 bench | zstd -3 -q | ${world.openssl} > ${plainFile}`,
      ),
    ],
    sizes.rounds,
  );
  addRatio(
    `PostgreSQL ${sizes.gigabytes} GB to local, zstd 3 + aes-256-gcm`,
    ours!.medianSeconds,
    plain!.medianSeconds,
    1.1,
  );
  addMemory(`memory, PostgreSQL ${sizes.gigabytes} GB, one storage`, ours!.peakBytes, 160);

  const [three, one] = await alternate(
    [
      { name: "three storages", argv: [world.binary, "run", "three"], env, before: clear },
      { name: "one storage", argv: [world.binary, "run", "one"], env, before: clear },
    ],
    sizes.rounds,
  );
  addRatio("three local storages at once against one", three!.medianSeconds, one!.medianSeconds, 1.25);
  addMemory(`memory, PostgreSQL ${sizes.gigabytes} GB, three storages`, three!.peakBytes, 200);

  await clear();
  await runOnce({ name: "backup for the restore", argv: [world.binary, "run", "one"], env });
  const dropTargets = async (): Promise<void> => {
    for (const name of ["restored_a", "restored_b"]) await server.run("postgres", `DROP DATABASE IF EXISTS ${name}`);
  };
  const [restored, plainRestored] = await alternate(
    [
      {
        name: "backupctl restore",
        argv: [world.binary, "restore", "one", "latest", "--into-database", "restored_a"],
        env,
        before: dropTargets,
      },
      shell(
        "openssl | zstd -d | pg_restore",
        `${world.opensslDecrypt} < ${plainFile} | zstd -d -q | ${pg("pg_restore")} ${socket} --exit-on-error -d restored_b`,
        {
          before: async () => {
            await dropTargets();
            await server.run("postgres", "CREATE DATABASE restored_b TEMPLATE template0");
          },
        },
      ),
    ],
    sizes.rounds,
  );
  addRatio(`PostgreSQL ${sizes.gigabytes} GB restore`, restored!.medianSeconds, plainRestored!.medianSeconds, 1.1);
  await dropTargets();
  await clear();
  process.stderr.write(`  plain file: ${((await stat(plainFile)).size / 1e6).toFixed(0)} MB\n`);
  await rm(plainFile);

  if (sizes.bigGigabytes === 0) return;
  for (let copies = sizes.gigabytes; copies < sizes.bigGigabytes; copies += sizes.gigabytes) {
    await server.run("bench", `INSERT INTO events SELECT * FROM events LIMIT ${sizes.gigabytes * rowsPerGigabyte}`);
  }
  for (const [name, atMost] of [
    ["one", 160],
    ["three", 200],
  ] as const) {
    await clear();
    const { peakBytes } = await runOnce({ name: `big ${name}`, argv: [world.binary, "run", name], env });
    addMemory(`memory, PostgreSQL ${sizes.bigGigabytes} GB, ${name} storage(s)`, peakBytes, atMost);
  }
  await clear();
}

type Server = Awaited<ReturnType<typeof startTestServer>>;

/** Text that compresses about as business data does. */
export async function fillEvents(server: Server, database: string, gigabytes: number): Promise<void> {
  await server.run(
    database,
    "CREATE TABLE events(id bigint, at timestamptz, customer int, kind text, amount numeric(12,2), payload text)",
    `INSERT INTO events
     SELECT i, timestamptz '2024-01-01' + i * interval '7 seconds', i % 50021, (ARRAY['order','refund','visit','login'])[1 + i % 4],
            (i % 100000) / 7.0, repeat(md5((i / 3)::text), 4) || md5(i::text)
     FROM generate_series(1, ${Math.round(gigabytes * rowsPerGigabyte)}) i`,
    "CREATE INDEX ON events(customer)",
  );
}
