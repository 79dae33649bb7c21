import type { CommandAction } from "../command-spec.ts";
import { exitCodes } from "../exit-codes.ts";

export const command: CommandAction = async (context) => {
  context.terminal.print(JSON.stringify(await context.config.schema(), null, 2));
  return exitCodes.success;
};
