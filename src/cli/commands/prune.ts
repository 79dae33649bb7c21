import { AppError, toAppError } from "../../domain/error.ts";
import type { Project } from "../../domain/project/project.ts";
import type { Run } from "../../domain/run/run.ts";
import { storagesOf } from "../../usecases/open-project.ts";
import { previewPrune, pruneBackups } from "../../usecases/prune-backups.ts";
import type { CommandAction } from "../command-spec.ts";
import type { App, CliContext } from "../context.ts";
import { exitCodeOf, exitCodeOfRun, exitCodeOfRuns, exitCodes } from "../exit-codes.ts";
import { paint } from "../paint.ts";
import { recoverFirst } from "../recover.ts";
import { renderError } from "../render-error.ts";
import { describeRun, noteRunError, runToJson } from "../run-view.ts";

export const command: CommandAction = async (context, [name], options) => {
  if ((name === undefined) === (options["all"] !== true))
    throw new AppError(
      "usage",
      name === undefined ? "name a project, or give --all" : "a project and --all exclude each other",
      {
        hint: "backupctl prune shop prunes one project, backupctl prune --all every one; --dry-run shows what would go",
      },
    );
  await using app = await context.openApp({ configuration: "required", state: "preferred" });
  const projects =
    name === undefined ? app.configuration.projects.filter((project) => project.enabled) : [app.deps.findProject(name)];
  const storages = options["storage"] === undefined ? undefined : [options["storage"] as string];
  // A slip on the command line is no failed run.
  if (name !== undefined) storagesOf(projects[0]!, storages);
  const codes: number[] = [];
  const runs = [];
  if (options["dryRun"] !== true) await recoverFirst(context, app, projects, "storages");
  for (const project of projects) {
    try {
      if (options["dryRun"] === true) {
        codes.push(await preview(context, app, project, storages));
        continue;
      }
      const run = await pruneBackups(app.deps, { project, storages, signal: context.signal });
      codes.push(exitCodeOfRun(run));
      runs.push({ ...runToJson(run), removedBackups: removedBy(run) });
      noteRunError(context, run);
      if (!context.globals.json) {
        {
          const removed = removedBy(run);
          context.terminal.print(
            `${describeRun(context, run)}, ${removed} ${removed === 1 ? "backup" : "backups"} removed`,
          );
        }
      }
    } catch (error) {
      const appError = toAppError(error);
      codes.push(exitCodeOf(appError.code));
      if (!context.globals.json) renderError(context, appError);
      else runs.push({ project: project.name, error: { code: appError.code, message: appError.message } });
    }
  }
  await app.flush();
  await app.sendWaiting();
  if (context.globals.json && options["dryRun"] !== true) context.terminal.print(JSON.stringify({ runs }));
  return projects.length === 1 ? codes[0]! : exitCodeOfRuns(codes);
};

function removedBy(run: Run): number {
  const removed = run.result["removedBackups"];
  return typeof removed === "number" ? removed : 0;
}

async function preview(
  context: CliContext,
  app: App,
  project: Project,
  storages: readonly string[] | undefined,
): Promise<number> {
  const plans = await previewPrune(app.deps, { project, storages, log: () => {}, signal: context.signal });
  if (context.globals.json) {
    const shown = plans.map(({ storage, schedule, plan }) => ({
      project: project.name,
      storage,
      schedule,
      keep: plan.keep,
      remove: plan.remove,
    }));
    context.terminal.print(JSON.stringify({ plans: shown }));
    return exitCodes.success;
  }
  for (const { storage, schedule, plan } of plans) {
    const set = schedule === null ? "" : `, schedule ${schedule}`;
    context.terminal.print(
      paint(
        context,
        "bold",
        `${project.name} on ${storage}${set}: ${plan.keep.length} kept, ${plan.remove.length} to remove`,
      ),
    );
    for (const { id, reasons, spared } of plan.keep) {
      context.terminal.print(`  keep   ${id}  ${reasons.join(", ")}${spared === null ? "" : ` (spared: ${spared})`}`);
    }
    for (const { id, reason } of plan.remove)
      context.terminal.print(`  ${paint(context, "red", "remove")} ${id}  ${reason}`);
  }
  return exitCodes.success;
}
