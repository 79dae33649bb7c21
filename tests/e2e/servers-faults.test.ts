// Storages that fail while the compiled program writes to them, and projects that run beside each other: what ends with
// which exit code, and that nothing is half listed.

import { describe, expect } from "bun:test";
import { mkdir, writeFile } from "node:fs/promises";
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { binaryPath, testWithBinary as test } from "../support/binary.ts";
import { needs } from "../support/requirement.ts";
import { startS3Server, type S3Fault, type S3Server } from "../support/s3-server.ts";
import { s3Secret } from "../support/three-storages.ts";
import { openTestWorld, type BackupsJson, type RunsJson, type World } from "../support/world.ts";

const testAsRoot = needs(binaryPath, "root", "mount");

const credentials = { accessKey: "AKIATEST", secretKey: s3Secret };

async function openWorld(
  s3: S3Server,
  project: Readonly<Record<string, unknown>> = {},
  env: Readonly<Record<string, string>> = {},
): Promise<World> {
  const world = await openTestWorld({ env: { S3_SECRET: s3Secret, BACKUP_STALL_TIMEOUT_SECONDS: "3", ...env } });
  await writeFile(join(world.uploadsPath, "random.bin"), randomBytes(24_000_000));
  const bucket = { bucket: s3.bucket, endpoint: s3.endpoint, access_key: "AKIATEST", secret_key: "${S3_SECRET}" };
  await world.configure({
    project: { storage: ["disk", "bucket"], verification: { enabled: true, level: "checksum" }, ...project },
    file: {
      storage: [
        { name: "disk", type: "local", local: { path: world.storagePath("disk") } },
        { name: "bucket", type: "s3", s3: bucket },
      ],
    },
  });
  return world;
}

async function runOf(world: World) {
  const outcome = await world.run("run", "shop", "--json");
  return { exitCode: outcome.exitCode, run: (JSON.parse(outcome.stdout) as RunsJson).runs[0]! };
}

async function listed(world: World, storage: string): Promise<readonly string[]> {
  const outcome = await world.run("snapshots", "shop", "--storage", storage, "--json");
  expect(outcome).toMatchObject({ exitCode: 0 });
  return (JSON.parse(outcome.stdout) as BackupsJson).backups.map(({ id }) => id);
}

const lasting: Readonly<Record<string, readonly S3Fault[]>> = {
  "answers 500 to every part": [{ on: "UploadPart", do: "error", status: 500, code: "InternalError", times: 1_000 }],
  "resets in the middle of every part": [{ on: "UploadPart", do: "reset", afterBytes: 100_000, times: 1_000 }],
  "stalls on a part": [{ on: "UploadPart", do: "stall", ms: 60_000, skip: 1, times: 1_000 }],
  "completes with an error in a 200": [
    { on: "CompleteMultipartUpload", do: "error-in-200", code: "InternalError", times: 1_000 },
  ],
  "loses a part that it has accepted": [{ on: "UploadPart", do: "lose", skip: 1, times: 1_000 }],
  "flips a bit of what it stores": [{ on: "UploadPart", do: "flip", skip: 1, times: 1_000 }],
  "flips a bit of what it gives back": [{ on: "GetObject", do: "flip", times: 1_000 }],
  "loses the manifest": [{ on: "PutObject", key: "manifest.json", do: "lose", times: 1_000 }],
  "forgets the credentials half-way": [
    { on: "UploadPart", do: "error", status: 403, code: "ExpiredToken", skip: 1, times: 1_000 },
  ],
};

describe("a bucket that", () => {
  for (const [behaviour, faults] of Object.entries(lasting)) {
    test(`${behaviour} makes the backup partial, and lists none`, async () => {
      await using s3 = await startS3Server({ credentials, behaviour: { ignoresChecksums: true, opaqueEtags: true } });
      await using world = await openWorld(s3);
      s3.setFaults(faults);
      const startedMs = performance.now();
      const { exitCode, run } = await runOf(world);
      expect({ exitCode, ...run }).toMatchObject({ exitCode: 5, status: "succeeded", partial: true });
      expect(run.warnings.join("\n")).toContain("bucket");
      expect(performance.now() - startedMs).toBeLessThan(45_000);
      s3.setFaults([]);
      expect(await listed(world, "disk")).toEqual([run.backupId!]);
      expect(await listed(world, "bucket")).toEqual([]);
      expect([...s3.objects.keys()].filter((key) => key.includes("manifest"))).toEqual([]);
      expect(await world.run("verify", "shop", "latest", "--level", "checksum")).toMatchObject({ exitCode: 0 });
    }, 60_000);
  }

  test("is the only storage and fails leaves nothing, and the last backup is not pruned", async () => {
    await using s3 = await startS3Server({ credentials });
    await using world = await openWorld(s3, { storage: ["bucket"], retention: { keep_last: 1 } });
    const first = await runOf(world);
    expect(first.exitCode).toBe(0);
    s3.setFaults([{ on: "UploadPart", do: "error", status: 500, code: "InternalError", times: 1_000 }]);
    const { exitCode, run } = await runOf(world);
    expect(exitCode).not.toBe(0);
    expect(run).toMatchObject({ status: "failed", error: { stage: "sync" } });
    s3.setFaults([]);
    expect(await listed(world, "bucket")).toEqual([first.run.backupId!]);
    expect(s3.uploads.size).toBe(0);
  }, 60_000);

  test("fails now and then is written whole", async () => {
    await using s3 = await startS3Server({ credentials });
    await using world = await openWorld(s3);
    s3.setFaults([
      { on: "UploadPart", do: "error", status: 503, code: "SlowDown", times: 1 },
      { on: "UploadPart", do: "reset", afterBytes: 1_000, skip: 2, times: 1 },
      { on: "CompleteMultipartUpload", do: "done-but-reset", times: 1 },
      { on: "PutObject", key: "manifest", do: "done-but-error", status: 500, times: 1 },
    ]);
    const { exitCode, run } = await runOf(world);
    expect({ exitCode, ...run }).toMatchObject({ exitCode: 0, partial: false, warnings: [] });
    expect(await listed(world, "bucket")).toEqual([run.backupId!]);
    const restored = join(world.dir, "back");
    const restore = await world.run("restore", "shop", "latest", "--assets", restored, "--storage", "bucket");
    expect(restore).toMatchObject({ exitCode: 0 });
    const same = Bun.spawnSync(["diff", "-r", world.uploadsPath, join(restored, world.uploadsPath)]);
    expect(same.exitCode).toBe(0);
  }, 60_000);
});

describe("a disk", () => {
  testAsRoot(
    "that fills up half-way makes the backup partial and keeps nothing of it",
    async () => {
      await using s3 = await startS3Server({ credentials });
      await using world = await openWorld(s3);
      await mkdir(world.storagePath("disk"), { recursive: true });
      Bun.spawnSync(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", world.storagePath("disk")]);
      try {
        const { exitCode, run } = await runOf(world);
        expect({ exitCode, ...run }).toMatchObject({ exitCode: 5, partial: true });
        expect(run.warnings.join("\n")).toMatch(/disk.*(ENOSPC|full|space)/is);
        expect(await world.listObjects("disk")).toEqual([]);
        expect(await listed(world, "bucket")).toEqual([run.backupId!]);
      } finally {
        Bun.spawnSync(["umount", world.storagePath("disk")]);
      }
    },
    60_000,
  );
});

describe("time", () => {
  test("the time zone that is set names the keys, and is in the manifest", async () => {
    for (const env of [{ TIMEZONE: "America/New_York" }, { TZ: "Pacific/Kiritimati" }]) {
      await using world = await openTestWorld({ env });
      const before = Date.now();
      expect(await world.run("run", "shop")).toMatchObject({ exitCode: 0 });
      const timeZone = Object.values(env)[0]!;
      const local = (at: number) =>
        new Date(at).toLocaleString("sv-SE", { timeZone }).replaceAll("-", "").replaceAll(":", "").replace(" ", "_");
      const [key] = await world.listObjects("disk");
      const stamp = /_(\d{8}_\d{6})_/.exec(key!)![1]!;
      expect(stamp >= local(before) && stamp <= local(Date.now())).toBe(true);
      expect(key!.startsWith(`shop/${stamp.slice(0, 4)}/${stamp.slice(4, 6)}/`)).toBe(true);
    }
    await using world = await openTestWorld({ env: { TIMEZONE: "Mars/Olympus" } });
    const wrong = await world.run("run", "shop");
    expect(wrong.exitCode).toBe(3);
    expect(wrong.stderr).toContain("Mars/Olympus");
  }, 30_000);
});

describe("hooks", () => {
  test("a flood of output neither stops the run nor fills the log", async () => {
    await using world = await openTestWorld({
      project: {
        hooks: { pre_backup: "yes 'flood of stderr' | head -n 300000 >&2; head -c 3000000 /dev/zero | tr '\\0' x" },
      },
    });
    const started = performance.now();
    const outcome = await world.run("run", "shop");
    expect(outcome).toMatchObject({ exitCode: 0 });
    expect(performance.now() - started).toBeLessThan(20_000);
    expect(outcome.stderr.length).toBeLessThan(4_000_000);
  }, 40_000);
});
