// Messages while the state store is down: they wait in the fallback journal, and one process at a time sends them from there.

import { toAppError } from "../domain/error.ts";
import { giveUpAfterMs } from "../domain/notification/plan-retry.ts";
import type { Notice } from "../domain/notification/notice.ts";
import type { Route } from "../domain/notification/route.ts";
import type { JournalEntry } from "../ports/fallback-journal.ts";
import type { NewNotification } from "../ports/state-store-outbox.ts";
import { sendNotice, type DeliverDeps } from "./deliver-notifications.ts";
import type { Deps } from "./deps.ts";

export type DrainDeps = DeliverDeps & Pick<Deps, "journal" | "lock">;

export interface DrainRequest {
  /** Channels of the configuration; messages for others wait for a process that knows them. */
  readonly routes: readonly Route[];
  /** No message is begun after this time. */
  readonly budgetMs: number;
}

export interface Drained {
  readonly sent: number;
  readonly failed: number;
  /** A line for each message that nobody will get any more. */
  readonly givenUp: readonly string[];
}

const lockName = "notification-journal";
/** For one message; whoever has the turn longer sends it too. */
const turnMs = 30_000;

export function entryOf(payload: NewNotification): Omit<JournalEntry, "timestamp"> {
  return { id: payload.id, type: "notification", payload };
}

/** Undefined for an entry that holds no message, from another version or by a slip of somebody's hand. */
export function notificationOf({ payload }: Pick<JournalEntry, "payload">): NewNotification | undefined {
  const given = (payload ?? {}) as { readonly [Key in keyof NewNotification]?: unknown };
  const notice = (given.notice ?? {}) as { readonly [Key in keyof Notice]?: unknown };
  const texts = [given.id, given.channel, notice.id, notice.event, notice.text];
  const isOne = texts.every((text) => typeof text === "string") && typeof given.createdAt === "number";
  return isOne ? (payload as NewNotification) : undefined;
}

export type PastStoreDeps = Pick<Deps, "journal" | "openNotifier" | "lock">;

/** Keeps the message in the journal until the receiver has it. The problems, for the log. */
export async function sendPastStore(
  deps: PastStoreDeps,
  { channel }: Route,
  notification: NewNotification,
): Promise<readonly string[]> {
  const { id, notice, createdAt } = notification;
  const isKept = await deps.journal.append({ ...entryOf(notification), timestamp: createdAt }).then(
    () => true,
    () => false,
  );
  if (!isKept) {
    const error = await sendNotice(deps, channel, notice);
    return error === null ? [] : [`channel ${channel.name}: ${error.message}; the message is lost`];
  }
  try {
    await using _turn = await deps.lock.acquireOrWait(lockName, "send a notification", AbortSignal.timeout(turnMs));
    // Whoever had the turn before may have sent it.
    if (!(await isWaiting(deps, id))) return [];
    const error = await sendNotice(deps, channel, notice);
    if (error !== null) return [`channel ${channel.name}: ${error.message}; it will be tried again`];
    await deps.journal.remove([id]);
    return [];
  } catch (error) {
    return [`channel ${channel.name}: ${toAppError(error).message}; the message waits in ${deps.journal.location}`];
  }
}

async function isWaiting({ journal }: Pick<Deps, "journal">, id: string): Promise<boolean> {
  return (await journal.read()).entries.some((entry) => entry.id === id);
}

/** Throws when the journal cannot be read. */
export async function sendFromJournal(deps: DrainDeps, { routes, budgetMs }: DrainRequest): Promise<Drained> {
  const untilMs = deps.clock.monotonicMs() + budgetMs;
  const hasEntries = (await deps.journal.read()).entries.some(({ type }) => type === "notification");
  const held = hasEntries ? await deps.lock.acquire(lockName, "send notifications").catch(() => undefined) : undefined;
  if (held === undefined) return { sent: 0, failed: 0, givenUp: [] };
  await using _lock = held;
  let sent = 0;
  const givenUp: string[] = [];
  const silent = new Set<string>();
  for (const entry of (await deps.journal.read()).entries) {
    if (entry.type !== "notification" || deps.clock.monotonicMs() >= untilMs) continue;
    const kept = notificationOf(entry);
    // The replay sets it aside when the store is there again.
    if (kept === undefined) continue;
    const { id } = entry;
    const { channel: key, notice, createdAt } = kept;
    const route = routes.find((candidate) => candidate.key === key);
    if (route === undefined || silent.has(key)) continue;
    const error = await sendNotice(deps, route.channel, notice);
    if (error === null) {
      await deps.journal.remove([id]);
      sent += 1;
      continue;
    }
    silent.add(key);
    if (deps.clock.now() - createdAt < giveUpAfterMs) continue;
    await deps.journal.remove([id]);
    const whose = notice.project ?? "all projects";
    givenUp.push(`channel ${route.channel.name}: the ${notice.event} of ${whose} was given up: ${error.message}`);
  }
  return { sent, failed: silent.size, givenUp };
}
