import { resolve } from "node:path";
import { copyStateStore } from "../../usecases/copy-state-store.ts";
import type { CommandAction } from "../command-spec.ts";
import { exitCodes } from "../exit-codes.ts";
import { formatBytes } from "../render-table.ts";

export const command: CommandAction = async (context, [name]) => {
  await using app = await context.openApp({ configuration: "optional" });
  const file = resolve(context.cwd, name!);
  const log = (): void => {};
  const spec = app.stateSource();
  const { format, sizeBytes } = await copyStateStore(app.deps, { spec, file, log, signal: context.signal });
  const { location } = app.deps.state;
  if (context.globals.json) context.terminal.print(JSON.stringify({ location, file, format, sizeBytes }));
  else context.terminal.print(`${location}: copied to ${file} (${format}, ${formatBytes(sizeBytes)})`);
  return exitCodes.success;
};
