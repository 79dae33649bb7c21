import { describe, expect, test } from "bun:test";
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeRun } from "../../ports/state-store-samples.contract.ts";
import { openLogFiles, type LogFilesOptions } from "./index.ts";

const start = Date.parse("2026-03-18T23:30:00Z");

async function openBed(more: Partial<LogFilesOptions> = {}) {
  const root = await mkdtemp(join(tmpdir(), "logs-"));
  const directory = join(root, "logs");
  const clock = { now: start };
  const errors: unknown[] = [];
  const options: LogFilesOptions = {
    directory,
    maxBytes: 1_000_000,
    maxFiles: 5,
    level: "info",
    timeZone: "UTC",
    now: () => clock.now,
    onError: (error) => errors.push(error),
    ...more,
  };
  return {
    root,
    directory,
    clock,
    errors,
    options,
    logs: openLogFiles(options),
    names: async () => (await readdir(directory)).toSorted(),
    read: async (name: string) =>
      (await readFile(join(directory, name), "utf8"))
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as Record<string, unknown>),
    async [Symbol.asyncDispose]() {
      await rm(root, { recursive: true, force: true });
    },
  };
}

test("a run is written as JSON lines, each with the run's id and project", async () => {
  await using bed = await openBed({ level: "debug", timeZone: "Europe/Berlin" });
  const run = makeRun("r1", { startedAt: start });
  bed.logs.record({ type: "started", run });
  const stage = { stage: "dump", startedAt: start, finishedAt: null, outcome: "running", message: null } as const;
  bed.logs.record({ type: "stage", runId: "r1", record: stage });
  bed.logs.record({ type: "log", runId: "r1", line: { at: start, level: "warn", message: "a\nb ☕", stage: "dump" } });
  bed.logs.record({ type: "progress", runId: "r1", progress: { stage: "dump", bytesDone: 1 } });
  bed.logs.record({ type: "finished", run: { ...run, status: "succeeded", finishedAt: start + 5 } });
  await bed.logs.flush();
  // Half past midnight there.
  const lines = await bed.read("backupctl-2026-03-19.log");
  expect(lines).toHaveLength(4);
  for (const line of lines) expect(line).toMatchObject({ run: "r1", project: "shop" });
  expect(lines[2]).toEqual({
    timestamp: "2026-03-19T00:30:00+01:00",
    level: "warn",
    message: "a\nb ☕",
    run: "r1",
    project: "shop",
    stage: "dump",
  });
  expect(lines[3]).toMatchObject({ message: "backup succeeded", durationMs: 5 });
  expect((await stat(join(bed.directory, "backupctl-2026-03-19.log"))).mode & 0o777).toBe(0o600);
});

test("lines below LOG_LEVEL are left out", async () => {
  await using bed = await openBed({ level: "warn" });
  for (const level of ["debug", "info", "warn", "error"] as const) bed.logs.log(level, level);
  await bed.logs.flush();
  expect((await bed.read("backupctl-2026-03-18.log")).map(({ message }) => message)).toEqual(["warn", "error"]);
});

test("each day has a file, a full file is followed by the next number, and the oldest go", async () => {
  await using bed = await openBed({ maxBytes: 150, maxFiles: 3 });
  await mkdir(bed.directory);
  await writeFile(join(bed.directory, "notes.log"), "of the user");
  for (let n = 0; n < 6; n++) {
    bed.logs.log("info", `line ${n} ${"x".repeat(100)}`);
    await bed.logs.flush();
  }
  expect(await bed.names()).toEqual([
    "backupctl-2026-03-18.3.log",
    "backupctl-2026-03-18.4.log",
    "backupctl-2026-03-18.5.log",
    "notes.log",
  ]);
  bed.clock.now += 3_600_000;
  bed.logs.log("info", "the next day");
  await bed.logs.flush();
  expect(await bed.names()).toEqual([
    "backupctl-2026-03-18.4.log",
    "backupctl-2026-03-18.5.log",
    "backupctl-2026-03-19.log",
    "notes.log",
  ]);
});

describe("a place that cannot be written", () => {
  test("is told once, harms nobody, and is tried again later", async () => {
    await using bed = await openBed();
    await writeFile(bed.directory, "a file");
    for (let n = 0; n < 3; n++) {
      bed.logs.log("info", `line ${n}`);
      await bed.logs.flush();
    }
    expect(bed.errors).toHaveLength(1);
    await rm(bed.directory);
    bed.logs.log("info", "too early");
    await bed.logs.flush();
    bed.clock.now += 60_000;
    bed.logs.log("info", "again");
    await bed.logs.flush();
    expect((await bed.read("backupctl-2026-03-18.log")).map(({ message }) => message)).toEqual(["again"]);
  });

  test("also when the disk is full", async () => {
    await using bed = await openBed();
    await mkdir(bed.directory);
    await Bun.$`ln -s /dev/full ${join(bed.directory, "backupctl-2026-03-18.log")}`.quiet();
    bed.logs.log("info", "lost");
    await bed.logs.flush();
    expect(bed.errors).toHaveLength(1);
  });
});

test("processes that log at the same time do not tear each other's lines", async () => {
  await using bed = await openBed();
  const { directory, maxFiles, level, timeZone } = bed.options;
  const script = `
    import { openLogFiles } from ${JSON.stringify(join(import.meta.dir, "index.ts"))};
    const options = ${JSON.stringify({ directory, maxFiles: maxFiles * 100, level, timeZone, maxBytes: 200_000 })};
    const logs = openLogFiles({ ...options, now: () => ${start}, onError: (error) => { throw error; } });
    for (let n = 0; n < 200; n++) {
      logs.log("info", process.argv[1] + " " + n + " " + "x".repeat(3_000));
      if (n % 7 === 0) await logs.flush();
    }
    await logs.flush();`;
  const children = ["one", "two", "three"].map((name) => Bun.spawn([process.execPath, "-e", script, name]));
  await Promise.all(children.map((child) => child.exited));
  const seen = new Map<string, number[]>();
  const names = (await bed.names()).toSorted((a, b) => a.localeCompare(b, "en", { numeric: true }));
  expect(names.length).toBeGreaterThan(3);
  for (const name of names) {
    for (const { message } of await bed.read(name)) {
      const [writer, n] = String(message).split(" ");
      seen.set(writer!, [...(seen.get(writer!) ?? []), Number(n)]);
    }
  }
  for (const writer of ["one", "two", "three"]) {
    expect(seen.get(writer)?.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 200 }, (_, n) => n));
  }
});
