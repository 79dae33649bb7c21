import { AppError } from "../../domain/error.ts";
import { allRoutes, routesOf, type Route } from "../../domain/notification/route.ts";
import type { Configuration } from "../../domain/project/project.ts";
import { testChannels } from "../../usecases/test-channels.ts";
import type { CommandAction } from "../command-spec.ts";
import { exitCodeOf, exitCodes } from "../exit-codes.ts";
import { paint } from "../paint.ts";
import { tellable } from "../tellable.ts";

export const command: CommandAction = async (context, [name]) => {
  await using app = await context.openApp({ configuration: "required", state: "none" });
  const found = await testChannels(app.deps, chooseRoutes(app.configuration, name));
  const checks = found.map((check) => tellable(context, check));
  if (context.globals.json) {
    const shown = checks.map(({ error, ...check }) => ({ ...check, code: error?.code ?? null }));
    context.terminal.print(JSON.stringify({ channels: shown }));
  } else {
    for (const { name: channel, type, passed, detail, hint } of checks) {
      const mark = passed ? paint(context, "green", "ok  ") : paint(context, "red", "FAIL");
      context.terminal.print(`${mark} ${channel} (${type}): ${detail}`);
      if (hint !== null) context.terminal.print(`     ${paint(context, "cyan", "hint:")} ${hint}`);
    }
  }
  return checks.every(({ passed }) => passed) ? exitCodes.success : exitCodeOf("notification_failed");
};

/** The channel of NOTIFICATION_TYPE is one place, however many projects it is for. */
function withoutDoubles(routes: readonly Route[]): readonly Route[] {
  const place = ({ channel }: Route): string => JSON.stringify([channel.type, channel.settings]);
  return routes.filter((route, index) => routes.findIndex((other) => place(other) === place(route)) === index);
}

/** A channel's name comes before a project's. */
function chooseRoutes({ projects, channels }: Configuration, name: string | undefined): readonly Route[] {
  const all = withoutDoubles(allRoutes(projects, channels));
  if (all.length === 0) {
    throw new AppError("config_invalid", "no channel is configured", {
      hint: "add notifications: to the configuration, or set NOTIFICATION_TYPE",
    });
  }
  if (name === undefined) return all;
  const named = all.filter(({ key, channel }) => channel.name === name || key === name);
  if (named.length > 0) return named;
  const project = projects.find((candidate) => candidate.name === name);
  const ofProject = project === undefined ? [] : routesOf(project, channels);
  if (ofProject.length > 0) return ofProject;
  throw new AppError(
    "usage",
    project === undefined ? `there is no channel or project ${name}` : `project ${name} has no channel`,
    { hint: `the channels are ${[...new Set(all.map(({ channel }) => channel.name))].join(", ")}` },
  );
}
