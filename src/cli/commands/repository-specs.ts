// Commands about restic repositories.

import type { CommandSpec } from "../command-spec.ts";

export const repositoryCommands: readonly CommandSpec[] = [
  {
    name: "restic",
    summary: "run any restic command on a project's repository",
    description:
      "Everything behind the project goes to restic as it is, with the repository and its password set and the terminal attached; restic's exit code is the exit code. With several repositories --storage, before the project, chooses.",
    arguments: [
      { syntax: "<project>", description: "project whose repository is meant" },
      { syntax: "[args...]", description: "restic's own command, arguments and options" },
    ],
    options: [{ flags: "--storage <name>", description: "this repository of the project; give it before the project" }],
    examples: [
      "backupctl restic shop init",
      "backupctl restic shop snapshots",
      "backupctl restic shop check",
      "backupctl restic shop stats",
      "backupctl restic shop diff abc123 def456",
      "backupctl restic shop ls latest",
      'backupctl restic shop find "*.sql.gz"',
      "backupctl restic shop mount /mnt/restore",
      "backupctl restic shop dump latest /data/shop/uploads/logo.png > logo.png",
      "backupctl restic shop key list",
      "backupctl restic shop unlock",
      "backupctl restic --storage vault shop snapshots --json",
    ],
    load: () => import("./restic.ts"),
  },
  {
    name: "cache",
    summary: "show or clear restic's local cache",
    description: "Restic keeps a copy of each repository's index on this machine; clearing it loses nothing but time.",
    arguments: [{ syntax: "[project]", description: "project whose repositories are meant; all without it" }],
    options: [
      { flags: "--clear", description: "clear the cache of the project's repositories" },
      { flags: "--clear-all", description: "clear the caches of all projects" },
    ],
    examples: [
      "backupctl cache shop",
      "backupctl cache shop --clear",
      "backupctl cache --clear-all",
      "backupctl cache --json",
    ],
    load: () => import("./cache.ts"),
  },
];
