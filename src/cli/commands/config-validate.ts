import type { CommandAction } from "../command-spec.ts";
import { exitCodes } from "../exit-codes.ts";
import { renderProblem } from "../render-error.ts";

export const command: CommandAction = async (context) => {
  const { path, configuration, problems } = await context.config.validate();
  const errors = problems.filter((problem) => problem.severity === "error");
  const isValid = configuration !== null && errors.length === 0;
  if (context.globals.json) context.terminal.print(JSON.stringify({ valid: isValid, path, problems }));
  else {
    for (const problem of problems) context.terminal.print(renderProblem(context, problem));
    const counts = `${errors.length} errors, ${problems.length - errors.length} warnings`;
    if (!isValid) context.terminal.print(`${path ?? "no configuration file"}: not valid, ${counts}`);
    else
      context.terminal.print(
        `${path}: valid, ${configuration.projects.length} projects, ${configuration.storages.length} storages, ${counts}`,
      );
  }
  if (isValid && configuration.projects.length === 0)
    context.terminal.note(
      "warning: no project is configured, so that nothing is backed up; backupctl init writes a first one",
    );
  return isValid ? exitCodes.success : exitCodes.configInvalid;
};
