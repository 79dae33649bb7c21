import type { CommandAction } from "../command-spec.ts";
import { exitCodes } from "../exit-codes.ts";

export const command: CommandAction = async (context, [file]) => {
  await using app = await context.openApp({ configuration: "optional", state: "none" });
  const { path, keyId } = await context.keys.generate(file ?? app.configuration.settings.encryptionKeyFile);
  if (context.globals.json) context.terminal.print(JSON.stringify({ path, keyId }));
  else {
    context.terminal.print(`${path}: key ${keyId}`);
    context.terminal.note("keep a copy elsewhere: backupctl key recovery-kit writes one");
  }
  return exitCodes.success;
};
