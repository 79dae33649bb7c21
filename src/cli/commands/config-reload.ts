import { ReloadResult } from "../../contract/control-protocol.ts";
import type { CommandAction } from "../command-spec.ts";
import { askDaemon } from "../daemon-link.ts";
import { exitCodes } from "../exit-codes.ts";
import { renderProblem } from "../render-error.ts";

/** The daemon opens every storage's configuration anew, and may first have to wait for its state store. */
const answerWithinMs = 60_000;

export const command: CommandAction = async (context) => {
  const path = await context.daemon.socketPath();
  const result = ReloadResult.parse(await askDaemon(path, "reload", context.signal, answerWithinMs));
  if (context.globals.json) {
    context.terminal.print(JSON.stringify({ reloaded: true, ...result }));
    return exitCodes.success;
  }
  for (const { hint, ...problem } of result.warnings)
    context.terminal.note(renderProblem(context, hint === undefined ? problem : { ...problem, hint }));
  context.terminal.print(
    `${result.configuration}: read by the daemon, ${result.projects} projects, ${result.schedules} schedules`,
  );
  if (result.restartFor.length > 0)
    context.terminal.note(
      `warning: ${result.restartFor.join(", ")} changed, which holds after a restart of the daemon`,
    );
  return exitCodes.success;
};
