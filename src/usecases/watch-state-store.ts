// Tells people when the state store does not answer for a while, and when it does again. Alerts themselves lie in the state
// store, so this one is kept in memory and its messages go by the fallback journal.

import type { Alert } from "../domain/alert/alert.ts";
import { toAppError } from "../domain/error.ts";
import { hears, type Route } from "../domain/notification/route.ts";
import { everyProject } from "../domain/schedule/daemon-schedules.ts";
import { newAlertId } from "./check-alerts.ts";
import type { Deps } from "./deps.ts";
import { sendPastStore, type PastStoreDeps } from "./send-from-journal.ts";
import { describeAlert } from "./tell-alert.ts";

export interface StateWatch {
  /** Asks the store once; never throws. The problems of telling it, for the log. */
  look(routes: readonly Route[]): Promise<readonly string[]>;
}

/** A server that is restarted is no news. */
const graceMs = 60_000;

export function watchStateStore(
  deps: PastStoreDeps & Pick<Deps, "clock" | "state" | "random">,
  log: (alert: Alert) => void,
): StateWatch {
  let silentSince: { readonly at: number; readonly monotonicMs: number } | undefined;
  let raised: Alert | undefined;

  async function tell(alert: Alert, routes: readonly Route[]): Promise<readonly string[]> {
    log(alert);
    const notice = describeAlert(alert);
    const createdAt = deps.clock.now();
    const problems = await Promise.all(
      routes
        .filter(({ channel }) => hears(channel, notice.event))
        .map((route) =>
          sendPastStore(deps, route, { id: `${notice.id}@${route.key}`, channel: route.key, notice, createdAt }),
        ),
    );
    return problems.flat();
  }

  return {
    async look(routes) {
      try {
        await deps.state.listAlerts({ open: true, limit: 1 });
      } catch (error) {
        silentSince ??= { at: deps.clock.now(), monotonicMs: deps.clock.monotonicMs() };
        const isLong = deps.clock.monotonicMs() - silentSince.monotonicMs >= graceMs;
        if (raised !== undefined || !isLong) return [];
        raised = {
          id: newAlertId(deps),
          kind: "state_store",
          project: everyProject,
          subject: "",
          message: `the state store does not answer; backups go on and are recorded when it does: ${toAppError(error).message}`,
          openedAt: silentSince.at,
          resolvedAt: null,
        };
        return tell(raised, routes);
      }
      silentSince = undefined;
      const over = raised;
      raised = undefined;
      return over === undefined ? [] : tell({ ...over, resolvedAt: deps.clock.now() }, routes);
    },
  };
}
