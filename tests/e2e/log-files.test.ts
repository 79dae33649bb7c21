// Command-line runs log to files as well: structured, with the run's id, without secrets, and never at a run's expense.

import { expect } from "bun:test";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { testWithBinary } from "../support/binary.ts";
import { canary, openTestWorld, type RunsJson } from "../support/world.ts";

testWithBinary("a run leaves its lines in the day's file, secrets masked", async () => {
  await using world = await openTestWorld({ env: { LOG_LEVEL: "debug", TIMEZONE: "Asia/Tokyo" } });
  await world.configure({ project: { hooks: { pre_backup: `echo the password is ${canary}` } } });
  const { runs } = await world.json<RunsJson>("run", "shop");
  const directory = join(world.env["BACKUP_BASE_DIR"]!, ".logs");
  const [name, ...more] = await readdir(directory);
  expect(more).toEqual([]);
  const day = new Intl.DateTimeFormat("en-CA", { timeZone: "Asia/Tokyo" }).format();
  expect(name).toBe(`backupctl-${day}.log`);
  const text = await readFile(join(directory, name!), "utf8");
  expect(text).not.toContain(canary);
  const lines = text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  for (const line of lines) expect(line).toMatchObject({ run: runs[0]!.id, project: "shop" });
  expect(lines[0]).toMatchObject({ message: "backup begins", timestamp: expect.stringContaining("+09:00") as string });
  expect(lines.at(-1)).toMatchObject({ message: "backup succeeded", level: "info" });
  expect(text).toContain("********");
});

testWithBinary("a log directory that cannot be written costs a warning, not the run", async () => {
  await using world = await openTestWorld({ env: { LOG_DIR: "logs" } });
  await writeFile(join(world.dir, "logs"), "a file");
  const outcome = await world.run("run", "shop");
  expect(outcome).toMatchObject({ exitCode: 0 });
  expect(outcome.stderr.split("cannot be written")).toHaveLength(2);
});
