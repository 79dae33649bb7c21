import { AppError } from "../../domain/error.ts";
import type { CommandAction } from "../command-spec.ts";
import { chooseRepositories } from "../choose-repositories.ts";

export const command: CommandAction = async (context, [projectName, ...rest], options) => {
  await using app = await context.openApp({ configuration: "required", state: "none" });
  const project = app.deps.findProject(projectName!);
  const [name, ...others] = chooseRepositories(app.deps, project, options["storage"] as string | undefined);
  if (others.length > 0) {
    throw new AppError("usage", `project ${project.name} has several repositories: ${[name, ...others].join(", ")}`, {
      hint: `choose one: backupctl restic --storage ${name} ${project.name} …`,
    });
  }
  const args = rest.flat().filter((argument) => argument !== undefined);
  await using repository = await app.deps.openRepository(name!, (_level, message) => context.terminal.note(message));
  return await repository.passThrough(args, context.signal);
};
