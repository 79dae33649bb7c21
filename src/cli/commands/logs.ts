import { AppError } from "../../domain/error.ts";
import { hintNames } from "../../domain/nearest-name.ts";
import type { LogLevel, Run } from "../../domain/run/run.ts";
import type { CommandAction } from "../command-spec.ts";
import { exitCodes } from "../exit-codes.ts";
import { paint } from "../paint.ts";
import { parseCount } from "../program.ts";
import { formatTime } from "../render-table.ts";
import { describeRun, runToJson } from "../run-view.ts";

const linesPerPage = 1_000;

export const command: CommandAction = async (context, [name], options) => {
  await using app = await context.openApp({ configuration: "required" });
  const { state } = app.deps;
  const names = app.configuration.projects.map((project) => project.name);
  const isProject = names.includes(name!);
  const status = options["failed"] === true ? { status: ["failed", "cancelled"] as const } : {};
  const wanted = { project: name!, ...status };
  const limit = parseCount(options["last"], "--last") ?? (await state.countRuns(wanted));
  let runs: readonly Run[] = await state.listRuns({ ...wanted, limit });
  if (runs.length === 0 && !isProject) {
    const run = await state.findRun(name!);
    if (run === undefined) {
      throw new AppError("usage", `there is neither a project nor a run ${name}`, {
        hint: `${hintNames(name!, "projects", names)}; backupctl status <project> shows the runs of one`,
      });
    }
    runs = [run];
  }
  const level = options["level"] as LogLevel | undefined;
  const printed = [];
  for (const run of runs.toReversed()) {
    const lines = [];
    for (let afterSeq = -1; ;) {
      const page = await state.listLog(run.id, {
        limit: linesPerPage,
        afterSeq,
        ...(level === undefined ? {} : { level }),
      });
      lines.push(...page);
      if (page.length < linesPerPage) break;
      afterSeq = page.at(-1)!.seq;
    }
    if (context.globals.json) {
      printed.push({ ...runToJson(run), log: lines.map((line) => ({ ...line, at: new Date(line.at).toISOString() })) });
      continue;
    }
    context.terminal.print(`${paint(context, "bold", describeRun(context, run))} run ${run.id}`);
    for (const line of lines) {
      const color = line.level === "error" ? "red" : line.level === "warn" ? "yellow" : "dim";
      const time = formatTime(line.at, app.configuration.settings.timeZone);
      context.terminal.print(
        `  ${time} ${paint(context, color, line.level.padEnd(5))} ${line.stage ?? "-"}: ${line.message}`,
      );
    }
    if (run.error !== null) {
      context.terminal.print(`  ${paint(context, "red", "error")} ${run.error.stage}: ${run.error.message}`);
      if (run.error.hint !== null) context.terminal.print(`  ${paint(context, "cyan", "hint")}  ${run.error.hint}`);
    }
  }
  if (context.globals.json) context.terminal.print(JSON.stringify({ runs: printed }));
  else if (runs.length === 0)
    context.terminal.note(`${name} has no ${options["failed"] === true ? "failed " : ""}runs`);
  return exitCodes.success;
};
