import { expect, test } from "bun:test";
import { openTestDeps } from "../../tests/support/fake-deps.ts";
import type { Alert } from "../domain/alert/alert.ts";
import { AppError } from "../domain/error.ts";
import type { Route } from "../domain/notification/route.ts";
import type { Notice } from "../domain/notification/notice.ts";
import { sendFromJournal } from "./send-from-journal.ts";
import { watchStateStore } from "./watch-state-store.ts";

const minute = 60_000;
const route: Route = {
  key: "*/hook",
  channel: { name: "hook", type: "webhook", settings: {}, on: ["failure", "success"], projects: [] },
};

function openBed() {
  const world = openTestDeps({});
  const sent: Notice[] = [];
  const logged: Alert[] = [];
  let isDown = false;
  let isDeaf = false;
  const deps = {
    ...world.deps,
    state: {
      ...world.deps.state,
      listAlerts: async () => {
        if (isDown) throw new AppError("state_failed", "could not list alerts in the state store x");
        return [];
      },
    },
    openNotifier: async () => ({
      type: "webhook",
      async send(notice: Notice) {
        await Bun.sleep(5);
        if (isDeaf) throw new AppError("notification_failed", "no", { retryable: true });
        sent.push(notice);
      },
    }),
  };
  const watch = watchStateStore(deps, (alert) => logged.push(alert));
  return {
    sent,
    logged,
    journal: world.deps.journal,
    async look(down: boolean, deaf = false) {
      [isDown, isDeaf] = [down, deaf];
      await world.clock.advance(minute);
      return watch.look([route]);
    },
    /** What the daemon does each minute, too. */
    sendWaiting: () => sendFromJournal(deps, { routes: [route], budgetMs: 1_000 }),
  };
}

test("a state store that is silent for longer than a minute is told once, and once when it answers", async () => {
  const bed = openBed();
  await bed.look(true);
  expect(bed.sent).toEqual([]);
  await bed.look(true);
  await bed.look(true);
  expect(bed.sent.map(({ event, project }) => [event, project])).toEqual([["alert", null]]);
  expect(bed.sent[0]!.text).toStartWith("🚨 State store does not answer — all projects\n");
  await bed.look(false);
  await bed.look(false);
  expect(bed.sent.map(({ event }) => event)).toEqual(["alert", "alert_resolved"]);
  expect(bed.sent[1]!.subject).toBe(bed.sent[0]!.subject);
  expect(bed.logged).toHaveLength(2);
});

test("a restart within a minute is no news", async () => {
  const bed = openBed();
  await bed.look(true);
  await bed.look(false);
  await bed.look(true);
  await bed.look(false);
  expect(bed.sent).toEqual([]);
});

test("what a receiver did not take waits in the journal", async () => {
  const bed = openBed();
  await bed.look(true);
  expect(await bed.look(true, true)).toHaveLength(1);
  const { entries } = await bed.journal.read();
  expect(entries).toMatchObject([{ type: "notification", payload: { channel: "*/hook", notice: { event: "alert" } } }]);
});

test("is told once, also when waiting messages are sent at the same moment", async () => {
  const bed = openBed();
  await bed.look(true);
  await Promise.all([
    bed.look(true),
    bed.sendWaiting(),
    Bun.sleep(1).then(bed.sendWaiting),
    Bun.sleep(3).then(bed.sendWaiting),
  ]);
  await bed.sendWaiting();
  expect(bed.sent).toHaveLength(1);
  expect((await bed.journal.read()).entries).toEqual([]);
});
