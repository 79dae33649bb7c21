import type { Verification } from "../../domain/backup/backup.ts";
import type { VerificationLevel } from "../../domain/project/project.ts";
import { verifyBackup } from "../../usecases/verify-backup.ts";
import type { CommandAction } from "../command-spec.ts";
import { exitCodeOfRun } from "../exit-codes.ts";
import { paint } from "../paint.ts";
import { recoverFirst } from "../recover.ts";
import { formatDuration } from "../render-table.ts";
import { noteRunError, runToJson } from "../run-view.ts";

export const command: CommandAction = async (context, [name, reference], options) => {
  await using app = await context.openApp({ configuration: "required", state: "preferred" });
  const project = app.deps.findProject(name!);
  await recoverFirst(context, app, [project], "records");
  const run = await verifyBackup(app.deps, {
    project,
    reference: reference!,
    level: (options["level"] as VerificationLevel | undefined) ?? project.verification.level,
    storage: options["storage"] as string | undefined,
    allowUnencrypted: options["allowUnencrypted"] === true,
    signal: context.signal,
  });
  await app.flush();
  await app.sendWaiting();
  const results = (run.result["verifications"] ?? []) as readonly Verification[];
  if (context.globals.json)
    context.terminal.print(JSON.stringify({ runs: [{ ...runToJson(run), verifications: results }] }));
  else {
    for (const result of results) {
      const mark = result.passed ? paint(context, "green", "passed") : paint(context, "red", "FAILED");
      const time = result.restoreMs === null ? "" : `, restored in ${formatDuration(result.restoreMs)}`;
      const note = result.message === null ? "" : `: ${result.message}`;
      context.terminal.print(`${run.backupId} on ${result.storage}: ${result.level} ${mark}${time}${note}`);
    }
    noteRunError(context, run);
  }
  return exitCodeOfRun(run);
};
