// A backup that cannot begin because of its configuration: whoever that configuration still names is told. There is no state
// store to rely on, so the message goes by the fallback journal.

import { randomUUID } from "node:crypto";
import { describeInvalidConfiguration } from "../domain/notification/describe-configuration.ts";
import { allRoutes, distinctRoutes, hears, routesOf, type Route } from "../domain/notification/route.ts";
import { redact } from "../domain/run/redact.ts";
import type { AppError } from "../domain/error.ts";
import type { Salvaged } from "../adapters/config/load-configuration.ts";
import type { CliContext } from "../cli/context.ts";
import { findDefinition, type Registries } from "./registries.ts";
import { wasToldLately } from "./told-lately.ts";

interface Told {
  /** Null: all of them were to run. */
  readonly project: string | null;
  readonly isOncePerDay: boolean;
}

/** Never throws. */
export async function tellInvalidConfiguration(
  context: CliContext,
  registries: Registries,
  told: Told,
  error: AppError,
): Promise<void> {
  try {
    await tell(context, registries, told, error);
  } catch {
    context.terminal.note("warning: nobody could be notified of this");
  }
}

async function tell(
  { globals, terminal }: CliContext,
  registries: Registries,
  { project, isOncePerDay }: Told,
  error: AppError,
): Promise<void> {
  const { salvageConfiguration } = await import("../adapters/config/load-configuration.ts");
  const { openFileLock } = await import("../adapters/lock/file/index.ts");
  const { openFileJournal } = await import("../adapters/fallback-journal/file/index.ts");
  const { sendPastStore } = await import("../usecases/send-from-journal.ts");
  const { env } = process;
  const salvaged = await salvageConfiguration({ explicitPath: globals.config, cwd: process.cwd(), env, registries });
  const { settings, secrets } = salvaged;
  const faults = JSON.stringify([error.message, error.details["problems"]]);
  if (isOncePerDay && (await wasToldLately(settings.baseDir, faults, Date.now()))) return;
  const failure = {
    id: randomUUID(),
    project,
    message: redact(error.message, secrets),
    at: Date.now(),
    timeZone: settings.timeZone,
  };
  const notice = describeInvalidConfiguration(failure);
  const journal = openFileJournal({ baseDir: settings.baseDir });
  const lock = openFileLock({ baseDir: settings.baseDir });
  const openNotifier = async (channel: Route["channel"]) =>
    (await findDefinition(registries.notifiers, "notification", channel.type).load()).open(channel.settings);
  const routes = chooseRoutes(salvaged, project).filter(({ channel }) => hears(channel, notice.event));
  const problems = await Promise.all(
    routes.map((route) => {
      const notification = { id: `${notice.id}@${route.key}`, channel: route.key, notice, createdAt: failure.at };
      return sendPastStore({ journal, openNotifier, lock }, route, notification);
    }),
  );
  problems.flat().forEach((problem) => terminal.note(`warning: ${problem}`));
}

/** Each place once; that of NOTIFICATION_TYPE when the file names none. */
function chooseRoutes({ projects, channels, fallback }: Salvaged, name: string | null): readonly Route[] {
  const project = projects.find((candidate) => candidate.name === name);
  const named = name === null ? allRoutes(projects, channels) : routesOf(project ?? name, channels);
  const usable = named.filter(({ channel }) => channel.settings !== undefined);
  const routes = usable.length > 0 || fallback === null ? usable : [{ key: "*/default", channel: fallback }];
  return distinctRoutes(routes);
}
