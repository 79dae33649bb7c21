import { AppError } from "../../domain/error.ts";
import type { Run } from "../../domain/run/run.ts";
import { restoreBackup, type RestoreBackupRequest } from "../../usecases/restore-backup.ts";
import { restoreToFiles, type RestoredFile } from "../../usecases/restore-to-files.ts";
import type { CommandAction, OptionValues } from "../command-spec.ts";
import type { App, CliContext } from "../context.ts";
import { exitCodeOfRun } from "../exit-codes.ts";
import { recoverFirst } from "../recover.ts";
import { formatDuration } from "../render-table.ts";
import { describeRun, noteRunError, runToJson } from "../run-view.ts";
import {
  agreeOnTerminal,
  agreeToUnencryptedOnTerminal,
  refuseStrayOptions,
  restoreChoices,
} from "../restore-options.ts";
import { restoreFrom } from "./restore-from.ts";

export const command: CommandAction = async (context, [project, reference, targetPath], options) => {
  if (options["from"] !== undefined) {
    refuseStrayOptions("from", options);
    if (reference !== undefined) {
      throw new AppError("usage", "--from takes one target path and no project", {
        hint: "name the database to restore into with --db",
      });
    }
    return restoreFrom(context, project, options);
  }
  if (project === undefined || reference === undefined) {
    throw new AppError("usage", "name a project and a backup, or give --from FILE", {
      hint: "backupctl restore --help shows both forms",
    });
  }
  const intoDatabase = options["intoDatabase"] as string | undefined;
  const assets = options["assets"] as string | undefined;
  const isIntoPlace = intoDatabase !== undefined || assets !== undefined;
  if (isIntoPlace === (targetPath !== undefined)) {
    throw new AppError(
      "usage",
      isIntoPlace ? "give a target path or --into-database, not both" : "say where to restore to",
      {
        hint: "a directory for files, or --into-database NAME, or --assets original",
      },
    );
  }
  refuseStrayOptions(isIntoPlace ? "place" : "files", options);
  await using app = await context.openApp({ configuration: "required", state: "preferred" });
  await recoverFirst(context, app, [app.deps.findProject(project)], "records");
  const run = isIntoPlace
    ? await restoreBackup(app.deps, placeRequest(context, app, project, reference, options))
    : await restoreToFiles(app.deps, {
        project: app.deps.findProject(project),
        reference,
        storage: options["storage"] as string | undefined,
        targetPath: targetPath!,
        only: (options["only"] as "db" | "assets" | undefined) ?? null,
        decompress: options["decompress"] === true,
        raw: options["raw"] === true,
        agreeToUnencrypted: agreeToUnencryptedOnTerminal(context, options),
        signal: context.signal,
      });
  await app.flush();
  await app.sendWaiting();
  await report(context, app, run, options);
  return exitCodeOfRun(run);
};

function placeRequest(
  context: CliContext,
  app: App,
  project: string,
  reference: string,
  options: OptionValues,
): RestoreBackupRequest {
  return {
    project: app.deps.findProject(project),
    reference,
    storage: options["storage"] as string | undefined,
    targetProject: app.deps.findProject((options["target"] as string | undefined) ?? project),
    intoDatabase: (options["intoDatabase"] as string | undefined) ?? null,
    assets: (options["assets"] as string | undefined) ?? null,
    ...restoreChoices(options),
    agree: agreeOnTerminal(context, options),
    agreeToUnencrypted: agreeToUnencryptedOnTerminal(context, options),
    signal: context.signal,
  };
}

async function report(context: CliContext, app: App, run: Run, options: OptionValues): Promise<void> {
  const files = (run.result["files"] ?? []) as readonly RestoredFile[];
  const restoreMs = run.result["restoreMs"];
  if (context.globals.json) {
    context.terminal.print(
      JSON.stringify({ runs: [{ ...runToJson(run), restoreMs: restoreMs ?? null, files, result: run.result }] }),
    );
    return;
  }
  noteRunError(context, run);
  for (const file of files) context.terminal.print(file.path);
  context.terminal.print(describeRun(context, run));
  if (typeof restoreMs === "number") context.terminal.print(`restored in ${formatDuration(restoreMs)}`);
  if (options["guide"] !== true || run.status !== "succeeded") return;
  for (const spec of app.deps.findProject(run.project).sources) {
    const source = await app.deps.openSource(spec, () => {});
    for (const file of files.filter((candidate) => candidate.plain || files.length === 1)) {
      const lines = source.restoreGuide(file.path, file.format);
      if (lines.length > 0) context.terminal.print(["", ...lines].join("\n"));
    }
  }
}
