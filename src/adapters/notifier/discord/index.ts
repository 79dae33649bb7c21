// Discord's webhooks. Nobody is mentioned, whatever an error text says.

import type { Notifier } from "../../../ports/notifier.ts";
import { shorten } from "../hook-url.ts";
import { postJson } from "../post-json.ts";
import type { DiscordConfig } from "./config.ts";

const longestContent = 2_000;
const suppressEmbeds = 4;

export function open(config: DiscordConfig): Notifier {
  return {
    type: "discord",
    send: ({ text }, signal) =>
      postJson({
        url: config.webhook_url,
        headers: {},
        body: {
          content: shorten(escapeMarkdown(text), longestContent),
          allowed_mentions: { parse: [] },
          flags: suppressEmbeds,
        },
        signal,
      }),
  };
}

function escapeMarkdown(text: string): string {
  return text.replaceAll(/[\\*_~`|>]/g, "\\$&");
}
