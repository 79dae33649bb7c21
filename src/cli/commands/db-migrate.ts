import type { CommandAction } from "../command-spec.ts";
import { exitCodes } from "../exit-codes.ts";

export const command: CommandAction = async (context) => {
  await using app = await context.openApp({ configuration: "optional" });
  const { applied, current } = await app.deps.state.migrate();
  if (context.globals.json)
    context.terminal.print(JSON.stringify({ location: app.deps.state.location, applied, current }));
  else {
    const what = applied.length === 0 ? "is up to date" : `applied ${applied.join(", ")}`;
    context.terminal.print(`${app.deps.state.location}: ${what}, schema ${current}`);
  }
  return exitCodes.success;
};
