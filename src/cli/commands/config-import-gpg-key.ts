import { resolve } from "node:path";
import type { CommandAction } from "../command-spec.ts";
import { exitCodes } from "../exit-codes.ts";

export const command: CommandAction = async (context, [name]) => {
  await using app = await context.openApp({ configuration: "optional", state: "none" });
  const keys = await context.keys.importKey(app.configuration, "gpg", resolve(context.cwd, name!));
  if (context.globals.json) context.terminal.print(JSON.stringify({ keys }));
  else {
    for (const { fingerprint, userIds } of keys) {
      context.terminal.print(`imported ${fingerprint}  ${userIds.join(", ")}`);
    }
  }
  return exitCodes.success;
};
