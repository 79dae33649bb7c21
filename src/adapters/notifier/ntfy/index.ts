// Messages to phones and desktops by an ntfy server.

import { titleOf, toneOf } from "../../../domain/notification/notice.ts";
import type { Notifier } from "../../../ports/notifier.ts";
import { shorten } from "../hook-url.ts";
import { postJson } from "../post-json.ts";
import type { NtfyConfig } from "./config.ts";

/** The server counts bytes; four of them make any character. */
const longestMessage = 1_000;
const priorities = { start: 2, good: 3, info: 3, trouble: 4 } as const;

export function open(config: NtfyConfig): Notifier {
  return {
    type: "ntfy",
    send: (notice, signal) =>
      postJson({
        url: config.url,
        headers: loginOf(config),
        body: {
          topic: config.topic,
          title: shorten(titleOf(notice), 200),
          message: shorten(notice.text.split("\n").slice(1).join("\n") || titleOf(notice), longestMessage),
          priority: priorities[toneOf(notice.event)],
        },
        signal,
      }),
  };
}

function loginOf({ token, user, password }: NtfyConfig): Readonly<Record<string, string>> {
  if (token !== undefined) return { authorization: `Bearer ${token}` };
  if (user === undefined) return {};
  return { authorization: `Basic ${Buffer.from(`${user}:${password}`, "utf8").toString("base64")}` };
}
