// Commands about messages to people.

import type { CommandSpec } from "../command-spec.ts";

export const notifyCommands: readonly CommandSpec[] = [
  {
    name: "notify test",
    summary: "send a test message to each channel, or to those of one name or project",
    description:
      "Sends a test message to each channel, or to the channels of one name or project, and says what to do where it does not arrive.",
    arguments: [{ syntax: "[channel]", description: "a channel, or a project whose channels are tried" }],
    examples: ["backupctl notify test", "backupctl notify test ops", "backupctl notify test shop --json"],
    load: () => import("./notify-test.ts"),
  },
  {
    name: "notify list",
    summary: "list messages that wait, were sent or given up, newest first",
    options: [
      { flags: "--status <status>", description: "only these", choices: ["pending", "sent", "given_up"] },
      { flags: "-n, --last <n>", description: "how many (default 20)" },
    ],
    examples: ["backupctl notify list", "backupctl notify list --status pending --json"],
    load: () => import("./notify-list.ts"),
  },
];
