import type { CommandAction } from "../command-spec.ts";
import { exitCodes } from "../exit-codes.ts";

export const command: CommandAction = async (context) => {
  const { version } = context;
  const platform = `${process.platform}-${process.arch}`;
  if (context.globals.json)
    context.terminal.print(JSON.stringify({ version, platform, runtime: `bun ${Bun.version}` }));
  else context.terminal.print(`backupctl ${version} ${platform}`);
  return exitCodes.success;
};
