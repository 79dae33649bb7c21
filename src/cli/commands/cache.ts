import { AppError } from "../../domain/error.ts";
import type { CommandAction } from "../command-spec.ts";
import { chooseRepositories } from "../choose-repositories.ts";
import { exitCodes } from "../exit-codes.ts";
import { formatBytes, renderTable } from "../render-table.ts";

export const command: CommandAction = async (context, [projectName], options) => {
  const clears = options["clear"] === true || options["clearAll"] === true;
  if (options["clear"] === true && projectName === undefined) {
    throw new AppError("usage", "--clear needs a project", {
      hint: "name the project, or clear every cache with --clear-all",
    });
  }
  if (options["clearAll"] === true && projectName !== undefined) {
    throw new AppError("usage", "--clear-all takes no project", { hint: "clear one project's cache with --clear" });
  }
  await using app = await context.openApp({ configuration: "required", state: "none" });
  const { deps } = app;
  const projects =
    projectName === undefined
      ? app.configuration.projects.filter(
          ({ enabled, storages }) => enabled && storages.some((name) => deps.isRepository(name)),
        )
      : [deps.findProject(projectName)];
  const rows = [];
  for (const project of projects) {
    for (const storage of chooseRepositories(deps, project, undefined)) {
      await using repository = await deps.openRepository(storage, () => {});
      const { path, sizeBytes } = await repository.cache();
      if (clears) await repository.clearCache(context.signal);
      rows.push({ project: project.name, storage, path, sizeBytes, cleared: clears });
    }
  }
  if (context.globals.json) context.terminal.print(JSON.stringify({ caches: rows }));
  else if (rows.length === 0) context.terminal.print("no project has a restic repository");
  else {
    const size = clears ? "CLEARED" : "SIZE";
    const cells = rows.map((row) => [row.project, row.storage, formatBytes(row.sizeBytes), row.path]);
    context.terminal.print(renderTable(["PROJECT", "REPOSITORY", size, "PATH"], cells));
  }
  return exitCodes.success;
};
