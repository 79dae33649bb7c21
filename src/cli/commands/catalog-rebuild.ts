import { rebuildCatalog } from "../../usecases/rebuild-catalog.ts";
import { chooseStorages } from "../choose-storages.ts";
import type { CommandAction } from "../command-spec.ts";
import { exitCodes } from "../exit-codes.ts";

export const command: CommandAction = async (context, _args, options) => {
  await using app = await context.openApp({ configuration: "required" });
  const storages = chooseStorages(app, options["storage"] as readonly string[] | undefined);
  const result = await rebuildCatalog(app.deps, {
    storages,
    log: (_level, message) => context.terminal.note(message),
    signal: context.signal,
  });
  if (context.globals.json) context.terminal.print(JSON.stringify(result));
  else {
    context.terminal.print(`${result.backups} backups found on ${storages.join(", ")}`);
    for (const { storage, what, message } of result.unreadable)
      context.terminal.note(`warning: storage ${storage}: ${what}: ${message}`);
  }
  return result.unreadable.length === 0 ? exitCodes.success : exitCodes.partial;
};
