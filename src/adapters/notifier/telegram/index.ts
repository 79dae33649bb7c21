// Telegram's bot API. Good news comes without a sound.

import { toneOf } from "../../../domain/notification/notice.ts";
import type { Notifier } from "../../../ports/notifier.ts";
import { shorten } from "../hook-url.ts";
import { postJson } from "../post-json.ts";
import type { TelegramConfig } from "./config.ts";

const longestText = 4_096;

export function open(config: TelegramConfig): Notifier {
  return {
    type: "telegram",
    send: ({ event, text }, signal) =>
      postJson({
        url: `${config.api_url.replace(/\/+$/, "")}/bot${config.bot_token}/sendMessage`,
        headers: {},
        body: {
          chat_id: config.chat_id,
          text: shorten(text, longestText),
          disable_notification: toneOf(event) === "good" || toneOf(event) === "start",
          link_preview_options: { is_disabled: true },
        },
        signal,
      }),
  };
}
