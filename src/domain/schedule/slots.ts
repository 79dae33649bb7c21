// Slots: the moments at which a schedule is due, as epoch milliseconds. On days on which the clocks change:
// - a pattern of fixed hours that falls into the skipped hour comes once, at the moment of the change; in the doubled
//   hour it comes once, in the first of the two;
// - a pattern of every hour comes in each real hour: never in the skipped one, twice in the doubled one.

import { horizonMs, nextWallTime } from "./next-wall-time.ts";
import { parseCron, type CronPattern } from "./parse-cron.ts";
import { nextChangeOfYear, offsetMsAt, previousChange } from "./zone-changes.ts";

export interface SlotRule {
  readonly cron: string;
  readonly timeZone: string;
}

const yearMs = 366 * 86_400_000;
const patterns = new Map<string, CronPattern>();

/** The first slot after `afterMs`; undefined when the pattern never comes true. */
export function nextSlot(rule: SlotRule, afterMs: number): number | undefined {
  const pattern = patternOf(rule.cron);
  const { timeZone } = rule;
  const endMs = afterMs + horizonMs;
  // The stretch in which the clock runs evenly is searched up to its end, then the next one.
  let fromMs = Math.floor(afterMs) + 1;
  while (fromMs < endMs) {
    if (isChangeWithSkipped(pattern, fromMs, timeZone)) return fromMs;
    const offsetMs = offsetMsAt(fromMs, timeZone);
    const wallMs = nextWallTime(pattern, wallStart(pattern, fromMs, offsetMs, timeZone));
    if (wallMs === undefined) return undefined;
    const stretchEndMs =
      nextChangeOfYear(fromMs, timeZone)?.at ?? Date.UTC(new Date(fromMs).getUTCFullYear() + 1, 0, 1);
    const slot = wallMs - offsetMs;
    if (slot < stretchEndMs) return slot;
    fromMs = stretchEndMs;
  }
  return undefined;
}

/** The clock is put forward at this very moment, over a time of the pattern. */
function isChangeWithSkipped(pattern: CronPattern, atMs: number, timeZone: string): boolean {
  if (pattern.isHourly) return false;
  const change = previousChange(atMs, timeZone);
  if (change?.at !== atMs || change.offsetAfterMs <= change.offsetBeforeMs) return false;
  const wallMs = nextWallTime(pattern, atMs + change.offsetBeforeMs);
  return wallMs !== undefined && wallMs < atMs + change.offsetAfterMs;
}

/** The wall times of the doubled hour have been before; a pattern of fixed hours does not take them again. */
function wallStart(pattern: CronPattern, fromMs: number, offsetMs: number, timeZone: string): number {
  const wallMs = fromMs + offsetMs;
  if (pattern.isHourly) return wallMs;
  const change = previousChange(fromMs, timeZone);
  return change === undefined ? wallMs : Math.max(wallMs, change.at + change.offsetBeforeMs);
}

/** Slots after `afterMs` up to and including `untilMs`, oldest first, at most `limit`. */
export function listSlots(rule: SlotRule, afterMs: number, untilMs: number, limit: number): readonly number[] {
  const slots: number[] = [];
  let slot = nextSlot(rule, afterMs);
  while (slot !== undefined && slot <= untilMs && slots.length < limit) {
    slots.push(slot);
    slot = nextSlot(rule, slot);
  }
  return slots;
}

/** The `count` newest slots not after `atMs`, oldest first; fewer when there are not that many in decades. */
export function lastSlots(rule: SlotRule, atMs: number, count: number): readonly number[] {
  let slots: readonly number[] = [];
  // The span grows with how rare the pattern is, so that what is listed in vain stays short.
  for (let spanMs = 2 * 60_000; spanMs < 9 * yearMs && slots.length < count; spanMs *= 4) {
    slots = listSlots(rule, atMs - spanMs, atMs, Number.POSITIVE_INFINITY);
  }
  return slots.slice(-count);
}

export interface DuePlan {
  /** The newest due slot: it is run. */
  readonly run: number;
  /** Older ones that were missed, oldest first, each recorded as skipped. */
  readonly missed: readonly number[];
  /** The first of still older ones, which the record of the oldest in `missed` stands for too; null when there are none. */
  readonly missedSince: number | null;
}

const missedRecords = 20;

/** What is due after `afterMs` up to now; undefined when nothing is. Missed slots are caught up once. */
export function planDue(rule: SlotRule, afterMs: number, nowMs: number): DuePlan | undefined {
  const slots = listSlots(rule, afterMs, nowMs, missedRecords + 2);
  if (slots.length === 0) return undefined;
  if (slots.length <= missedRecords + 1) return { run: slots.at(-1)!, missed: slots.slice(0, -1), missedSince: null };
  // A pattern of every minute after months: what lies in between is not counted, for that would take as long as it is.
  const newest = lastSlots(rule, nowMs, missedRecords + 1).filter((slot) => slot > afterMs);
  return { run: newest.at(-1)!, missed: newest.slice(0, -1), missedSince: slots[0]! };
}

/** The longest wait between two slots around now: weekends of a pattern of workdays count. */
export function longestInterval(rule: SlotRule, nowMs: number): number | undefined {
  const around = [...lastSlots(rule, nowMs, 8)];
  const next = nextSlot(rule, nowMs);
  if (next !== undefined) around.push(next);
  if (around.length === 1 && next !== undefined) {
    const second = nextSlot(rule, next);
    if (second !== undefined) around.push(second);
  }
  const gaps = around.slice(1).map((slot, index) => slot - around[index]!);
  return gaps.length === 0 ? undefined : Math.max(...gaps);
}

function patternOf(cron: string): CronPattern {
  const known = patterns.get(cron);
  if (known !== undefined) return known;
  const pattern = parseCron(cron);
  patterns.set(cron, pattern);
  return pattern;
}
