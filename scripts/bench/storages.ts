// One PostgreSQL dump to a disk, to S3 and to SFTP at once, against the slowest of them alone; and the memory it takes.

import { rm } from "node:fs/promises";
import { join } from "node:path";
import { createTestDatabase, startTestServer } from "../../tests/support/postgres-server.ts";
import { startSshd } from "../../tests/support/sshd-server.ts";
import { alternate } from "./measure.ts";
import { fillEvents } from "./postgres.ts";
import { addMemory, addRatio } from "./report.ts";
import { encryption, noVerification, type World } from "./world.ts";

const s3Password = "bench-secret-key";

export async function benchStorages(world: World, gigabytes: number, rounds: number): Promise<void> {
  await using server = await startTestServer({ settings: ["fsync=off", "max_wal_size=4GB", "autovacuum=off"] });
  await createTestDatabase(server, "bench");
  await fillEvents(server, "bench", gigabytes);
  await using sshd = await startSshd();
  await using s3 = await startS3Process();
  const disk = join(world.dir, "stores", "mixed");
  const storage = [
    { name: "disk", type: "local", local: { path: disk } },
    {
      name: "s3",
      type: "s3",
      s3: {
        bucket: "bucket",
        endpoint: s3.endpoint,
        prefix: "p",
        access_key: "AKIATEST",
        secret_key: "${BENCH_S3_SECRET}",
        force_path_style: true,
      },
    },
    { name: "sftp", type: "sftp", sftp: sshd.settings() },
  ];
  const project = (name: string, to: readonly string[]) => ({
    name,
    database: {
      type: "postgres",
      host: server.admin.host,
      port: server.admin.port,
      name: "bench",
      user: server.admin.user,
    },
    storage: to,
    encryption,
    verification: noVerification,
  });
  const names = storage.map(({ name }) => name);
  const env = {
    ...(await world.configure("mixed", {
      version: 1,
      storage,
      projects: [...names.map((name) => project(`to-${name}`, [name])), project("to-all", names)],
    })),
    BENCH_S3_SECRET: s3Password,
  };
  const clear = (): Promise<void> => rm(disk, { recursive: true, force: true });
  const measured = await alternate(
    [...names, "all"].map((name) => ({
      name: `to ${name}`,
      argv: [world.binary, "run", `to-${name}`],
      env,
      before: clear,
    })),
    rounds,
  );
  const [local, viaS3, viaSftp, all] = measured;
  const slowest = [local!, viaS3!, viaSftp!].reduce((a, b) => (a.medianSeconds > b.medianSeconds ? a : b));
  addRatio(
    `local, S3 and SFTP at once against the slowest alone (${slowest.name})`,
    all!.medianSeconds,
    slowest.medianSeconds,
    1.25,
  );
  addMemory(`memory, PostgreSQL ${gigabytes} GB to S3`, viaS3!.peakBytes, 160);
  addMemory(`memory, PostgreSQL ${gigabytes} GB to SFTP`, viaSftp!.peakBytes, 160);
  addMemory(`memory, PostgreSQL ${gigabytes} GB to local, S3 and SFTP`, all!.peakBytes, 200);
  await clear();
}

/** A process of its own, so that its memory and its work are not ours. */
async function startS3Process(): Promise<{ readonly endpoint: string } & AsyncDisposable> {
  const script = join(import.meta.dir, "../../tests/support/s3-server.ts");
  const child = Bun.spawn([process.execPath, script, "--fast", "--secret", s3Password], {
    stdin: "pipe",
    stdout: "pipe",
    stderr: "inherit",
  });
  const reader = child.stdout.getReader();
  let text = "";
  while (!text.includes("\n")) {
    const { value, done } = await reader.read();
    if (done) throw new Error("the S3 server did not start");
    text += new TextDecoder().decode(value);
  }
  const endpoint = /https?:\/\/[^\s"]+/.exec(text)?.[0];
  if (endpoint === undefined) throw new Error(`the S3 server did not say where it is: ${text}`);
  return {
    endpoint,
    async [Symbol.asyncDispose]() {
      child.kill();
      await child.exited;
    },
  };
}
