import type { CommandAction } from "../command-spec.ts";
import { parseSpan } from "../parse-span.ts";

const defaultStopMs = 60_000;

export const command: CommandAction = async (context, _args, options) =>
  context.daemon.run({
    runTimeoutMs: parseSpan(options["runTimeout"], "--run-timeout") ?? 0,
    stopTimeoutMs: parseSpan(options["stopTimeout"], "--stop-timeout") ?? defaultStopMs,
  });
