// Who hears of what: the configuration's channels, put together with the outbox for the use cases.

import { basename } from "node:path";
import { allRoutes, routesOf, type Route } from "../domain/notification/route.ts";
import type { RunSurroundings } from "../domain/notification/describe-run.ts";
import type { Configuration, Project } from "../domain/project/project.ts";
import type { RunKind } from "../domain/run/run.ts";
import { announceRun, type AnnounceDeps } from "../usecases/announce-run.ts";
import type { Deps } from "../usecases/deps.ts";
import type { Registries } from "./registries.ts";

const listenedTo: readonly RunKind[] = ["backup", "restore", "verify", "prune", "check"];

/** `deps` is read when a run begins, not before. */
export function announceRuns(
  configuration: Configuration,
  registries: Registries,
  deps: () => AnnounceDeps,
): Deps["announce"] {
  const { projects, channels } = configuration;
  return ({ project: name, kind, trigger }) => {
    // A safety backup is part of a restore, which is told itself.
    if (!listenedTo.includes(kind) || trigger === "safety") return undefined;
    const project = projects.find((candidate) => candidate.name === name);
    const routes = routesOf(project ?? name, channels);
    if (routes.length === 0) return undefined;
    const follows = new Set(registries.notifiers.filter((one) => one.followsState).map(({ type }) => type));
    const followers = routes.filter(({ channel }) => follows.has(channel.type));
    return announceRun(deps(), { kind, routes, followers, around: surroundingsOf(configuration, registries, project) });
  };
}

export function routesOfAll({ projects, channels }: Configuration): readonly Route[] {
  return allRoutes(projects, channels);
}

function surroundingsOf(
  { settings, storages }: Configuration,
  registries: Registries,
  project: Project | undefined,
): RunSurroundings {
  const isArchive = (name: string): boolean => {
    const type = storages.find((storage) => storage.name === name)?.type;
    return registries.objectStores.some((definition) => definition.type === type);
  };
  return {
    timeZone: settings.timeZone,
    retryCount: settings.retryCount,
    database: project === undefined ? null : databaseOf(project),
    isEncrypted: (project?.encryption ?? null) !== null,
    isVerified: project?.verification.enabled ?? false,
    usesRestic: project?.storages.some((name) => !isArchive(name)) ?? false,
  };
}

/** The name that people know it by: of a server's database, or of its file. */
function databaseOf({ sources }: Project): string | null {
  const source = sources.find(({ name }) => name === "database");
  if (source === undefined) return null;
  const { name, path } = source.settings as { readonly name?: unknown; readonly path?: unknown };
  if (typeof name === "string" && name !== "") return name;
  return typeof path === "string" ? basename(path) : null;
}
