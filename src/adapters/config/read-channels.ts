// Channels: `notifications:` of the file, a project's own, and the one that the environment gives to the others.

import type { ChannelOutcome, ChannelSpec } from "../../domain/project/project.ts";
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
    if (entry["on"] === undefined && !followsState(draft, fields.type)) {
      draft.problems.error(
        locator.locate(["on"], "key"),
        'the key "on" is missing',
        "write on: [failure], [success], [both] or [all]",
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
      ...whatIsHeard(fields),
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
    channels.push({ name, type: fields.type, settings, ...whatIsHeard(fields), projects: [project] });
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

function whatIsHeard(fields: {
  readonly on?: ChannelOutcome | readonly ChannelOutcome[] | undefined;
  readonly after_failures?: number | undefined;
}): Pick<ChannelSpec, "on" | "afterFailures"> {
  const { on = "all", after_failures: afterFailures } = fields;
  return {
    on: typeof on === "string" ? [on] : on,
    ...(afterFailures === undefined ? {} : { afterFailures }),
  };
}

/** Such a channel has to hear of good and bad, so `on` may be left out. */
function followsState(draft: Draft, type: string | undefined): boolean {
  return notifierKind(draft.registries).registered.some((one) => one.type === type && one.followsState === true);
}

/** Variables of the channel that NOTIFICATION_TYPE names, by setting: the first that is set counts. */
const channelVariables: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  slack: { webhook_url: ["SLACK_WEBHOOK_URL"] },
  webhook: { url: ["WEBHOOK_URL"] },
  email: {
    smtp_host: ["SMTP_HOST"],
    smtp_port: ["SMTP_PORT"],
    smtp_secure: ["SMTP_SECURE"],
    user: ["SMTP_USER"],
    password: ["SMTP_PASSWORD", "EMAIL_PASSWORD"],
    from: ["EMAIL_FROM"],
    to: ["EMAIL_TO"],
  },
  discord: { webhook_url: ["DISCORD_WEBHOOK_URL"] },
  telegram: { bot_token: ["TELEGRAM_BOT_TOKEN"], chat_id: ["TELEGRAM_CHAT_ID"] },
  ntfy: { url: ["NTFY_URL"], topic: ["NTFY_TOPIC"], token: ["NTFY_TOKEN"] },
  pagerduty: { routing_key: ["PAGERDUTY_ROUTING_KEY"] },
  heartbeat: { url: ["HEARTBEAT_URL"] },
};

/** The channel of projects that no other speaks of; undefined when NOTIFICATION_TYPE is not set or `none`. */
export function readFallbackChannel(draft: Draft): Omit<ChannelSpec, "projects"> | undefined {
  const type = draft.environment.findText("NOTIFICATION_TYPE");
  if (type === undefined || type === "none") return undefined;
  const names: Record<string, string> = {};
  const settings: Record<string, unknown> = {};
  for (const [key, candidates] of Object.entries(channelVariables[type] ?? {})) {
    names[key] = candidates.find((name) => draft.environment.findText(name) !== undefined) ?? candidates[0]!;
    const text = draft.environment.findText(names[key]);
    if (text !== undefined) settings[key] = text;
  }
  const kind = notifierKind(draft.registries);
  const definition = kind.registered.find((one) => one.type === type);
  const typeLocator = environmentLocator(draft.environment, { type: "NOTIFICATION_TYPE" });
  const locator = environmentLocator(draft.environment, names);
  const checked =
    definition === undefined
      ? checkSettings(draft, kind, type, { value: settings, locator }, typeLocator)
      : checkBlock(draft, definition.config, settings, locator);
  return { name: "default", type, settings: checked, on: ["all"] };
}
