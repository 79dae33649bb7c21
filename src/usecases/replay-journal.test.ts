import { expect, test } from "bun:test";
import { openTestDeps } from "../../tests/support/fake-deps.ts";
import type { Route } from "../domain/notification/route.ts";
import { replayJournal } from "./replay-journal.ts";
import { sendFromJournal } from "./send-from-journal.ts";

const good = {
  id: "good",
  channel: "*/ops",
  notice: { id: "good", event: "backup_failed", project: "shop", subject: "shop/backup", text: "no", data: {} },
  createdAt: 1,
};
const damaged: readonly unknown[] = [
  null,
  [],
  "text",
  {},
  { ...good, id: 7 },
  { ...good, channel: {} },
  { ...good, notice: null },
  { ...good, notice: { ...good.notice, text: undefined } },
  { ...good, createdAt: "then" },
];
const routes: readonly Route[] = [
  { key: "*/ops", channel: { name: "ops", type: "webhook", settings: {}, on: ["all"], projects: [] } },
];

for (const payload of damaged) {
  const shown = JSON.stringify(payload);

  test(`a kept message that is none is set aside and holds nothing up: ${shown}`, async () => {
    const { deps } = openTestDeps();
    const { journal } = deps;
    await journal.append({ id: "bad", type: "notification", payload, timestamp: 1 });
    await journal.append({ id: "good", type: "notification", payload: good, timestamp: 2 });
    expect(await replayJournal(deps)).toMatchObject({ replayed: 1, rejected: [expect.stringContaining("bad")] });
    expect(await deps.state.listNotifications({ limit: 10 })).toMatchObject([{ id: "good" }]);
    expect((await journal.read()).entries).toEqual([]);
  });

  test(`a kept message that is none does not keep the next from being sent past the store: ${shown}`, async () => {
    const { deps, notices } = openTestDeps();
    const { journal } = deps;
    await journal.append({ id: "bad", type: "notification", payload, timestamp: 1 });
    await journal.append({ id: "good", type: "notification", payload: good, timestamp: 2 });
    expect(await sendFromJournal(deps, { routes, budgetMs: 1_000 })).toMatchObject({ sent: 1 });
    expect(notices.map(({ id }) => id)).toEqual(["good"]);
  });
}
