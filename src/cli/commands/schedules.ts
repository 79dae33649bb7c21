import { everyProject, listScheduleEntries, listUpcoming } from "../../domain/schedule/daemon-schedules.ts";
import type { CommandAction } from "../command-spec.ts";
import { exitCodes } from "../exit-codes.ts";
import { parseCount } from "../program.ts";
import { formatTime, renderTable } from "../render-table.ts";
import { isoTime } from "../run-view.ts";

const defaultRuns = 10;

export const command: CommandAction = async (context, [name], options) => {
  await using app = await context.openApp({ configuration: "required", state: "none" });
  const { configuration, deps } = app;
  const only = name === undefined ? undefined : deps.findProject(name);
  const count = parseCount(options["next"], "--next") ?? defaultRuns;
  const entries = listScheduleEntries(configuration).filter(
    (entry) => only === undefined || entry.project === only.name,
  );
  const runs = listUpcoming(entries, deps.clock.now(), count);
  if (context.globals.json) {
    const rows = runs.map(({ at, timeZone, ...run }) => ({
      at: isoTime(at),
      local: formatTime(at, timeZone),
      timeZone,
      ...run,
      project: run.project === everyProject ? null : run.project,
    }));
    context.terminal.print(JSON.stringify({ runs: rows }));
    return exitCodes.success;
  }
  if (runs.length === 0) {
    context.terminal.print(describeNothing(only?.name, only?.enabled ?? true));
    return exitCodes.success;
  }
  const rows = runs.map(({ at, timeZone, project, schedule, kind, cron }) => {
    const subject = project === everyProject ? "(all)" : project;
    return [formatTime(at, timeZone), timeZone, formatTime(at, "UTC"), subject, schedule, kind, cron];
  });
  context.terminal.print(renderTable(["LOCAL TIME", "ZONE", "UTC", "PROJECT", "SCHEDULE", "KIND", "CRON"], rows));
  return exitCodes.success;
};

function describeNothing(project: string | undefined, isEnabled: boolean): string {
  if (project === undefined) return "nothing is scheduled; give a project a cron";
  return isEnabled
    ? `nothing of project ${project} is scheduled; give it a cron`
    : `project ${project} is disabled, nothing of it runs`;
}
