import type { CommandAction } from "../command-spec.ts";
import { exitCodes } from "../exit-codes.ts";

export const command: CommandAction = async (context, [name]) => {
  await using app = await context.openApp({ configuration: "required", state: "none" });
  const project = name === undefined ? null : app.deps.findProject(name);
  context.terminal.print(await context.config.render(app.configuration, project));
  return exitCodes.success;
};
