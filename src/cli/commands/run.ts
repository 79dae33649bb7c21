import { AppError, toAppError } from "../../domain/error.ts";
import type { Project } from "../../domain/project/project.ts";
import { dryRunBackup } from "../../usecases/dry-run-backup.ts";
import { storagesOf } from "../../usecases/open-project.ts";
import { runBackup } from "../../usecases/run-backup.ts";
import type { CommandAction, OptionValues } from "../command-spec.ts";
import type { App, CliContext } from "../context.ts";
import { exitCodeOf, exitCodeOfRun, exitCodeOfRuns, exitCodes } from "../exit-codes.ts";
import { paint } from "../paint.ts";
import { tellable } from "../tellable.ts";
import { parseCount } from "../program.ts";
import { commandLog, recoverFirst } from "../recover.ts";
import { renderError } from "../render-error.ts";
import { describeRun, noteRunError, runToJson } from "../run-view.ts";

export const command: CommandAction = async (context, [name], options) => {
  if ((name === undefined) === (options["all"] !== true)) {
    throw new AppError(
      "usage",
      name === undefined ? "name a project, or give --all" : "a project and --all exclude each other",
      {
        hint: "backupctl run shop backs up one project, backupctl run --all every one; backupctl status lists them",
      },
    );
  }
  return runProjects(context, name, options);
};

/** `name` undefined: every enabled project, in file order; one that fails does not stop the others. */
export async function runProjects(
  context: CliContext,
  name: string | undefined,
  options: OptionValues,
): Promise<number> {
  const wanted = { configuration: "required", state: "preferred" } as const;
  // A dry run tells nobody.
  const isReal = options["dryRun"] !== true;
  await using app = await context.openApp({ ...wanted, ...(isReal ? { failsBackupOf: name ?? null } : {}) });
  const projects =
    name === undefined ? app.configuration.projects.filter((project) => project.enabled) : [app.deps.findProject(name)];
  if (projects.length === 0) {
    throw new AppError("config_invalid", "no project is enabled in the configuration", {
      hint: "backupctl init writes a first one; enabled: false switches one off",
    });
  }
  // A slip on the command line is no failed backup that somebody is to be told of.
  if (name !== undefined) storagesOf(projects[0]!, requestOf(options).storages);
  if (options["dryRun"] === true) return await dryRun(context, app, projects, options);
  await context.keys.importDirectory(app.configuration, commandLog(context, app));
  await recoverFirst(context, app, projects, "storages");
  const runs = [];
  const codes: number[] = [];
  for (const project of projects) {
    if (context.signal.aborted) break;
    try {
      const run = await runBackup(app.deps, {
        ...requestOf(options),
        project,
        type: "manual",
        schedule: null,
        signal: context.signal,
      });
      runs.push(runToJson(run));
      codes.push(exitCodeOfRun(run));
      noteRunError(context, run);
      if (!context.globals.json) context.terminal.print(describeRun(context, run));
    } catch (error) {
      const appError = toAppError(error);
      codes.push(exitCodeOf(appError.code));
      runs.push(notStarted(project, appError));
      if (!context.globals.json) renderError(context, appError);
    }
  }
  await app.flush();
  await app.sendWaiting();
  if (context.globals.json) context.terminal.print(JSON.stringify({ runs }));
  if (context.signal.aborted) return exitCodes.cancelled;
  return name === undefined ? exitCodeOfRuns(codes) : codes[0]!;
}

function requestOf(options: OptionValues): {
  storages: readonly string[] | undefined;
  limits: { uploadKbps?: number };
} {
  const uploadKbps = parseCount(options["limitUpload"], "--limit-upload");
  return {
    storages: options["storage"] as readonly string[] | undefined,
    limits: uploadKbps === undefined ? {} : { uploadKbps },
  };
}

/** A run that could not begin (its lock is held) still has its line in the JSON. */
function notStarted(project: Project, error: AppError): Readonly<Record<string, unknown>> {
  const failure = { code: error.code, stage: "notify_started", message: error.message, hint: error.hint ?? null };
  const nothing = {
    id: null,
    backupId: null,
    startedAt: null,
    finishedAt: null,
    durationMs: null,
    bytes: 0,
    warnings: [],
  };
  return { ...nothing, project: project.name, kind: "backup", status: "failed", partial: false, error: failure };
}

async function dryRun(
  context: CliContext,
  app: App,
  projects: readonly Project[],
  options: OptionValues,
): Promise<number> {
  const codes: number[] = [];
  const results = [];
  for (const project of projects) {
    const found = await dryRunBackup(app.deps, {
      project,
      storages: requestOf(options).storages,
      log: () => {},
      signal: context.signal,
    });
    const checks = found.map((check) => tellable(context, check));
    const failed = checks.find((check) => !check.passed);
    codes.push(failed === undefined ? exitCodes.success : exitCodeOf(failed.error?.code ?? "internal"));
    results.push({
      project: project.name,
      checks: checks.map(({ error, ...check }) => ({ ...check, code: error?.code ?? null })),
    });
    if (context.globals.json) continue;
    context.terminal.print(paint(context, "bold", `${project.name}: dry run, nothing is changed`));
    for (const check of checks) {
      const mark = check.passed ? paint(context, "green", "ok  ") : paint(context, "red", "FAIL");
      context.terminal.print(`  ${mark} ${check.name}: ${check.detail}`);
      if (check.hint !== null) context.terminal.print(`       ${paint(context, "cyan", "hint:")} ${check.hint}`);
    }
    const failures = checks.filter((check) => !check.passed).map((check) => check.name);
    const verdict = failures.length === 0 ? `all ${checks.length} checks passed` : `failed: ${failures.join(", ")}`;
    context.terminal.print(paint(context, failures.length === 0 ? "green" : "red", `  ${verdict}`));
  }
  if (context.globals.json) context.terminal.print(JSON.stringify({ dryRuns: results }));
  return projects.length === 1 ? codes[0]! : exitCodeOfRuns(codes);
}
