// Tells people of one run. Each message is kept before it is sent, so that a crash loses none; nothing here fails the run,
// and sending never holds it up longer than a bound.

import { toAppError } from "../domain/error.ts";
import {
  describeEnd,
  describeFailedDrill,
  describeLateRun,
  describeStart,
  describeTroubleOver,
  describeWarnings,
  tellsStart,
  type RunSurroundings,
} from "../domain/notification/describe-run.ts";
import type { Notice } from "../domain/notification/notice.ts";
import { hears, type Route } from "../domain/notification/route.ts";
import { redactRun } from "../domain/run/redact.ts";
import type { Run, RunKind } from "../domain/run/run.ts";
import type { NewNotification } from "../ports/state-store-outbox.ts";
import { entryOf } from "./send-from-journal.ts";
import type { Deps } from "./deps.ts";
import type { RunAnnouncement } from "./run-announcement.ts";
import {
  deliverToChannel,
  retryAfterOf,
  sendNotice,
  type Delivery,
  type DeliverDeps,
} from "./deliver-notifications.ts";

export type AnnounceDeps = DeliverDeps & Pick<Deps, "journal" | "redact">;

export interface AnnounceRequest {
  readonly kind: RunKind;
  readonly routes: readonly Route[];
  /** Of these, those whose receivers keep a trouble open until they hear that it is over. */
  readonly followers: readonly Route[];
  readonly around: RunSurroundings;
}

/** How long after the end of a run messages are still begun; the last one may take its own time. */
const deliveryMs = 10_000;
const firstPauseMs = 1_000;
/** A receiver that asks for more time than this is not waited for. */
const longestPauseMs = 2_000;

/** Nothing is said before one of its methods is called. */
export function announceRun(deps: AnnounceDeps, { kind, routes, followers, around }: AnnounceRequest): RunAnnouncement {
  /** Messages that the state store could not take: they are sent from memory, and wait in the journal if that fails. */
  const unkept: NewNotification[] = [];
  const lateWarnings = new Set<string>();
  let sending: Promise<readonly string[]> = Promise.resolve([]);

  async function keep(notices: readonly Notice[], listeners = routes): Promise<readonly string[]> {
    const createdAt = deps.clock.now();
    const notifications = notices.flatMap((notice) => {
      const heard = listeners.filter(({ channel }) => hears(channel, notice.event));
      return heard.map(({ key }): NewNotification => ({ id: `${notice.id}@${key}`, channel: key, notice, createdAt }));
    });
    try {
      await deps.state.addNotifications(notifications);
      deps.reach("notify.kept");
      return [];
    } catch (error) {
      unkept.push(...notifications);
      const entries = notifications.map((payload) => ({ ...entryOf(payload), timestamp: createdAt }));
      try {
        await deps.journal.append(...entries);
        return [];
      } catch {
        return [`a notification could not be kept: ${toAppError(error).message}`];
      }
    }
  }

  async function deliver(isPatient: boolean): Promise<readonly string[]> {
    const untilMs = deps.clock.monotonicMs() + deliveryMs;
    const isStoreDown = unkept.length > 0;
    const direct: (readonly string[])[] = [];
    for (const notification of unkept.splice(0)) direct.push(await sendUnkept(deps, routes, notification));
    if (isStoreDown) return direct.flat();
    const kept = await Promise.all(routes.map((route) => deliverSoon(deps, route, { untilMs, isPatient })));
    return kept.flat();
  }

  /** One after the other: what was kept first is sent first. */
  function deliverInTurn(isPatient: boolean): Promise<readonly string[]> {
    sending = sending.then(async (before) => [...before, ...(await deliver(isPatient))]);
    return sending;
  }

  return {
    tellsStart: tellsStart(kind),
    async start(run) {
      const notice = describeStart(run, around);
      const problems = notice === undefined ? [] : await keep([notice]);
      void deliverInTurn(false);
      return problems;
    },
    async late(run, late) {
      lateWarnings.add(deps.redact(late.message));
      const problems = await keep([describeLateRun(run, late, around)]);
      void deliverInTurn(false);
      return problems;
    },
    async keepEnd(ended) {
      // Before anything is cut short: half a secret is not found any more.
      const run = redactRun(ended, deps.redact);
      const drill = describeFailedDrill(run, around);
      const rest = run.warnings.filter((text) => !lateWarnings.has(text) && !(drill && text.startsWith("verify: ")));
      const end = describeEnd(run, around);
      const notices = [end, drill, describeWarnings(run, rest, around)].filter((notice) => notice !== undefined);
      const listeners = run.status === "succeeded" ? routes : await patientEnough(deps, run, routes);
      const problems = await keep(notices, listeners);
      const over = describeTroubleOver(run, around);
      return over === undefined ? problems : [...problems, ...(await keep([over], followers))];
    },
    async deliver() {
      const problems = await deliverInTurn(true);
      return [...new Set(problems)];
    },
  };
}

/** Channels that hear of this failure: those with `after_failures` only when as many have come in a row. */
async function patientEnough(deps: AnnounceDeps, run: Run, routes: readonly Route[]): Promise<readonly Route[]> {
  const most = Math.max(1, ...routes.map(({ channel }) => channel.afterFailures ?? 1));
  if (most === 1) return routes;
  const failures = 1 + (await countFailuresBefore(deps, run, most));
  return routes.filter(({ channel }) => failures >= (channel.afterFailures ?? 1));
}

async function countFailuresBefore(deps: AnnounceDeps, run: Run, limit: number): Promise<number> {
  const { project, kind } = run;
  try {
    const runs = await deps.state.listRuns({ project, kind, status: ["succeeded", "failed", "cancelled"], limit });
    const before = runs.filter(({ id, trigger }) => id !== run.id && trigger !== "safety");
    const lastGood = before.findIndex(({ status }) => status === "succeeded");
    return lastGood === -1 ? before.length : lastGood;
  } catch {
    // Nobody knows how many there were: better once too often.
    return Number.POSITIVE_INFINITY;
  }
}

/** Three attempts within the bound: most receivers that fail answer again a moment later. */
async function deliverSoon(
  deps: AnnounceDeps,
  route: Route,
  { untilMs, isPatient }: { readonly untilMs: number; readonly isPatient: boolean },
): Promise<readonly string[]> {
  const problems: string[] = [];
  for (let pauseMs = firstPauseMs; ; pauseMs *= 2) {
    let delivery: Delivery;
    try {
      delivery = await deliverToChannel(deps, route, { ignoreBackOff: true, untilMs });
    } catch (error) {
      return [...problems, `channel ${route.channel.name}: ${toAppError(error).message}`];
    }
    problems.push(...givenUpLines(route, delivery));
    const waiting = delivery.failed.filter(({ error }) => error.retryable);
    const longestAsked = Math.max(0, ...waiting.map(({ error }) => retryAfterOf(error) ?? 0));
    const isWorthIt = (waiting.length > 0 && longestAsked <= longestPauseMs) || delivery.isBusy;
    const isTimeLeft = pauseMs <= longestPauseMs && deps.clock.monotonicMs() + pauseMs < untilMs;
    if (isPatient && isWorthIt && isTimeLeft) {
      await deps.clock.sleep(Math.max(pauseMs, longestAsked));
      continue;
    }
    return [
      ...problems,
      ...delivery.failed.map(({ error }) => `channel ${route.channel.name}: ${error.message}; it will be tried again`),
    ];
  }
}

/** For the log and the terminal: nobody will be told any more. */
export function givenUpLines({ channel }: Route, { givenUp }: Delivery): readonly string[] {
  return givenUp.map(
    ({ notification, error }) =>
      `channel ${channel.name}: the ${notification.notice.event} of ${notification.notice.project ?? "all projects"} was given up after ${notification.attempts + 1} attempts: ${error.message}`,
  );
}

async function sendUnkept(
  deps: AnnounceDeps,
  routes: readonly Route[],
  { id, channel: key, notice }: NewNotification,
): Promise<readonly string[]> {
  const route = routes.find((candidate) => candidate.key === key)!;
  const error = await sendNotice(deps, route.channel, notice);
  if (error !== null) return [`channel ${route.channel.name}: ${error.message}; it will be tried again`];
  await deps.journal.remove([id]).catch(() => {});
  return [];
}
