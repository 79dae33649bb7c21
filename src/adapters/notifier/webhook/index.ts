// A POST of JSON to any address: `event`, `project`, `text` and `data`.

import type { Notifier } from "../../../ports/notifier.ts";
import { postJson } from "../post-json.ts";
import type { WebhookConfig } from "./config.ts";

export function open(config: WebhookConfig): Notifier {
  return {
    type: "webhook",
    send: ({ event, project, text, data }, signal) =>
      postJson({ url: config.url, headers: config.headers, body: { event, project, text, data }, signal }),
  };
}
