// Sends what is due of the messages that were not taken at once. The daemon calls it every minute, the CLI after each run.

import { giveUpAfterMs } from "../domain/notification/plan-retry.ts";
import type { Route } from "../domain/notification/route.ts";
import { givenUpLines } from "./announce-run.ts";
import { deliverToChannel, holderOf, type DeliverDeps } from "./deliver-notifications.ts";

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

const channelsAtOnce = 8;
const forgetAfterMs = 30 * 86_400_000;
const lookAgainMs = 3_600_000;

/** Throws `state_failed` when the outbox cannot be read. */
export async function drainOutbox(deps: DeliverDeps, { routes, budgetMs }: DrainRequest): Promise<Drained> {
  const untilMs = deps.clock.monotonicMs() + budgetMs;
  const due = await deps.state.listDueChannels(deps.clock.now());
  const known = routes.filter(({ key }) => due.includes(key));
  let sent = 0;
  let failed = 0;
  const givenUp: string[] = [];
  const queue = [...known];
  const worker = async (): Promise<void> => {
    for (let route = queue.shift(); route !== undefined; route = queue.shift()) {
      const delivery = await deliverToChannel(deps, route, { ignoreBackOff: false, untilMs });
      sent += delivery.sent.length;
      failed += delivery.failed.length;
      givenUp.push(...givenUpLines(route, delivery));
    }
  };
  await Promise.all(Array.from({ length: channelsAtOnce }, worker));
  const keys = new Set(routes.map(({ key }) => key));
  for (const channel of due.filter((key) => !keys.has(key))) givenUp.push(...(await giveUpOrphans(deps, channel)));
  if (sent > 0) await deps.state.removeNotifications(deps.clock.now() - forgetAfterMs);
  return { sent, failed, givenUp };
}

/** Another configuration may know this channel; after a day none does. */
async function giveUpOrphans(deps: DeliverDeps, channel: string): Promise<readonly string[]> {
  const holder = holderOf(deps.owner);
  const lines: string[] = [];
  for (;;) {
    const now = deps.clock.now();
    const orphan = await deps.state.claimNotification({ channel, holder, now, leaseMs: 60_000 });
    if (orphan === undefined) return lines;
    const error = `channel ${channel} is not in the configuration`;
    if (now - orphan.createdAt < giveUpAfterMs) {
      const nextAttemptAt = now + lookAgainMs;
      await deps.state.settleNotification(orphan.id, holder, { status: "pending", nextAttemptAt, error });
      return lines;
    }
    await deps.state.settleNotification(orphan.id, holder, { status: "given_up", at: now, error });
    lines.push(`the ${orphan.notice.event} of ${orphan.notice.project ?? "all projects"} was given up: ${error}`);
  }
}
