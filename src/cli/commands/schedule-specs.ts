// Commands around schedules and the daemon that keeps them.

import type { CommandSpec } from "../command-spec.ts";

export const scheduleCommands: readonly CommandSpec[] = [
  {
    name: "daemon",
    summary: "run the schedules until it is stopped",
    description:
      "Runs every schedule in its time zone, catches up once on what was missed, prunes daily, watches over what did not start, and answers /health and /status on LISTEN. SIGTERM and SIGINT begin nothing new and wait for what runs, a second one cancels it, SIGHUP reads the configuration again.",
    options: [
      {
        flags: "--run-timeout <span>",
        description: "cancel a run that takes longer, as 45m; 0 for no limit (default)",
      },
      { flags: "--stop-timeout <span>", description: "how long a stop waits for what runs (default 60s)" },
    ],
    examples: [
      "backupctl daemon",
      "backupctl daemon -c /etc/backupctl/backupctl.yml --verbose --run-timeout 30m",
      "backupctl daemon --stop-timeout 10m",
    ],
    load: () => import("./daemon.ts"),
  },
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
  {
    name: "config reload",
    summary: "make the daemon read its configuration again",
    description:
      "The daemon validates the file first: a file with problems is refused, all of them are named, and the daemon keeps the configuration that it has. Runs that are on keep theirs.",
    examples: ["backupctl config reload", "backupctl config reload --json"],
    load: () => import("./config-reload.ts"),
  },
];
