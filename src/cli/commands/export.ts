import { AppError } from "../../domain/error.ts";
import { exportBackup } from "../../usecases/export-backup.ts";
import type { CommandAction } from "../command-spec.ts";
import { exitCodeOfRun } from "../exit-codes.ts";
import { agreeToUnencryptedOnTerminal } from "../restore-options.ts";
import { describeRun, noteRunError, runToJson } from "../run-view.ts";

export const command: CommandAction = async (context, [name, reference, file], options) => {
  // What follows the name is what people unpack it with.
  if (!/\.(tar\.gz|tgz)$/i.test(file!)) {
    throw new AppError("usage", `a bundle is a tar.gz, and ${file} does not end so`, {
      hint: `name it ${file!.replace(/\.[a-z]{2,4}$/i, "")}.tar.gz`,
    });
  }
  await using app = await context.openApp({ configuration: "required", state: "preferred" });
  const run = await exportBackup(app.deps, {
    project: app.deps.findProject(name!),
    reference: reference!,
    storage: options["storage"] as string | undefined,
    file: file!,
    agreeToUnencrypted: agreeToUnencryptedOnTerminal(context, options),
    signal: context.signal,
  });
  await app.flush();
  if (context.globals.json) context.terminal.print(JSON.stringify({ runs: [{ ...runToJson(run), file }] }));
  else {
    noteRunError(context, run);
    context.terminal.print(describeRun(context, run));
  }
  return exitCodeOfRun(run);
};
