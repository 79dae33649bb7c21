// PagerDuty: trouble opens an incident, the next good news of the same subject resolves it. Nothing else is sent.

import { titleOf, toneOf, type Notice } from "../../../domain/notification/notice.ts";
import type { Notifier } from "../../../ports/notifier.ts";
import { shorten } from "../hook-url.ts";
import { postJson } from "../post-json.ts";
import type { PagerdutyConfig } from "./config.ts";

const longestSummary = 1_024;

export function open(config: PagerdutyConfig): Notifier {
  const url = `${config.url.replace(/\/+$/, "")}/v2/enqueue`;
  return {
    type: "pagerduty",
    async send(notice, signal) {
      const event = eventOf(notice);
      if (event === undefined) return;
      const dedup_key = `backupctl/${notice.subject}`;
      await postJson({ url, headers: {}, body: { routing_key: config.routing_key, dedup_key, ...event }, signal });
    },
  };
}

function eventOf(notice: Notice): Readonly<Record<string, unknown>> | undefined {
  const tone = toneOf(notice.event);
  if (tone === "good") return { event_action: "resolve" };
  // A test opens an incident of its own: that is what has to be seen.
  if (tone !== "trouble" && notice.event !== "test") return undefined;
  const severity = notice.event === "backup_failed" ? "critical" : tone === "trouble" ? "warning" : "info";
  return {
    event_action: "trigger",
    payload: {
      summary: shorten(titleOf(notice), longestSummary),
      source: "backupctl",
      severity,
      component: notice.project ?? "backupctl",
      custom_details: { text: notice.text, ...notice.data },
    },
  };
}
