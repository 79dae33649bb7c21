import type { Run } from "../../domain/run/run.ts";
import { readStatus, type ProjectStatus } from "../../usecases/read-status.ts";
import type { CommandAction } from "../command-spec.ts";
import type { App, CliContext } from "../context.ts";
import { exitCodes } from "../exit-codes.ts";
import { paint } from "../paint.ts";
import { parseCount } from "../program.ts";
import { formatBytes, formatDuration, formatTime, renderTable } from "../render-table.ts";
import { durationMsOf, runToJson } from "../run-view.ts";

const defaultRuns = 10;

export const command: CommandAction = async (context, [name], options) => {
  await using app = await context.openApp({ configuration: "required" });
  const last = parseCount(options["last"], "--last") ?? defaultRuns;
  return name === undefined ? await showAll(context, app) : await showProject(context, app, name, last);
};

async function showAll(context: CliContext, app: App): Promise<number> {
  const latest = await app.deps.state.listLatestRuns("backup");
  const states = new Map((await readStatus(app.deps, app.configuration)).map((state) => [state.project, state]));
  const byProject = new Map(latest.map((run) => [run.project, run]));
  const { projects } = app.configuration;
  if (context.globals.json) {
    const rows = projects.map((project) => {
      const run = byProject.get(project.name);
      const { nextRunAt, lastSuccessAt, queued, alerts } = states.get(project.name)!;
      const lastRun = run === undefined ? null : runToJson(run);
      return { project: project.name, enabled: project.enabled, lastRun, lastSuccessAt, nextRunAt, queued, alerts };
    });
    context.terminal.print(JSON.stringify({ projects: rows }));
    return exitCodes.success;
  }
  const rows = projects.map((project) => {
    const run = byProject.get(project.name);
    const name = project.enabled ? project.name : `${project.name} (disabled)`;
    return run === undefined ? [name, "never backed up", "-", "-", "-", ""] : [name, ...cells(context, app, run)];
  });
  if (projects.length === 0) {
    context.terminal.note("no project is configured; backupctl init writes a first one");
    return exitCodes.success;
  }
  context.terminal.print(renderTable(["PROJECT", "LAST RUN", "STARTED", "TOOK", "STORED", "NOTE"], rows));
  for (const state of states.values()) printStanding(context, app, state);
  return exitCodes.success;
}

/** What waits in the daemon's queue, and which alerts stand. */
function printStanding(context: CliContext, app: App, { project, queued, alerts }: ProjectStatus): void {
  const { timeZone } = app.configuration.settings;
  for (const { schedule, kind, dueAt, reason } of queued) {
    const due = formatTime(Date.parse(dueAt), timeZone);
    const why = reason === null ? "" : `: ${reason}`;
    context.terminal.print(`${paint(context, "cyan", "queued")}  ${project}: ${kind} of ${schedule}, due ${due}${why}`);
  }
  for (const { message, since } of alerts) {
    context.terminal.print(
      `${paint(context, "red", "alert")}   ${message} (since ${formatTime(Date.parse(since), timeZone)})`,
    );
  }
}

async function showProject(context: CliContext, app: App, name: string, last: number): Promise<number> {
  const runs = await app.deps.state.listRuns({ project: name, limit: last });
  if (runs.length === 0 && !app.configuration.projects.some((project) => project.name === name)) {
    app.deps.findProject(name);
  }
  if (context.globals.json) {
    context.terminal.print(JSON.stringify({ runs: runs.map(runToJson) }));
    return exitCodes.success;
  }
  const rows = runs.map((run) => [run.id.slice(0, 8), run.kind, run.backupId ?? "-", ...cells(context, app, run)]);
  const [state] = await readStatus(app.deps, onlyOf(app, name));
  context.terminal.print(renderTable(["RUN", "KIND", "BACKUP", "STATUS", "STARTED", "TOOK", "STORED", "NOTE"], rows));
  if (state !== undefined) printStanding(context, app, state);
  return exitCodes.success;
}

function onlyOf({ configuration }: App, name: string): Pick<App["configuration"], "projects" | "settings"> {
  return { ...configuration, projects: configuration.projects.filter((project) => project.name === name) };
}

function cells(context: CliContext, app: App, run: Run): readonly string[] {
  const color =
    run.status === "succeeded" ? (run.partial ? "yellow" : "green") : run.status === "running" ? "cyan" : "red";
  const duration = durationMsOf(run);
  const size = run.result["sizeBytes"];
  const restoreMs = run.result["restoreMs"];
  const notes = [
    run.partial ? "partial" : "",
    run.status === "running" && run.stage !== null ? run.stage : "",
    run.error === null ? "" : `${run.error.stage}: ${run.error.message}`,
    run.error === null && run.warnings.length > 0 ? `${run.warnings.length} warning(s)` : "",
    typeof restoreMs === "number" ? `restores in ${formatDuration(restoreMs)}` : "",
  ].filter((note) => note !== "");
  return [
    paint(context, color, run.status),
    formatTime(run.startedAt, app.configuration.settings.timeZone),
    duration === null ? "-" : formatDuration(duration),
    typeof size === "number" ? formatBytes(size) : "-",
    notes.join("; "),
  ];
}
