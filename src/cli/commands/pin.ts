import { pinBackup } from "../../usecases/pin-backup.ts";
import type { CommandAction } from "../command-spec.ts";
import { exitCodes } from "../exit-codes.ts";

export const command: CommandAction = (context, args, options) => setPin(context, args, options, true);

export async function setPin(
  ...[context, [name, reference], options, pinned]: [...Parameters<CommandAction>, boolean]
): Promise<number> {
  await using app = await context.openApp({ configuration: "required", state: "preferred" });
  const reason = (options["reason"] as string | undefined) ?? null;
  const request = {
    project: app.deps.findProject(name!),
    reference: reference!,
    pinned,
    reason,
    log: () => {},
    signal: context.signal,
  };
  const result = await pinBackup(app.deps, request);
  if (context.globals.json) context.terminal.print(JSON.stringify({ ...result, pinned }));
  else
    context.terminal.print(
      `${result.backupId} is ${pinned ? "pinned" : "no longer pinned"} on ${result.storages.join(", ")}`,
    );
  return exitCodes.success;
}
