// What a slot asks for, by the use case of its kind. The lock of the project is waited for: whoever schedules has time.

import { AppError } from "../domain/error.ts";
import type { Project, ScheduleSpec } from "../domain/project/project.ts";
import type { Run } from "../domain/run/run.ts";
import { retentionSchedule, type ScheduleEntry } from "../domain/schedule/daemon-schedules.ts";
import { checkProject } from "./check-project.ts";
import type { Deps } from "./deps.ts";
import { pruneBackups } from "./prune-backups.ts";
import { runBackup } from "./run-backup.ts";
import type { SlotContext } from "./scheduler-deps.ts";
import { verifyBackup } from "./verify-backup.ts";

/** Throws when no run could begin; a run that failed is returned. */
export async function runScheduledSlot(deps: Deps, entry: ScheduleEntry, context: SlotContext): Promise<Run> {
  const project = deps.findProject(entry.project);
  const { signal } = context;
  const patient: Deps = {
    ...deps,
    lock: { ...deps.lock, acquire: (name, purpose) => deps.lock.acquireOrWait(name, purpose, signal) },
    emit(event) {
      if (event.type === "started") context.onRun(event.run.id);
      deps.emit(event);
    },
  };
  if (entry.schedule === retentionSchedule) {
    return await pruneBackups(patient, { project, trigger: entry.schedule, signal });
  }
  const schedule = findSchedule(project, entry.schedule);
  const { storages, limits } = schedule;
  const trigger = schedule.name;
  switch (schedule.kind) {
    case "backup":
      return await runBackup(patient, { project, type: schedule.type, schedule, storages, limits, signal });
    case "verify": {
      const storage = storages?.length === 1 ? storages[0] : undefined;
      const { level } = project.verification;
      return await verifyBackup(patient, { project, reference: "latest", level, storage, trigger, signal });
    }
    case "check":
      return await checkProject(patient, { project, storages, trigger, signal });
    case "prune":
    case "forget":
      return await pruneBackups(patient, { project, storages, trigger, freesData: schedule.kind === "prune", signal });
  }
}

function findSchedule(project: Project, name: string): ScheduleSpec {
  const schedule = project.schedules.find((candidate) => candidate.name === name);
  if (schedule !== undefined) return schedule;
  throw new AppError("config_invalid", `project ${project.name} has no schedule ${name} any more`);
}
