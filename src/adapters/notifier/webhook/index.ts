// A POST of JSON to any address: document 1's object, and the outcome of document 4 beside it.

import type { Notifier } from "../../../ports/notifier.ts";
import { postJson } from "../post-json.ts";
import type { WebhookConfig } from "./config.ts";

export function open(config: WebhookConfig): Notifier {
  return {
    type: "webhook",
    send: ({ id, event, project, text, data, outcome }, signal) =>
      postJson({
        url: config.url,
        headers: { "idempotency-key": id, ...config.headers },
        body: { event, project, text, data, ...outcome },
        signal,
      }),
  };
}
