// The registry of notifiers: one line each.

import type { NotifierDefinition } from "./definition.ts";
import { emailDefinition } from "./email/definition.ts";
import { slackDefinition } from "./slack/definition.ts";
import { webhookDefinition } from "./webhook/definition.ts";

export const notifierDefinitions: readonly NotifierDefinition[] = [slackDefinition, emailDefinition, webhookDefinition];
