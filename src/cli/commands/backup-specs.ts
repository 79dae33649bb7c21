// Commands that make, list, check and thin out backups.

import type { CommandSpec } from "../command-spec.ts";
import { allowUnencrypted } from "./restore-specs.ts";

const storageOption = { flags: "--storage <name>", description: "only this storage of the project" };

export const backupCommands: readonly CommandSpec[] = [
  {
    name: "run",
    summary: "back up a project now, or all",
    description:
      "Backs up one project, or every enabled project in the order of the file. Exit code 2 when a run of the project is on, 5 when only some storages or projects succeeded.",
    arguments: [{ syntax: "[project]", description: "project to back up" }],
    options: [
      { flags: "--all", description: "every enabled project, one after the other" },
      { flags: "--storage <name>", description: "only this storage (may be given several times)", repeatable: true },
      { flags: "--dry-run", description: "check configuration, source, storages, key and space, and change nothing" },
      { flags: "--limit-upload <kbps>", description: "at most this many KiB per second to each storage" },
    ],
    examples: [
      "backupctl run shop",
      "backupctl run --all",
      "backupctl run shop --dry-run",
      "backupctl run shop --storage offsite --json",
    ],
    load: () => import("./run.ts"),
  },
  {
    name: "backup",
    summary: "back up every enabled project (run --all)",
    options: [
      { flags: "--dry-run", description: "check configuration, source, storages, key and space, and change nothing" },
      { flags: "--limit-upload <kbps>", description: "at most this many KiB per second to each storage" },
    ],
    examples: ["backupctl backup", "backupctl backup -c /etc/backupctl/backupctl.yml --verbose"],
    load: () => import("./backup.ts"),
  },
  {
    name: "status",
    summary: "show the last backup of every project, or the history of one",
    arguments: [{ syntax: "[project]", description: "show this project's runs" }],
    options: [{ flags: "-n, --last <n>", description: "how many runs (default 10)" }],
    examples: ["backupctl status", "backupctl status shop --last 5", "backupctl status --json"],
    load: () => import("./status.ts"),
  },
  {
    name: "logs",
    summary: "show the log of a project's runs",
    arguments: [{ syntax: "<project>", description: "project, or the id of one run" }],
    options: [
      { flags: "-n, --last <n>", description: "only the newest n runs (default: all)" },
      { flags: "--failed", description: "only runs that failed" },
      {
        flags: "--level <level>",
        description: "lines of this level and above",
        choices: ["debug", "info", "warn", "error"],
      },
    ],
    examples: ["backupctl logs shop", "backupctl logs shop --last 20", "backupctl logs shop --failed"],
    load: () => import("./logs.ts"),
  },
  {
    name: "watch",
    summary: "follow runs while they work",
    arguments: [{ syntax: "[project]", description: "only this project" }],
    options: [{ flags: "--once", description: "end when no run is on" }],
    examples: ["backupctl watch", "backupctl watch shop --once"],
    load: () => import("./watch.ts"),
  },
  {
    name: "snapshots",
    summary: "list the backups of a project, as its storages hold them",
    arguments: [{ syntax: "<project>", description: "project whose backups are listed" }],
    options: [{ flags: "-n, --last <n>", description: "only the newest n" }, storageOption],
    examples: [
      "backupctl snapshots shop",
      "backupctl snapshots shop --last 10",
      "backupctl snapshots shop --storage offsite --json",
    ],
    load: () => import("./snapshots.ts"),
  },
  {
    name: "verify",
    summary: "prove that a backup is whole, or that it restores",
    description:
      "checksum reads every byte back and compares lengths and hashes; structure also has the engine read the dump; restore is a drill into a scratch database that is always removed. Every storage that holds the backup is checked and named.",
    arguments: [
      { syntax: "<project>", description: "project of the backup" },
      { syntax: "<backup>", description: "id or its beginning, id of a snapshot, or latest" },
    ],
    options: [
      {
        flags: "--level <level>",
        description: "how deep to look (default: the project's level)",
        choices: ["checksum", "structure", "restore"],
      },
      storageOption,
      allowUnencrypted,
    ],
    examples: [
      "backupctl verify shop latest",
      "backupctl verify shop latest --level restore",
      "backupctl verify shop k3f9 --storage offsite",
    ],
    load: () => import("./verify.ts"),
  },
  {
    name: "prune",
    summary: "delete what the retention policy no longer keeps",
    arguments: [{ syntax: "[project]", description: "project to prune" }],
    options: [
      { flags: "--all", description: "every enabled project" },
      { flags: "--dry-run", description: "show what would be kept and removed, and why" },
      storageOption,
    ],
    examples: ["backupctl prune shop --dry-run", "backupctl prune shop", "backupctl prune --all"],
    load: () => import("./prune.ts"),
  },
  {
    name: "pin",
    summary: "keep a backup whatever the retention policy says",
    arguments: [
      { syntax: "<project>", description: "project of the backup" },
      { syntax: "<backup>", description: "id or its beginning, id of a snapshot, or latest" },
    ],
    options: [{ flags: "--reason <text>", description: "why, for whoever wonders later" }],
    examples: ["backupctl pin shop latest --reason 'before the migration'"],
    load: () => import("./pin.ts"),
  },
  {
    name: "unpin",
    summary: "let the retention policy decide about a backup again",
    arguments: [
      { syntax: "<project>", description: "project of the backup" },
      { syntax: "<backup>", description: "id or its beginning, id of a snapshot, or latest" },
    ],
    examples: ["backupctl unpin shop k3f9x2ab"],
    load: () => import("./unpin.ts"),
  },
];
