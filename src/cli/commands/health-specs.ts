// Commands that look at the whole installation.

import type { CommandSpec } from "../command-spec.ts";

export const healthCommands: readonly CommandSpec[] = [
  {
    name: "health",
    summary:
      "look at everything that backups need: state store, disk, storages, sources, keys, age of the newest backups",
    description: [
      "Every storage takes, returns and deletes a small object; every source answers a query and its client program is compared with",
      "the oldest version that is safe; every project's newest success is compared with its schedules. The checks run side by side, and",
      "one that hangs is given up after --timeout. The key of an SSH host that is not known is shown and saved only when somebody agrees",
      "on the terminal; without a terminal it is a failure. Exit code: 0, 1 (a check failed), 4 (only connections failed).",
    ].join("\n"),
    options: [{ flags: "--timeout <seconds>", description: "for each check (default 20)" }],
    examples: ["backupctl health", "backupctl health --json", "backupctl health --timeout 5"],
    load: () => import("./health.ts"),
  },
];
