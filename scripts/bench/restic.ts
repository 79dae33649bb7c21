// restic: the sync stage against the bare program on the same files, the calls of a run, and what a second run adds.

import { Database } from "bun:sqlite";
import { mkdir, open, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { createTestDatabase, startTestServer } from "../../tests/support/postgres-server.ts";
import { findTool } from "../../tests/support/tools.ts";
import { median, runOnce } from "./measure.ts";
import { addRatio, addRow } from "./report.ts";
import { fillEvents } from "./postgres.ts";
import { noVerification, run, type World } from "./world.ts";

const restic = findTool("restic") ?? "restic";
const blockBytes = 16 * 1024 * 1024;

export async function benchRestic(world: World, gigabytes: number, rounds: number): Promise<void> {
  await benchSync(world, gigabytes, rounds);
  await benchSecondRun(world);
}

/** The stage's own time, from the record of the run, against the wall time of the bare command. */
async function benchSync(world: World, gigabytes: number, rounds: number): Promise<void> {
  const data = join(world.dir, "sync-data");
  await mkdir(data);
  for (let index = 0; index * blockBytes < gigabytes * 1e9; index++) {
    const file = await open(join(data, `block-${index}`), "w");
    const block = new Uint8Array(blockBytes);
    for (let at = 0; at < block.length; at += 65_536) crypto.getRandomValues(block.subarray(at, at + 65_536));
    await file.write(block);
    await file.close();
  }
  const [ours, bare] = [join(world.dir, "sync-ours"), join(world.dir, "sync-bare")];
  const env = await configure(world, "sync", { assets: { paths: [data] } }, ours);
  const stageSeconds: number[] = [];
  const bareSeconds: number[] = [];
  let calls = 0;
  for (let round = 0; round < rounds; round++) {
    const measureOurs = async (): Promise<void> => {
      await makeRepository(ours);
      await run("backupctl run", [world.binary, "run", "one"], env);
      const last = readLastRun(join(env["BACKUP_BASE_DIR"]!, ".backupctl/state.db"));
      stageSeconds.push(last.syncSeconds);
      calls = last.calls;
    };
    const measureBare = async (): Promise<void> => {
      await makeRepository(bare);
      bareSeconds.push((await runOnce(bareBackup(bare, data))).seconds);
    };
    // Each round begins with the other one, so that a warm cache favours none.
    for (const measure of round % 2 === 0 ? [measureOurs, measureBare] : [measureBare, measureOurs]) await measure();
    process.stderr.write(`  sync ${stageSeconds.at(-1)!.toFixed(2)} s, restic ${bareSeconds.at(-1)!.toFixed(2)} s\n`);
  }
  addRatio(`sync stage of ${gigabytes} GB against bare restic backup`, median(stageSeconds), median(bareSeconds), 1.03);
  addRow({
    what: "calls of restic in a run, the backup itself among them",
    measured: String(calls),
    asked: "counted and reported",
    met: calls > 0,
  });
  for (const path of [data, ours, bare]) await rm(path, { recursive: true, force: true });
}

/** What a second backup adds after one row in a hundred has changed, against bare restic over uncompressed dumps. */
async function benchSecondRun(world: World): Promise<void> {
  await using server = await startTestServer({ settings: ["fsync=off"] });
  await createTestDatabase(server, "bench");
  await fillEvents(server, "bench", 0.25);
  const { host, port, user } = server.admin;
  const [ours, bare] = [join(world.dir, "second-ours"), join(world.dir, "second-bare")];
  await makeRepository(ours);
  await makeRepository(bare);
  const database = { type: "postgres", host, port, name: "bench", user };
  const env = await configure(world, "second", { database }, ours, server.binDir);
  const dump = join(world.dir, "second.dump");
  const grow = async (): Promise<{ ours: number; bare: number }> => {
    const before = [await sizeOf(ours), await sizeOf(bare)] as const;
    await run("backupctl run", [world.binary, "run", "one"], env);
    const socket = `-h ${host} -p ${port} -U ${user}`;
    await run("pg_dump", ["sh", "-c", `${join(server.binDir, "pg_dump")} ${socket} -Fc -Z0 -f ${dump} bench`]);
    await runOnce(bareBackup(bare, dump));
    return { ours: (await sizeOf(ours)) - before[0], bare: (await sizeOf(bare)) - before[1] };
  };
  await grow();
  await server.run("bench", "UPDATE events SET payload = md5(payload) || payload WHERE id BETWEEN 500000 AND 509999");
  const added = await grow();
  const ratio = added.ours / added.bare;
  addRow({
    what: "added to the repository after a change of 1 %, against bare restic",
    measured: `${ratio.toFixed(2)} × (${(added.ours / 1e6).toFixed(1)} MB against ${(added.bare / 1e6).toFixed(1)} MB)`,
    asked: "at most 1.10 ×",
    met: ratio <= 1.1,
  });
  for (const path of [dump, ours, bare]) await rm(path, { recursive: true, force: true });
}

async function configure(
  world: World,
  name: string,
  source: Readonly<Record<string, unknown>>,
  repository: string,
  pgBinDir?: string,
): Promise<Readonly<Record<string, string>>> {
  const env = await world.configure(name, {
    version: 1,
    tools: { restic_binary: restic, ...(pgBinDir === undefined ? {} : { pg_bin_dir: pgBinDir }) },
    projects: [
      { name: "one", ...source, restic: { repository, password: "${BENCH_PASSWORD}" }, verification: noVerification },
    ],
  });
  return { ...env, RESTIC_CACHE_DIR: join(world.dir, "restic-cache") };
}

const resticEnvironment = (repository: string): Readonly<Record<string, string>> => ({
  RESTIC_REPOSITORY: repository,
  RESTIC_PASSWORD: "a password of the benchmark, not a secret",
  RESTIC_CACHE_DIR: join(repository, "../restic-cache"),
});

function bareBackup(repository: string, path: string) {
  return { name: "restic backup", argv: [restic, "backup", "-q", path], env: resticEnvironment(repository) };
}

async function makeRepository(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true });
  await run("restic init", [restic, "init", "-q"], resticEnvironment(path));
}

async function sizeOf(directory: string): Promise<number> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  const sizes = await Promise.all(files.map(async (entry) => (await stat(join(entry.parentPath, entry.name))).size));
  return sizes.reduce((sum, size) => sum + size, 0);
}

function readLastRun(path: string): { readonly syncSeconds: number; readonly calls: number } {
  using database = new Database(path, { readonly: true });
  const last = database.query("SELECT id, result FROM runs ORDER BY created_at DESC LIMIT 1").get() as {
    id: string;
    result: string;
  };
  const stage = database
    .query("SELECT started_at, finished_at FROM run_stages WHERE run_id = ? AND stage = 'sync'")
    .get(last.id) as { started_at: number; finished_at: number };
  const { resticCalls } = JSON.parse(last.result) as { resticCalls: number };
  return { syncSeconds: (stage.finished_at - stage.started_at) / 1000, calls: resticCalls };
}
