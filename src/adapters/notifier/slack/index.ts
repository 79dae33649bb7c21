// Slack's incoming webhooks (and those of Mattermost and others that accept the same form).

import type { Notifier } from "../../../ports/notifier.ts";
import { postJson } from "../post-json.ts";
import type { SlackConfig } from "./config.ts";

export function open(config: SlackConfig): Notifier {
  return {
    type: "slack",
    send: ({ text }, signal) =>
      postJson({ url: config.webhook_url, headers: {}, body: { text: escapeMarkup(text) }, signal }),
  };
}

/** Slack reads these three as markup; error texts of databases are full of them. */
function escapeMarkup(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
