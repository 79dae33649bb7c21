// The registry of notifiers: one line each.

import type { NotifierDefinition } from "./definition.ts";
import { discordDefinition } from "./discord/definition.ts";
import { emailDefinition } from "./email/definition.ts";
import { heartbeatDefinition } from "./heartbeat/definition.ts";
import { ntfyDefinition } from "./ntfy/definition.ts";
import { pagerdutyDefinition } from "./pagerduty/definition.ts";
import { slackDefinition } from "./slack/definition.ts";
import { telegramDefinition } from "./telegram/definition.ts";
import { webhookDefinition } from "./webhook/definition.ts";

export const notifierDefinitions: readonly NotifierDefinition[] = [
  slackDefinition,
  emailDefinition,
  webhookDefinition,
  discordDefinition,
  telegramDefinition,
  ntfyDefinition,
  pagerdutyDefinition,
  heartbeatDefinition,
];
