import { describe, expect, test } from "bun:test";
import { openTestDeps, type TestDeps, type TestDepsOptions } from "../../tests/support/fake-deps.ts";
import { back } from "../../tests/support/run-fake-backup.ts";
import { AppError } from "../domain/error.ts";
import { routesOf } from "../domain/notification/route.ts";
import type { ChannelSpec } from "../domain/project/project.ts";
import type { Run } from "../domain/run/run.ts";
import type { NewNotification } from "../ports/state-store-outbox.ts";
import { announceRun } from "./announce-run.ts";
import { drainOutbox } from "./drain-outbox.ts";
import { replayJournal } from "./replay-journal.ts";

const channel = (name: string, more: Partial<ChannelSpec> = {}): ChannelSpec => ({
  name,
  type: "webhook",
  settings: {},
  on: ["all"],
  projects: ["shop"],
  ...more,
});

function openWorld(options: TestDepsOptions = {}, channels = [channel("ops")]): TestDeps {
  return openTestDeps({ storages: ["one"], ...options, project: { channels, ...options.project } });
}

const refused = (retryable: boolean, details = {}): AppError =>
  new AppError("notification_failed", "could not notify https://hooks.test: it answered", { retryable, details });

const events = (world: TestDeps): readonly string[] => world.notices.map(({ event }) => event);
const pending = async (world: TestDeps) => world.deps.state.listNotifications({ limit: 100, status: "pending" });
const kept = (world: TestDeps): readonly string[] =>
  world.journal.entries.flatMap(({ type, payload }) =>
    type === "notification" ? [(payload as NewNotification).notice.event] : [],
  );
const stages = (world: TestDeps): readonly string[] =>
  world.events.flatMap((event) =>
    event.type === "stage" && event.record.outcome !== "running"
      ? [`${event.record.stage} ${event.record.outcome}`]
      : event.type === "finished"
        ? ["finished"]
        : [],
  );

/** Moves the clock on while something waits for it, so that pauses between attempts end. */
async function waitingOut<T>(world: TestDeps, work: Promise<T>): Promise<T> {
  let isDone = false;
  const end = work.finally(() => (isDone = true));
  while (!isDone) {
    await Bun.sleep(1);
    if (world.clock.sleepers > 0) await world.clock.advance(1_000);
  }
  return end;
}

describe("a run", () => {
  test("is told at its start and its end, and both are stages of it", async () => {
    const world = openWorld();
    const run = await back(world);
    await world.flush();
    expect(events(world)).toEqual(["backup_started", "backup_success"]);
    expect(await pending(world)).toEqual([]);
    expect(stages(world)).toEqual([
      "notify_started succeeded",
      "dump succeeded",
      "sync succeeded",
      "prune succeeded",
      "finished",
      "notify succeeded",
    ]);
    const kept = await world.deps.state.listStages(run.id);
    expect(kept.map(({ stage, outcome }) => `${stage} ${outcome}`)).toContain("notify succeeded");
    expect(world.storeErrors).toEqual([]);
    expect(await world.deps.state.findRun(run.id)).toMatchObject({ status: "succeeded" });
  });

  test("without a channel has no such stages", async () => {
    const world = openTestDeps({ storages: ["one"] });
    await back(world);
    expect(stages(world).some((stage) => stage.startsWith("notify"))).toBe(false);
  });

  test("that fails before its first stage is told", async () => {
    const world = openWorld();
    world.knobs.openStorage = () => {
      throw new AppError("storage_unreachable", "nobody is there");
    };
    expect(await back(world)).toMatchObject({ status: "failed" });
    expect(events(world)).toEqual(["backup_started", "backup_failed"]);
    expect(world.notices[1]?.text).toContain("nobody is there");
  });

  test("that is cancelled is told as a failure, although its signal is aborted", async () => {
    const world = openWorld();
    world.knobs.onPoint = (point) => {
      if (point === "run.pre_hook_done") world.abort();
    };
    expect(await back(world)).toMatchObject({ status: "cancelled" });
    expect(events(world)).toEqual(["backup_started", "backup_failed"]);
  });

  test("that could not begin, because another one is on, is told too", async () => {
    const world = openWorld();
    await using _held = await world.deps.lock.acquire("shop", "backup");
    await expect(back(world)).rejects.toMatchObject({ code: "lock_held" });
    expect(events(world)).toEqual(["backup_failed"]);
    expect(world.notices[0]?.text).toContain("Stage: notify started");
    expect(world.events).toEqual([]);
  });

  test("with warnings sends them in a message of their own", async () => {
    const world = openTestDeps({ storages: ["one", "two"], project: { channels: [channel("ops")] } });
    world.store("two").faults.push({ on: "write", error: new AppError("storage_failed", "two is full") });
    expect(await back(world)).toMatchObject({ status: "succeeded", partial: true });
    expect(events(world)).toEqual(["backup_started", "backup_success", "backup_warning"]);
    expect(world.notices[2]?.text).toContain("storage two: two is full");
  });

  test("that takes too long is told at once, and not again at its end", async () => {
    const world = openWorld({ project: { timeoutMs: 20, hooks: { preBackup: "sleep", timeoutMs: 1_000 } } });
    world.knobs.hook = async () => {
      await Bun.sleep(60);
      return { exitCode: 0, durationMs: 60 };
    };
    expect((await back(world)).warnings).toHaveLength(1);
    expect(events(world)).toEqual(["backup_started", "backup_warning", "backup_success"]);
    expect(world.notices[1]?.text).toContain("Backup timeout warning — shop");
    expect(world.notices[1]?.text).toContain("Current stage: pre hook");
  });

  test("is told with its secrets masked", async () => {
    const world = openWorld();
    const routes = [{ key: "shop/ops", channel: channel("ops") }];
    const redact = (text: string): string => text.replaceAll("canary", "********");
    const announcement = announceRun(
      { ...world.deps, redact },
      { kind: "backup", routes, followers: [], around: plain },
    );
    const error = {
      code: "source_failed",
      stage: "dump",
      message: "the password canary is wrong",
      hint: null,
    } as const;
    await announcement.keepEnd({ ...blankRun, status: "failed", error });
    expect(JSON.stringify(await pending(world))).not.toContain("canary");
    await announcement.deliver();
    expect(JSON.stringify(world.notices)).toContain("********");
  });

  test.each([990, 7_990])(
    "is told without a piece of a secret, where its error is cut after %d characters",
    async (at) => {
      const world = openWorld();
      const routes = [{ key: "shop/ops", channel: channel("ops") }];
      const redact = (text: string): string => text.replaceAll("canary-of-this-test", "********");
      const announcement = announceRun(
        { ...world.deps, redact },
        { kind: "backup", routes, followers: [], around: plain },
      );
      const message = `${"x".repeat(at)} canary-of-this-test`;
      await announcement.keepEnd({ ...blankRun, status: "failed", error: { ...anError, message } });
      expect(JSON.stringify(await pending(world))).not.toContain("canar");
    },
  );

  test("is heard of although a password is one of the words that a message is made of", async () => {
    const world = openWorld();
    const routes = [{ key: "shop/ops", channel: channel("ops", { on: ["failure"] }) }];
    const redact = (text: string): string => text.replaceAll(/backup|failed|shop/g, "********");
    const announcement = announceRun(
      { ...world.deps, redact },
      { kind: "backup", routes, followers: [], around: plain },
    );
    await announcement.keepEnd({ ...blankRun, status: "failed", error: { ...anError, message: "no shop" } });
    await announcement.deliver();
    expect(world.notices).toMatchObject([
      {
        event: "backup_failed",
        project: "shop",
        data: { project_name: "shop", status: "failed", error_message: "no ********" },
      },
    ]);
  });
});

const plain = {
  timeZone: "UTC",
  retryCount: 0,
  database: null,
  isEncrypted: false,
  isVerified: false,
  usesRestic: false,
};

const anError = { code: "source_failed", stage: "dump", message: "no", hint: null } as const;

const blankRun: Run = {
  id: "r1",
  project: "shop",
  kind: "backup",
  status: "running",
  partial: false,
  trigger: "manual",
  stage: null,
  backupId: null,
  owner: { host: "h", bootId: "b", pid: 1, startTicks: "1" },
  createdAt: 0,
  startedAt: 0,
  finishedAt: 1,
  heartbeatAt: 0,
  bytes: 0,
  retryCount: 0,
  warnings: [],
  error: null,
  result: {},
};

describe("a channel that", () => {
  test("fails does not fail the run; its messages wait, with the reason", async () => {
    const world = openWorld();
    world.knobs.notify = () => {
      throw refused(true);
    };
    const run = await waitingOut(world, back(world));
    expect(run).toMatchObject({ status: "succeeded", warnings: [] });
    const waiting = await pending(world);
    expect(waiting.map(({ notice }) => notice.event)).toEqual(["backup_success", "backup_started"]);
    expect(waiting[1]).toMatchObject({ lastError: "could not notify https://hooks.test: it answered" });
    expect(stages(world).at(-1)).toBe("notify failed");
    expect(world.log().some((line) => line.startsWith("warn: channel ops:"))).toBe(true);
  });

  test("answers again a moment later gets everything, in order and once", async () => {
    const world = openWorld();
    let calls = 0;
    world.knobs.notify = () => {
      calls += 1;
      if (calls <= 2) throw refused(true);
    };
    await waitingOut(world, back(world));
    expect(events(world)).toEqual(["backup_started", "backup_success"]);
    expect(await pending(world)).toEqual([]);
  });

  test("asks for more time than a run can wait is not asked again", async () => {
    const world = openWorld();
    let calls = 0;
    world.knobs.notify = () => {
      calls += 1;
      throw refused(true, { retryAfterMs: 60_000 });
    };
    await back(world);
    expect(calls).toBe(2);
    expect(world.clock.sleepers).toBe(0);
    const waiting = await pending(world);
    expect(Math.max(...waiting.map(({ nextAttemptAt }) => nextAttemptAt))).toBe(world.clock.now() + 60_000);
  });

  test("refuses one message still gets the next one", async () => {
    const world = openWorld();
    world.knobs.notify = ({ event }) => {
      if (event === "backup_started") throw refused(false);
    };
    await waitingOut(world, back(world));
    expect(events(world)).toEqual(["backup_success"]);
    expect((await pending(world)).map(({ notice }) => notice.event)).toEqual(["backup_started"]);
  });

  test("hears failures only, hears no success", async () => {
    const channels = [channel("bad", { on: ["failure"] }), channel("good", { on: ["success"] })];
    const heard: string[] = [];
    const world = openWorld({}, channels);
    world.knobs.notify = ({ event }, { name }) => void heard.push(`${name} ${event}`);
    await back(world);
    world.store("one").faults.push({ on: "write", error: new AppError("storage_failed", "full") });
    await back(world);
    expect(heard).toEqual(["good backup_success", "bad backup_failed"]);
  });

  test("waits for the third failure in a row hears that one and the next, and counts anew after a success", async () => {
    const world = openWorld({}, [channel("ops", { on: ["failure"], afterFailures: 3 })]);
    const outcomes: string[] = [];
    for (const fails of [true, true, true, true, false, true]) {
      world.store("one").faults.length = 0;
      if (fails) world.store("one").faults.push({ on: "write", error: new AppError("storage_failed", "full") });
      const before = world.notices.length;
      await back(world);
      await world.flush();
      await world.clock.advance(2_000);
      outcomes.push(world.notices.length > before ? "told" : "quiet");
    }
    expect(outcomes).toEqual(["quiet", "quiet", "told", "told", "quiet", "quiet"]);
  });

  test("is down does not hold up another one", async () => {
    const world = openWorld({}, [channel("down"), channel("up")]);
    const heard: string[] = [];
    world.knobs.notify = ({ event }, { name }) => {
      if (name === "down") throw refused(true);
      heard.push(event);
    };
    await waitingOut(world, back(world));
    expect(heard).toEqual(["backup_started", "backup_success"]);
  });
});

describe("a state store that", () => {
  test("is down does not keep people from being told", async () => {
    const world = openWorld();
    world.knobs.onState = (method) => {
      if (method.includes("otification")) throw new AppError("state_failed", "the state store is gone");
    };
    expect(await back(world)).toMatchObject({ status: "succeeded" });
    expect(events(world)).toEqual(["backup_started", "backup_success"]);
    expect(stages(world).at(-1)).toBe("notify succeeded");
    expect(kept(world)).toEqual([]);
  });

  test("is down, and the receiver too: the messages wait in the journal and are sent once from either", async () => {
    const world = openWorld();
    let isReceiverUp = false;
    world.knobs.onState = (method) => {
      if (/otification|DueChannels/.test(method)) throw new AppError("state_failed", "the state store is gone");
    };
    world.knobs.notify = () => {
      if (!isReceiverUp) throw refused(true);
    };
    await back(world);
    expect(kept(world)).toEqual(["backup_started", "backup_success"]);
    const request = { routes: routesOf(world.project, []), budgetMs: 10_000 };
    expect(await drainOutbox(world.deps, request)).toEqual({ sent: 0, failed: 1, givenUp: [] });
    isReceiverUp = true;
    const both = await Promise.all([drainOutbox(world.deps, request), drainOutbox(world.deps, request)]);
    expect(both[0]!.sent + both[1]!.sent).toBe(2);
    expect(events(world)).toEqual(["backup_started", "backup_success"]);
    expect(kept(world)).toEqual([]);
  });

  test("stops in the middle of a run: what waited in it is sent when it is back", async () => {
    const world = openWorld();
    world.knobs.notify = () => {
      throw refused(true);
    };
    world.knobs.onPoint = (point) => {
      if (point !== "run.pre_hook_done") return;
      world.knobs.onState = (method) => {
        if (/otification|DueChannels/.test(method)) throw new AppError("state_failed", "the state store is gone");
      };
    };
    await waitingOut(world, back(world));
    expect(kept(world)).toEqual(["backup_success"]);
    world.knobs.onState = () => {};
    world.knobs.notify = () => {};
    await replayJournal(world.deps);
    await world.clock.advance(60_000);
    await drainOutbox(world.deps, { routes: routesOf(world.project, []), budgetMs: 10_000 });
    expect(events(world)).toEqual(["backup_started", "backup_success"]);
    expect(await pending(world)).toEqual([]);
  });

  test("cannot be written, and the disk neither: people are told all the same", async () => {
    const world = openWorld();
    world.knobs.onState = (method) => {
      if (method.includes("otification")) throw new AppError("state_failed", "the state store is gone");
    };
    const full = () => Promise.reject(new AppError("disk_full", "the disk is full"));
    const journal = { ...world.deps.journal, append: full };
    const { project, signal } = world;
    const routes = routesOf(project, []);
    const redact = (text: string): string => text;
    const announcement = announceRun(
      { ...world.deps, journal, redact },
      { kind: "backup", routes, followers: [], around: plain },
    );
    const error = { code: "source_failed", stage: "dump", message: "no", hint: null } as const;
    expect(await announcement.keepEnd({ ...blankRun, status: "failed", error })).toEqual([
      "a notification could not be kept: the state store is gone",
    ]);
    expect(await announcement.deliver()).toEqual([]);
    expect(events(world)).toEqual(["backup_failed"]);
    expect(signal.aborted).toBe(false);
  });
});
