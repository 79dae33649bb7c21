// A monitor that raises the alarm when the ping of a backup does not come (healthchecks.io and its like). Restores and
// summaries say nothing about whether backups are alive.

import type { Notice } from "../../../domain/notification/notice.ts";
import type { Notifier } from "../../../ports/notifier.ts";
import { postText } from "../post-json.ts";
import type { HeartbeatConfig } from "./config.ts";

export function open(config: HeartbeatConfig): Notifier {
  return {
    type: "heartbeat",
    async send(notice, signal) {
      const url = addressOf(config, notice);
      if (url !== undefined) await postText({ url, headers: {}, body: notice.text, signal });
    },
  };
}

function addressOf(config: HeartbeatConfig, { event, data }: Notice): string | undefined {
  if (event === "backup_success") return withRun(config.url, data);
  if (event === "backup_started") return withRun(config.start_url ?? below(config.url, "start"), data);
  if (event === "backup_failed" || event === "verify_failed")
    return withRun(config.failure_url ?? below(config.url, "fail"), data);
  return event === "test" ? config.url : undefined;
}

function below(url: string, name: string): string {
  const address = new URL(url);
  address.pathname = `${address.pathname.replace(/\/+$/, "")}/${name}`;
  return address.href;
}

/** The run's id lets the monitor measure how long it took, also when several overlap. */
function withRun(url: string, { run_id: id }: Notice["data"]): string {
  if (typeof id !== "string" || !/^[0-9a-f-]{36}$/.test(id)) return url;
  const address = new URL(url);
  if (!address.searchParams.has("rid")) address.searchParams.set("rid", id);
  return address.href;
}
