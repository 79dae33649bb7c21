// `notify test`: a message to each channel, at once and past the outbox, with what is to be done where it does not arrive.

import type { Route } from "../domain/notification/route.ts";
import { timeText } from "../domain/notification/words.ts";
import type { Deps } from "./deps.ts";
import { sendNotice } from "./deliver-notifications.ts";
import type { Check } from "./preflight.ts";

export interface ChannelCheck extends Check {
  readonly type: string;
  /** The projects it is for; empty: all. */
  readonly projects: readonly string[];
}

export async function testChannels(
  deps: Pick<Deps, "openNotifier" | "clock" | "settings" | "program">,
  routes: readonly Route[],
): Promise<readonly ChannelCheck[]> {
  return Promise.all(routes.map((route) => testChannel(deps, route)));
}

async function testChannel(
  deps: Pick<Deps, "openNotifier" | "clock" | "settings" | "program">,
  { key, channel }: Route,
): Promise<ChannelCheck> {
  const at = deps.clock.now();
  const { host } = deps.program;
  const whose = channel.projects.length === 0 ? "all projects" : channel.projects.join(", ");
  const error = await sendNotice(deps, channel, {
    id: `test/${key}/${at}`,
    event: "test",
    project: channel.projects.length === 1 ? channel.projects[0]! : null,
    subject: "test",
    text: [
      `🔔 Test message — backupctl on ${host}`,
      `Channel ${channel.name} (${channel.type}) works, for ${whose}.`,
      `Time: ${timeText(at, deps.settings.timeZone)}`,
    ].join("\n"),
    data: { channel: channel.name, projects: channel.projects, host },
  });
  const { type, projects } = channel;
  const common = { name: key.startsWith("*/") ? channel.name : key, type, projects };
  if (error === null) {
    return { ...common, passed: true, detail: "a test message was sent", hint: null, error };
  }
  return { ...common, passed: false, detail: error.message, hint: error.hint ?? null, error };
}
