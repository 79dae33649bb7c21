// A project's schedules: the bare `cron` (or document 4's `schedule`) and the list `schedules`.

import type { ScheduleSpec, ScheduleType } from "../../domain/project/project.ts";
import { checkBlock } from "./check-block.ts";
import { checkReference, locatorAt, readList, type Draft } from "./draft.ts";
import { ScheduleBlock } from "./file-schema.ts";
import { quote, type KeyPath } from "./key-path.ts";
import { retentionOf } from "./retention-of.ts";

/** Name of the schedule that a bare `cron` makes. */
export const bareScheduleName = "default";

/** What triggers a run when no schedule does: a record could not tell them apart. */
const takenNames: readonly string[] = ["manual", "safety"];

const usualTimes: Readonly<Record<Exclude<ScheduleType, "custom">, string>> = {
  hourly: "0 * * * *",
  daily: "0 2 * * *",
  weekly: "0 3 * * 0",
  monthly: "0 4 1 * *",
};

export interface SchedulesRequest {
  readonly cron: string | undefined;
  readonly list: unknown;
  readonly at: KeyPath;
  /** Storages of the project: a schedule may name some of them. */
  readonly storages: readonly string[];
}

export function readSchedules(draft: Draft, request: SchedulesRequest): readonly ScheduleSpec[] {
  const schedules: ScheduleSpec[] = [];
  const timeZone = draft.settings.timeZone;
  if (request.cron !== undefined && request.cron !== "") {
    schedules.push({
      name: bareScheduleName,
      kind: "backup",
      type: "custom",
      cron: request.cron,
      timeZone,
      enabled: true,
      limits: {},
    });
  }
  for (const { value, at } of readList(draft, request.list, [...request.at, "schedules"])) {
    const locator = locatorAt(draft, at);
    const entry = checkBlock(draft, ScheduleBlock, value, locator);
    if (entry === undefined) continue;
    const schedule = scheduleOf(entry, timeZone);
    if (schedules.some(({ name }) => name === schedule.name)) {
      draft.problems.error(
        locator.locate(["name"], "value"),
        `the schedule ${quote(schedule.name)} is declared twice`,
        "give each a name of its own",
      );
    }
    if (takenNames.includes(schedule.name)) {
      draft.problems.error(
        locator.locate(["name"], "value"),
        `a schedule cannot be called ${quote(schedule.name)}: runs that no schedule started are recorded so`,
        "give it another name",
      );
    }
    const named = typeof entry.storage === "string" ? [entry.storage] : (entry.storage ?? []);
    named.forEach((name, index) => {
      checkReference(
        draft,
        "storage",
        name,
        request.storages,
        locator,
        typeof entry.storage === "string" ? ["storage"] : ["storage", index],
      );
    });
    schedules.push(schedule);
  }
  return schedules;
}

function scheduleOf(entry: ScheduleBlock, timeZone: string): ScheduleSpec {
  const type = entry.type ?? "custom";
  const retention = retentionOf(entry.retention);
  const { limit_upload_kbps: uploadKbps, limit_download_kbps: downloadKbps } = entry.options;
  return {
    name: entry.name ?? (entry.kind === "backup" ? type : `${entry.kind}-${type}`),
    kind: entry.kind,
    type,
    // The schema lets cron be absent only where the type has a usual time.
    cron: entry.cron ?? usualTimes[type as keyof typeof usualTimes] ?? "",
    timeZone: entry.timezone ?? timeZone,
    enabled: entry.enabled,
    ...(entry.storage === undefined
      ? {}
      : { storages: typeof entry.storage === "string" ? [entry.storage] : entry.storage }),
    ...(retention === null ? {} : { retention }),
    limits: {
      ...(uploadKbps === undefined ? {} : { uploadKbps }),
      ...(downloadKbps === undefined ? {} : { downloadKbps }),
    },
  };
}
