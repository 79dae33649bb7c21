import { expect, test } from "bun:test";
import { openTestDeps, type TestDeps } from "../../tests/support/fake-deps.ts";
import { AppError } from "../domain/error.ts";
import type { Route } from "../domain/notification/route.ts";
import { drainOutbox } from "./drain-outbox.ts";

const hour = 3_600_000;
const routes: readonly Route[] = ["ops", "duty"].map((name) => ({
  key: `*/${name}`,
  channel: { name, type: "webhook", settings: {}, on: ["all"], projects: [] },
}));
const request = { routes, budgetMs: 10_000 };

async function add(world: TestDeps, ...ids: readonly string[]): Promise<void> {
  await world.deps.state.addNotifications(
    ids.map((id) => ({
      id,
      channel: id.split("@")[1]!,
      notice: { id, event: "backup_failed", project: "shop", subject: "shop/backup", text: `❌ ${id}`, data: {} },
      createdAt: world.clock.now(),
    })),
  );
}

const refuse = (retryable: boolean) => () => {
  throw new AppError("notification_failed", "it answered 503", { retryable });
};

test("what is due is sent, once", async () => {
  const world = openTestDeps();
  await add(world, "a@*/ops", "b@*/ops", "c@*/duty");
  expect(await drainOutbox(world.deps, request)).toEqual({ sent: 3, failed: 0, givenUp: [] });
  expect(await drainOutbox(world.deps, request)).toEqual({ sent: 0, failed: 0, givenUp: [] });
  expect(world.notices.map(({ id }) => id).toSorted()).toEqual(["a@*/ops", "b@*/ops", "c@*/duty"]);
});

test("two that drain at once send each message once", async () => {
  const world = openTestDeps();
  await add(world, "a@*/ops", "b@*/ops", "c@*/duty");
  world.knobs.notify = () => Bun.sleep(5);
  const drained = await Promise.all([drainOutbox(world.deps, request), drainOutbox(world.deps, request)]);
  expect(drained[0]!.sent + drained[1]!.sent).toBe(3);
  expect(world.notices.length).toBe(3);
});

test("what a dead process was sending is sent again when its lease has ended", async () => {
  const world = openTestDeps();
  await add(world, "a@*/ops");
  await world.deps.state.claimNotification({
    channel: "*/ops",
    holder: "dead",
    now: world.clock.now(),
    leaseMs: 60_000,
  });
  expect((await drainOutbox(world.deps, request)).sent).toBe(0);
  await world.clock.advance(60_000);
  expect((await drainOutbox(world.deps, request)).sent).toBe(1);
});

test("a channel that is down is asked again later and later, and after a day no more", async () => {
  const world = openTestDeps();
  world.knobs.notify = refuse(true);
  await add(world, "a@*/ops");
  let attempts = 0;
  const lines: string[] = [];
  for (let minute = 0; minute <= 25 * 60; minute += 1) {
    const { failed, givenUp } = await drainOutbox(world.deps, request);
    attempts += failed + givenUp.length;
    lines.push(...givenUp);
    await world.clock.advance(60_000);
  }
  expect(attempts).toBeGreaterThan(25);
  expect(attempts).toBeLessThan(40);
  expect(lines).toEqual([
    `channel ops: the backup_failed of shop was given up after ${attempts} attempts: it answered 503`,
  ]);
  expect(await world.deps.state.listNotifications({ limit: 5, status: "given_up" })).toHaveLength(1);
});

test("a message that is refused is given up after five attempts, and does not hold up the next", async () => {
  const world = openTestDeps();
  await add(world, "a@*/ops", "b@*/ops");
  world.knobs.notify = ({ id }) => {
    if (id.startsWith("a")) refuse(false)();
  };
  const lines: string[] = [];
  for (let round = 0; round < 6; round += 1) {
    lines.push(...(await drainOutbox(world.deps, request)).givenUp);
    await world.clock.advance(hour);
  }
  expect(world.notices.map(({ id }) => id)).toEqual(["b@*/ops"]);
  expect(lines).toEqual(["channel ops: the backup_failed of shop was given up after 5 attempts: it answered 503"]);
});

test("messages for a channel that this configuration does not know are left to others for a day", async () => {
  const world = openTestDeps();
  await add(world, "a@gone/mine", "b@gone/mine");
  expect(await drainOutbox(world.deps, request)).toEqual({ sent: 0, failed: 0, givenUp: [] });
  await world.clock.advance(23 * hour);
  expect((await drainOutbox(world.deps, request)).givenUp).toEqual([]);
  const known = { key: "gone/mine", channel: routes[0]!.channel };
  await world.clock.advance(hour - 1);
  expect((await drainOutbox(world.deps, { ...request, routes: [known] })).sent).toBe(0);
  await world.clock.advance(1);
  const { givenUp } = await drainOutbox(world.deps, request);
  expect(givenUp).toHaveLength(2);
  expect(givenUp[0]).toBe("the backup_failed of shop was given up: channel gone/mine is not in the configuration");
});

test("what was settled a month ago is forgotten", async () => {
  const world = openTestDeps();
  await add(world, "a@*/ops");
  await drainOutbox(world.deps, request);
  await world.clock.advance(31 * 24 * hour);
  await add(world, "b@*/ops");
  await drainOutbox(world.deps, request);
  expect((await world.deps.state.listNotifications({ limit: 5 })).map(({ id }) => id)).toEqual(["b@*/ops"]);
});
