import type { Configuration, Project } from "../../domain/project/project.ts";
import { routesOf } from "../../domain/notification/route.ts";
import { checkConnections } from "../../usecases/check-connections.ts";
import type { CommandAction } from "../command-spec.ts";
import { exitCodeOf, exitCodes } from "../exit-codes.ts";
import { paint } from "../paint.ts";
import { tellable } from "../tellable.ts";

/** With the channels that its runs notify. */
function withChannels(configuration: Configuration, project: Project): Project {
  return { ...project, channels: routesOf(project, configuration.channels).map(({ channel }) => channel) };
}

export const command: CommandAction = async (context, [name]) => {
  await using app = await context.openApp({ configuration: "required", state: "none" });
  const projects = name === undefined ? app.configuration.projects : [app.deps.findProject(name)];
  const results = [];
  for (const project of projects) {
    const found = await checkConnections(app.deps, {
      project: withChannels(app.configuration, project),
      log: () => {},
      signal: context.signal,
    });
    const checks = found.map((check) => tellable(context, check));
    results.push({ project: project.name, checks });
    if (context.globals.json) continue;
    context.terminal.print(paint(context, "bold", project.name));
    for (const check of checks) {
      const mark = check.passed ? paint(context, "green", "ok  ") : paint(context, "red", "FAIL");
      context.terminal.print(`  ${mark} ${check.name}: ${check.detail}`);
      if (check.hint !== null) context.terminal.print(`       ${paint(context, "cyan", "hint:")} ${check.hint}`);
    }
  }
  if (context.globals.json) {
    const shown = results.map(({ project, checks }) => ({
      project,
      checks: checks.map(({ error, ...check }) => ({ ...check, code: error?.code ?? null })),
    }));
    context.terminal.print(JSON.stringify({ projects: shown }));
  }
  const failed = results.flatMap(({ checks }) => checks).find((check) => !check.passed);
  return failed === undefined ? exitCodes.success : exitCodeOf(failed.error?.code ?? "internal");
};
