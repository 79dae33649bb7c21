// Sends what waits in the outbox for one channel: in order, one at a time, each claimed before and settled after.

import { AppError, toAppError } from "../domain/error.ts";
import type { Notice } from "../domain/notification/notice.ts";
import { planRetry } from "../domain/notification/plan-retry.ts";
import type { Route } from "../domain/notification/route.ts";
import type { ChannelSpec } from "../domain/project/project.ts";
import type { StoredNotification } from "../ports/state-store-outbox.ts";
import type { Deps } from "./deps.ts";

export type DeliverDeps = Pick<Deps, "clock" | "state" | "openNotifier" | "owner" | "reach">;

export interface Delivery {
  readonly sent: readonly string[];
  /** What was not taken and will be tried again, with what the receiver said. */
  readonly failed: readonly { readonly id: string; readonly error: AppError }[];
  readonly givenUp: readonly { readonly notification: StoredNotification; readonly error: AppError }[];
  /** Another process is sending to this channel just now. */
  readonly isBusy: boolean;
}

export interface DeliverRequest {
  /** Also what is not due yet: the channel has new messages, so its old ones go first. */
  readonly ignoreBackOff: boolean;
  /** By the monotonic clock; no message is begun after it. */
  readonly untilMs: number;
}

const sendTimeoutMs = 10_000;
/** Longer than a message may take, so that nobody sends a second copy of one that is on its way. */
export const leaseMs = 60_000;

/** Throws only what the state store throws. */
export async function deliverToChannel(
  deps: DeliverDeps,
  { key, channel }: Route,
  request: DeliverRequest,
): Promise<Delivery> {
  const sent: string[] = [];
  const failed: { id: string; error: AppError }[] = [];
  const givenUp: { notification: StoredNotification; error: AppError }[] = [];
  const holder = leaseHolderOf(deps.owner);
  let after: StoredNotification | undefined;
  while (deps.clock.monotonicMs() < request.untilMs) {
    const notification = await deps.state.claimNotification({
      channel: key,
      holder,
      now: deps.clock.now(),
      leaseMs,
      ignoreBackOff: request.ignoreBackOff,
      ...(after === undefined ? {} : { after }),
    });
    if (notification === undefined) break;
    const error = await sendNotice(deps, channel, notification.notice);
    deps.reach("notify.sent");
    const now = deps.clock.now();
    if (error === null) {
      await deps.state.settleNotification(notification.id, holder, { status: "sent", at: now, error: null });
      sent.push(notification.id);
      continue;
    }
    const { attempts, createdAt } = notification;
    const retryAfterMs = retryAfterOf(error);
    const retry = planRetry({ attempts, createdAt, now, retryable: error.retryable, retryAfterMs });
    const reason = error.message;
    if (retry === null) {
      await deps.state.settleNotification(notification.id, holder, { status: "given_up", at: now, error: reason });
      givenUp.push({ notification, error });
    } else {
      const { nextAttemptAt } = retry;
      await deps.state.settleNotification(notification.id, holder, { status: "pending", nextAttemptAt, error: reason });
      failed.push({ id: notification.id, error });
    }
    // A channel that does not answer keeps its order and waits; one that refuses this message may take the next.
    if (error.retryable) break;
    after = notification;
  }
  const isDone = sent.length + failed.length + givenUp.length > 0;
  return { sent, failed, givenUp, isBusy: !isDone && (await isHeldElsewhere(deps, key)) };
}

/** Null when the receiver has taken it. */
export async function sendNotice(
  deps: Pick<Deps, "openNotifier">,
  channel: ChannelSpec,
  notice: Notice,
  timeoutMs = sendTimeoutMs,
): Promise<AppError | null> {
  const limit = AbortSignal.timeout(timeoutMs);
  try {
    const notifier = await deps.openNotifier(channel);
    await notifier.send(notice, limit);
    return null;
  } catch (error) {
    // A receiver that says nothing may be well again later: that is no refusal.
    if (limit.aborted && error === limit.reason) return tooSlow(timeoutMs);
    return toAppError(error);
  }
}

function tooSlow(timeoutMs: number): AppError {
  return new AppError("notification_failed", `the receiver did not answer within ${timeoutMs / 1000} s`, {
    hint: "check the address, the network and the proxy",
    retryable: true,
  });
}

/** How long the receiver asked to be left alone, ms; undefined when it did not say. */
export function retryAfterOf(error: AppError): number | undefined {
  const given = error.details["retryAfterMs"];
  return typeof given === "number" ? given : undefined;
}

async function isHeldElsewhere(deps: DeliverDeps, channel: string): Promise<boolean> {
  return (await deps.state.listNotifications({ channel, status: "pending", limit: 1 })).length > 0;
}

/** The name under which this process claims messages. */
export function leaseHolderOf({ host, bootId, pid, startTicks }: Deps["owner"]): string {
  return `${host}/${bootId}/${pid}/${startTicks}`;
}
