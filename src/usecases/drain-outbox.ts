// Sends what is due of the messages that were not taken at once. The daemon calls it every minute, the CLI after each run.

import { giveUpAfterMs } from "../domain/notification/plan-retry.ts";
import { givenUpLines } from "./announce-run.ts";
import { deliverToChannel, leaseHolderOf, leaseMs, type DeliverDeps } from "./deliver-notifications.ts";
import { sendFromJournal, type Drained, type DrainDeps, type DrainRequest } from "./send-from-journal.ts";

const channelsAtOnce = 8;
const forgetAfterMs = 30 * 86_400_000;
const lookAgainMs = 3_600_000;

/** Where the state store is down, what waits in the journal is sent. Throws when that cannot be read either. */
export async function drainOutbox(deps: DrainDeps, request: DrainRequest): Promise<Drained> {
  let due: readonly string[];
  try {
    due = await deps.state.listDueChannels(deps.clock.now());
  } catch {
    return sendFromJournal(deps, request);
  }
  return drainStore(deps, request, due);
}

async function drainStore(
  deps: DrainDeps,
  { routes, budgetMs }: DrainRequest,
  due: readonly string[],
): Promise<Drained> {
  const untilMs = deps.clock.monotonicMs() + budgetMs;
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
  const holder = leaseHolderOf(deps.owner);
  const lines: string[] = [];
  for (;;) {
    const now = deps.clock.now();
    const orphan = await deps.state.claimNotification({ channel, holder, now, leaseMs });
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
