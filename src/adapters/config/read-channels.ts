// Channels: `notifications:` of the file, a project's own, and the one that the environment gives to the others.

import type { ChannelSpec } from "../../domain/project/project.ts";
import { checkBlock } from "./check-block.ts";
import { checkReference, checkSettings, isMapping, locatorAt, readFields, readList, type Draft } from "./draft.ts";
import { ChannelSlot, channelKeys } from "./file-schema.ts";
import { quote, type KeyPath } from "./key-path.ts";
import { environmentLocator } from "./problem-list.ts";
import { notifierKind } from "./registries.ts";
import { z } from "zod";

const projectNames = z.array(z.string().min(1)).optional();

/** Top-level channels. `projects` are checked against the names in the file. */
export function readChannels(draft: Draft, value: unknown, projects: readonly string[]): readonly ChannelSpec[] {
  const channels: ChannelSpec[] = [];
  for (const { value: entry, at } of readList(draft, value, ["notifications"])) {
    const fields = readFields(draft, { ...ChannelSlot.shape, ...channelKeys, projects: projectNames }, entry, at);
    if (fields === undefined || !isMapping(entry)) continue;
    const locator = locatorAt(draft, at);
    if (entry["on"] === undefined) {
      draft.problems.error(
        locator.locate(["on"], "key"),
        'the key "on" is missing',
        "write on: [failure], [success] or [both]",
      );
    }
    fields.projects?.forEach((name, index) =>
      checkReference(draft, "project", name, projects, locator, ["projects", index]),
    );
    requirePairedLogin(draft, entry["config"], at);
    if (fields.type === undefined) continue;
    const settings = readChannelSettings(draft, fields.type, entry, at);
    channels.push({
      name: freeName(draft, fields.name, fields.type, channels, at),
      type: fields.type,
      settings,
      on: asList(fields.on),
      projects: fields.projects ?? [],
    });
  }
  return channels;
}

/** A project's own `notification`: one or a list. */
export function readProjectChannels(
  draft: Draft,
  value: unknown,
  at: KeyPath,
  project: string,
): readonly ChannelSpec[] {
  const entries = isMapping(value) ? [{ value: value as unknown, at }] : readList(draft, value, at);
  const channels: ChannelSpec[] = [];
  for (const { value: entry, at: entryAt } of entries) {
    const fields = readFields(draft, { ...ChannelSlot.shape, ...channelKeys }, entry, entryAt);
    if (fields?.type === undefined || !isMapping(entry)) continue;
    const settings = readChannelSettings(draft, fields.type, entry, entryAt);
    const name = freeName(draft, fields.name, fields.type, channels, entryAt);
    channels.push({ name, type: fields.type, settings, on: asList(fields.on), projects: [project] });
  }
  return channels;
}

function readChannelSettings(
  draft: Draft,
  type: string,
  entry: Readonly<Record<string, unknown>>,
  at: KeyPath,
): unknown {
  const settings = { value: entry["config"] ?? {}, locator: locatorAt(draft, [...at, "config"]) };
  return checkSettings(draft, notifierKind(draft.registries), type, settings, locatorAt(draft, at));
}

/** Document 4: of user and password both or none. (In document 1's blocks the sender is the user.) */
function requirePairedLogin(draft: Draft, config: unknown, at: KeyPath): void {
  if (!isMapping(config) || config["password"] === undefined) return;
  if (config["username"] !== undefined || config["user"] !== undefined) return;
  const locator = locatorAt(draft, [...at, "config"]);
  draft.problems.error(locator.locate(["password"], "key"), "password is given without username", "give both or none");
}

function freeName(
  draft: Draft,
  given: string | undefined,
  type: string,
  taken: readonly ChannelSpec[],
  at: KeyPath,
): string {
  const isTaken = (name: string): boolean => taken.some((channel) => channel.name === name);
  if (given !== undefined) {
    if (isTaken(given))
      draft.problems.error(
        locatorAt(draft, at).locate(["name"], "value"),
        `the channel ${quote(given)} is declared twice`,
      );
    return given;
  }
  let name = type;
  for (let count = 2; isTaken(name); count += 1) name = `${type}-${count}`;
  return name;
}

function asList(
  on: "success" | "failure" | "both" | readonly ("success" | "failure" | "both")[] | undefined,
): ChannelSpec["on"] {
  if (on === undefined) return ["both"];
  return typeof on === "string" ? [on] : on;
}

/** Variables of the channel that NOTIFICATION_TYPE names. */
const channelVariables: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  slack: { webhook_url: "SLACK_WEBHOOK_URL" },
  webhook: { url: "WEBHOOK_URL" },
  email: {
    smtp_host: "SMTP_HOST",
    smtp_port: "SMTP_PORT",
    smtp_secure: "SMTP_SECURE",
    user: "SMTP_USER",
    password: "EMAIL_PASSWORD",
    from: "EMAIL_FROM",
    to: "EMAIL_TO",
  },
};

/** The channel of projects without `notification`; undefined when NOTIFICATION_TYPE is not set or `none`. */
export function readFallbackChannel(draft: Draft): Omit<ChannelSpec, "projects"> | undefined {
  const type = draft.environment.find("NOTIFICATION_TYPE")?.trim();
  if (type === undefined || type === "" || type === "none") return undefined;
  const names = channelVariables[type] ?? {};
  const settings: Record<string, unknown> = {};
  for (const [key, name] of Object.entries(names)) {
    const text = draft.environment.find(name)?.trim();
    if (text !== undefined && text !== "") settings[key] = text;
  }
  const kind = notifierKind(draft.registries);
  const definition = kind.registered.find((one) => one.type === type);
  const typeLocator = environmentLocator(draft.environment, { type: "NOTIFICATION_TYPE" });
  const locator = environmentLocator(draft.environment, names);
  const checked =
    definition === undefined
      ? checkSettings(draft, kind, type, { value: settings, locator }, typeLocator)
      : checkBlock(draft, definition.config, settings, locator);
  return { name: "default", type, settings: checked, on: ["both"] };
}
