// The daemon under a clock that is moved for real, over both changes of Europe/Berlin, a hundred times as fast as it is:
// one run per slot, none lost, none doubled.

import { expect } from "bun:test";
import { binaryPath } from "../support/binary.ts";
import { readSlots, startDaemon, until } from "../support/daemon-process.ts";
import { needs } from "../support/requirement.ts";
import { toolPath } from "../support/tools.ts";
import { openTestWorld, type World } from "../support/world.ts";

const library = toolPath("libfaketime");
const test = needs(binaryPath, library);
const speed = 100;

interface Change {
  readonly name: string;
  /** Local time of the start, without a zone. */
  readonly from: string;
  readonly until: string;
  /** By schedule: the moments in UTC that have to be run, each once. */
  readonly due: Readonly<Record<string, readonly string[]>>;
}

const changes: readonly Change[] = [
  {
    name: "in spring, when two o'clock is skipped",
    from: "2026-03-29 00:50:00",
    until: "2026-03-29T02:10:00Z",
    due: {
      hourly: ["2026-03-29T00:00:00.000Z", "2026-03-29T01:00:00.000Z", "2026-03-29T02:00:00.000Z"],
      // At the moment of the change.
      night: ["2026-03-29T01:00:00.000Z"],
      early: ["2026-03-29T00:30:00.000Z"],
    },
  },
  {
    name: "in autumn, when two o'clock comes twice",
    from: "2026-10-25 00:50:00",
    until: "2026-10-25T02:40:00Z",
    due: {
      hourly: [
        "2026-10-24T23:00:00.000Z",
        "2026-10-25T00:00:00.000Z",
        "2026-10-25T01:00:00.000Z",
        "2026-10-25T02:00:00.000Z",
      ],
      // In the first of the two.
      night: ["2026-10-25T00:30:00.000Z"],
      early: ["2026-10-24T23:30:00.000Z"],
    },
  },
];

async function openWorld(): Promise<World> {
  const schedules = [
    { name: "hourly", cron: "0 * * * *" },
    { name: "night", cron: "30 2 * * *" },
    { name: "early", cron: "30 1 * * *" },
  ];
  const world = await openTestWorld();
  // A project for each, so that none waits for another.
  const projects = schedules.map((schedule) => ({
    name: schedule.name,
    database: { type: "sqlite", path: world.databasePath },
    storage: ["disk"],
    retention: { keep_last: 100 },
    schedules: [schedule],
  }));
  await world.configure({ file: { projects } });
  return world;
}

for (const change of changes) {
  test(`one run per slot ${change.name}`, async () => {
    await using world = await openWorld();
    await using daemon = await startDaemon(world, {
      env: {
        LD_PRELOAD: library,
        FAKETIME: `@${change.from} x${speed}`,
        // Sleeps and time limits stay as they are: the wall clock alone runs away.
        FAKETIME_DONT_FAKE_MONOTONIC: "1",
        NO_FAKE_STAT: "1",
        TZ: "Europe/Berlin",
        TIMEZONE: "Europe/Berlin",
        RETENTION_CRON: "0 0 1 1 *",
        DAILY_SUMMARY_CRON: "0 0 1 1 *",
      },
    });
    const expected = Object.values(change.due).flat().length;
    const done = () => readSlots(world).filter(({ outcome }) => outcome !== null);
    const lastSlot = Date.parse(change.until);
    await until(
      () => done().length >= expected,
      160_000,
      () => `${JSON.stringify(readSlots(world), null, 1)}\n${daemon.output}`,
    );
    // And on for a while: a slot that is run twice would be run now.
    await until(async () => {
      const { nextRunAt } = ((await (await daemon.get("/health")).json()) as { daemon: { nextRunAt: string } }).daemon;
      return Date.parse(nextRunAt) > lastSlot;
    }, 60_000);
    daemon.kill("SIGTERM");
    expect(await daemon.exited).toBe(0);
    const slots = readSlots(world).filter(({ slot_at: at }) => at <= lastSlot);
    for (const [schedule, moments] of Object.entries(change.due)) {
      const of = slots.filter((slot) => slot.schedule === schedule).toReversed();
      expect(of.map(({ slot_at: at }) => new Date(at).toISOString())).toEqual([...moments]);
      expect(of.map(({ outcome }) => outcome)).toEqual(moments.map(() => "succeeded"));
      expect(new Set(of.map(({ run_id: id }) => id)).size).toBe(moments.length);
      const stored = (await world.listObjects("disk")).filter(
        (key) => key.startsWith(`${schedule}/`) && key.endsWith(".manifest.json"),
      );
      expect(stored.length).toBeGreaterThanOrEqual(moments.length);
    }
  }, 260_000);
}
