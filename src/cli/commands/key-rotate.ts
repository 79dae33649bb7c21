import type { CommandAction } from "../command-spec.ts";
import { exitCodes } from "../exit-codes.ts";

export const command: CommandAction = async (context, _args, options) => {
  await using app = await context.openApp({ configuration: "optional", state: "none" });
  const name = options["project"] as string | undefined;
  const project = name === undefined ? null : app.deps.findProject(name);
  const { path, keyId, retired } = await context.keys.rotate(app.configuration, project);
  if (context.globals.json) context.terminal.print(JSON.stringify({ path, keyId, retired }));
  else {
    context.terminal.print(`${path}: key ${keyId} from now on; ${retired.join(", ")} stays in it for older backups`);
    context.terminal.note("keep a copy elsewhere: backupctl key recovery-kit writes one with all keys");
  }
  return exitCodes.success;
};
