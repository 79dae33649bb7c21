// Which channels hear what.

import type { ChannelSpec, Project } from "../project/project.ts";
import { toneOf, type NoticeEvent } from "./notice.ts";

/** A channel with the name under which its messages are kept until they are sent. */
export interface Route {
  readonly key: string;
  readonly channel: ChannelSpec;
}

/** A project's own channels win; without any, those of the whole file that speak of it. */
export function routesOf(project: Project | string, shared: readonly ChannelSpec[]): readonly Route[] {
  const name = typeof project === "string" ? project : project.name;
  const own = typeof project === "string" ? [] : project.channels;
  if (own.length > 0) return own.map((channel) => ({ key: `${name}/${channel.name}`, channel }));
  return sharedRoutes(shared.filter(({ projects }) => projects.length === 0 || projects.includes(name)));
}

export function sharedRoutes(shared: readonly ChannelSpec[]): readonly Route[] {
  return shared.map((channel) => ({ key: `*/${channel.name}`, channel }));
}

/** Every route of a configuration, each once. */
export function allRoutes(projects: readonly Project[], shared: readonly ChannelSpec[]): readonly Route[] {
  const own = projects.flatMap((project) => (project.channels.length > 0 ? routesOf(project, []) : []));
  return [...sharedRoutes(shared), ...own];
}

/** Those that reach another place than the ones before them. */
export function distinctRoutes(routes: readonly Route[]): readonly Route[] {
  const place = ({ channel }: Route): string => JSON.stringify([channel.type, channel.settings]);
  const first = new Map(routes.toReversed().map((route) => [place(route), route]));
  return routes.filter((route) => first.get(place(route)) === route);
}

/** `success` and `failure` are ends of runs (a warning is trouble, so a failure here); all the rest needs `all`. */
export function hears({ on }: Pick<ChannelSpec, "on">, event: NoticeEvent): boolean {
  if (on.includes("all")) return true;
  const tone = toneOf(event);
  if (tone === "good") return on.includes("success") || on.includes("both");
  if (tone === "trouble") return on.includes("failure") || on.includes("both");
  return event === "test";
}
