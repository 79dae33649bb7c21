// Commands around schedules and the daemon that keeps them.

import type { CommandSpec } from "../command-spec.ts";

export const scheduleCommands: readonly CommandSpec[] = [
  {
    name: "schedules",
    summary: "show what runs when: the next ten runs",
    description:
      "Lists the next runs of every enabled schedule, in the schedule's own time zone and in UTC, with what the daemon does by itself (prune by RETENTION_CRON, the daily summary).",
    arguments: [{ syntax: "[project]", description: "only this project" }],
    options: [{ flags: "-n, --next <n>", description: "how many runs (default 10)" }],
    examples: ["backupctl schedules", "backupctl schedules shop --next 30", "backupctl schedules --json"],
    load: () => import("./schedules.ts"),
  },
];
