// What a killed run left behind is put in order before a command begins its own.

import type { Project } from "../domain/project/project.ts";
import type { LogLevel } from "../domain/run/run.ts";
import type { App, CliContext } from "./context.ts";

/** `records`: only what is recorded and told; a command that reads takes nothing away. */
export async function recoverFirst(
  context: CliContext,
  app: App,
  projects: readonly Project[],
  extent: "records" | "storages",
): Promise<void> {
  const { recoverAfterCrash } = await import("../usecases/recover-after-crash.ts");
  const only = projects.length === 1 ? projects[0]!.name : null;
  const deps = { ...app.deps, log: commandLog(context, app) };
  await recoverAfterCrash(deps, { projects, only, extent, signal: context.signal });
}

export function commandLog(context: CliContext, app: App): (level: LogLevel, message: string) => void {
  return (level, message) => {
    app.log(level, message);
    if (!context.globals.quiet && level !== "debug")
      context.terminal.note(level === "warn" ? `warning: ${message}` : message);
  };
}
