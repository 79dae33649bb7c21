import { expect, test } from "bun:test";
import type { Backup } from "../backup/backup.ts";
import type { ScheduleSpec } from "../project/project.ts";
import { retentionCandidateOf, retentionSets } from "./retention-sets.ts";

function backup(id: string, schedule: string | null, storages: readonly string[], project = "shop"): Backup {
  return {
    id,
    project,
    type: "daily",
    schedule,
    engine: "postgres",
    stem: `${project}/${id}`,
    createdAt: 5,
    finishedAt: 6,
    sizeBytes: 7,
    storages,
    pinned: false,
    verification: null,
    encryption: null,
    warnings: [],
  };
}

function schedule(name: string, more: Partial<ScheduleSpec> = {}): ScheduleSpec {
  const timeZone = "Europe/Berlin";
  return { name, kind: "backup", type: "daily", cron: "0 2 * * *", timeZone, enabled: true, limits: {}, ...more };
}

const project = {
  name: "shop",
  retention: { keepDaily: 7 },
  schedules: [
    schedule("nightly"),
    schedule("hourly", { retention: { keepHourly: 24 }, timeZone: "Asia/Tokyo" }),
    schedule("forgetting", { kind: "forget", retention: { keepLast: 1 }, timeZone: "Asia/Tokyo" }),
  ],
};

test("a set is a project, a storage and a schedule with a retention of its own", () => {
  const sets = retentionSets(
    project,
    [
      backup("f", null, ["local"], "other"),
      backup("a", null, ["local", "offsite"]),
      backup("b", "hourly", ["local"]),
      backup("c", "nightly", ["local"]),
      backup("d", "gone", ["local"]),
      backup("e", "forgetting", ["local"]),
    ],
    "UTC",
  );
  expect(sets.map(({ backups, ...rest }) => ({ ...rest, ids: backups.map(({ id }) => id) }))).toEqual([
    {
      project: "shop",
      storage: "local",
      schedule: null,
      policy: { keepDaily: 7 },
      timeZone: "Europe/Berlin",
      ids: ["a", "c", "d", "e"],
    },
    {
      project: "shop",
      storage: "offsite",
      schedule: null,
      policy: { keepDaily: 7 },
      timeZone: "Europe/Berlin",
      ids: ["a"],
    },
    {
      project: "shop",
      storage: "local",
      schedule: "hourly",
      policy: { keepHourly: 24 },
      timeZone: "Asia/Tokyo",
      ids: ["b"],
    },
  ]);
});

test("without one time zone for all its schedules a project's set uses the default", () => {
  const zoneWith = (...schedules: ScheduleSpec[]) =>
    retentionSets({ ...project, retention: null, schedules }, [backup("a", null, ["local"])], "UTC")[0];
  expect(zoneWith()?.timeZone).toBe("UTC");
  expect(zoneWith()?.policy).toBeNull();
  expect(zoneWith(schedule("x"), schedule("y", { timeZone: "Asia/Tokyo" }))?.timeZone).toBe("UTC");
});

test("only a verification that passed counts", () => {
  const verification = {
    level: "checksum",
    passed: true,
    at: 9,
    storage: "local",
    message: null,
    restoreMs: null,
  } as const;
  const one = backup("a", null, ["local"]);
  expect(retentionCandidateOf(one)).toEqual({
    id: "a",
    createdAt: 5,
    sizeBytes: 7,
    type: "daily",
    pinned: false,
    verifiedAt: null,
  });
  expect(retentionCandidateOf({ ...one, verification }).verifiedAt).toBe(9);
  expect(retentionCandidateOf({ ...one, verification: { ...verification, passed: false } }).verifiedAt).toBeNull();
});
