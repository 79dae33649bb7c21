import { locateStorage } from "../../usecases/locate-storage.ts";
import type { CommandAction } from "../command-spec.ts";
import { exitCodes } from "../exit-codes.ts";

export const command: CommandAction = async (context, [file]) => {
  await using app = await context.openApp({ configuration: "required", state: "none" });
  const locations = [];
  for (const { name } of app.configuration.storages) {
    locations.push({ name, location: await locateStorage(app.deps, name) });
  }
  await context.keys.writeRecoveryKit(app.configuration, locations, file!);
  context.terminal.print(`${file}: everything that is needed to read the backups`);
  context.terminal.note("whoever holds it can read every backup: print it or store it offline");
  return exitCodes.success;
};
