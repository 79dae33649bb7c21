// Since when each schedule holds, and up to which slot it was judged. What was due while no daemon ran is found by that; a
// schedule that is new, or has another rule, begins now.

import { scheduleKey, type ScheduleEntry } from "../domain/schedule/daemon-schedules.ts";
import type { ScheduleMark } from "../domain/schedule/slot-record.ts";
import type { SchedulerDeps } from "./scheduler-deps.ts";

export interface MarkedSchedule {
  readonly entry: ScheduleEntry;
  readonly judgedUntil: number;
}

export interface Marking {
  readonly schedules: readonly MarkedSchedule[];
  /** False without a state store: every schedule begins now, until it can be asked. */
  readonly isKnown: boolean;
}

/** Never throws: see `isKnown`. */
export async function markSchedules(
  deps: Pick<SchedulerDeps, "state" | "clock">,
  entries: readonly ScheduleEntry[],
): Promise<Marking> {
  const now = deps.clock.now();
  try {
    const known = new Map((await deps.state.listScheduleMarks()).map((mark) => [scheduleKey(mark), mark]));
    const fresh: ScheduleMark[] = [];
    const marked = entries.map((entry): MarkedSchedule => {
      const mark = known.get(scheduleKey(entry));
      const rule = `${entry.cron} ${entry.timeZone}`;
      // A clock that was far ahead must not stop a schedule until that time has come.
      if (mark?.rule === rule) return { entry, judgedUntil: Math.min(mark.judgedUntil, now) };
      fresh.push({ project: entry.project, schedule: entry.schedule, rule, since: now, judgedUntil: now });
      return { entry, judgedUntil: now };
    });
    await deps.state.saveScheduleMarks(fresh);
    return { schedules: marked, isKnown: true };
  } catch {
    return { schedules: entries.map((entry) => ({ entry, judgedUntil: now })), isKnown: false };
  }
}
