// Commands that set the program up and look at it.

import type { CommandSpec } from "../command-spec.ts";

export const setupCommands: readonly CommandSpec[] = [
  {
    name: "init",
    summary: "write a first configuration, by asking or from flags",
    options: [
      {
        flags: "--answer <key=value>",
        description: "answer a question without a terminal; key=env:NAME reads a variable (may be given several times)",
        repeatable: true,
      },
      { flags: "--output <file>", description: "file to write (default backupctl.yml; secrets go to .env beside it)" },
      { flags: "--force", description: "replace files that are there" },
    ],
    examples: [
      "backupctl init",
      "backupctl init --answer name=shop --answer engine=postgres --answer host=db --answer database=shop --answer password=env:SHOP_DB_PASSWORD",
    ],
    load: () => import("./init.ts"),
  },
  {
    name: "test",
    summary: "try the connections to sources, storages and channels",
    arguments: [{ syntax: "[project]", description: "only this project" }],
    examples: ["backupctl test", "backupctl test shop --json"],
    load: () => import("./test.ts"),
  },
  {
    name: "config validate",
    summary: "check the configuration and name every problem with its line",
    examples: ["backupctl config validate", "backupctl config validate -c /etc/backupctl/backupctl.yml"],
    load: () => import("./config-validate.ts"),
  },
  {
    name: "config show",
    summary: "print the resolved configuration, secrets masked",
    arguments: [{ syntax: "[project]", description: "only this project" }],
    examples: ["backupctl config show", "backupctl config show shop"],
    load: () => import("./config-show.ts"),
  },
  {
    name: "config schema",
    summary: "print the JSON Schema of the configuration file, for editors",
    examples: ["backupctl config schema > backupctl.schema.json"],
    load: () => import("./config-schema.ts"),
  },
  {
    name: "config import-gpg-key",
    summary: "import a GPG public key into the keyring that backups are encrypted with",
    arguments: [{ syntax: "<file>", description: "file with the public key, armored or not" }],
    examples: ["backupctl config import-gpg-key ./keys/shop.pub.gpg"],
    load: () => import("./config-import-gpg-key.ts"),
  },
  {
    name: "storage list",
    summary: "list the configured storages",
    examples: ["backupctl storage list", "backupctl storage list --json"],
    load: () => import("./storage-list.ts"),
  },
  {
    name: "storage check",
    summary: "prove on a storage itself that it keeps its promises, and print what it supports",
    arguments: [{ syntax: "[storage]", description: "only this storage" }],
    options: [{ flags: "--full", description: "also list more than 1000 objects" }],
    examples: ["backupctl storage check", "backupctl storage check offsite"],
    load: () => import("./storage-check.ts"),
  },
  {
    name: "key generate",
    summary: "make a new encryption key file",
    arguments: [{ syntax: "[file]", description: "file to write (default: the configured key file)" }],
    examples: ["backupctl key generate", "backupctl key generate /root/backupctl.key"],
    load: () => import("./key-generate.ts"),
  },
  {
    name: "key list",
    summary: "list the keys by id: those in use, those retired, and how many backups need each",
    description:
      "A retired key may be thrown away only when no backup needs it any more. missing: backups need a key that is not configured; foreign: a configured password opens them, they were made by another installation.",
    options: [{ flags: "--no-backups", description: "do not ask the storages which keys their backups need" }],
    examples: ["backupctl key list", "backupctl key list --json"],
    load: () => import("./key-list.ts"),
  },
  {
    name: "key rotate",
    summary: "put a new key into use; the old one stays for the backups that need it",
    description:
      "Works on key files: the new key becomes the first one, the others stay behind it. Passwords and ENCRYPTION_KEY are changed where they are set; the error says how.",
    options: [
      { flags: "--project <name>", description: "the project's own key_file (default: the installation's key)" },
    ],
    examples: ["backupctl key rotate", "backupctl key rotate --project shop"],
    load: () => import("./key-rotate.ts"),
  },
  {
    name: "key recovery-kit",
    summary: "write all that is needed to read the backups without this machine",
    arguments: [{ syntax: "<file>", description: "file to write; keep it off this machine" }],
    examples: ["backupctl key recovery-kit /media/usb/recovery-kit.txt"],
    load: () => import("./key-recovery-kit.ts"),
  },
  {
    name: "db migrate",
    summary: "bring the state store's schema up to date",
    examples: ["backupctl db migrate"],
    load: () => import("./db-migrate.ts"),
  },
  {
    name: "db status",
    summary: "show the state store, what names it, and its migrations",
    examples: ["backupctl db status"],
    load: () => import("./db-status.ts"),
  },
  {
    name: "db backup",
    summary: "copy the state store to a file, consistently, while it is in use",
    description:
      "SQLite gives a SQLite file, to be put in place of the old one while nothing runs; PostgreSQL a dump for pg_restore. The file must not be there.",
    arguments: [{ syntax: "<file>", description: "file to write" }],
    examples: ["backupctl db backup /media/usb/state.db", "backupctl db backup state.dump --json"],
    load: () => import("./db-backup.ts"),
  },
  {
    name: "completion",
    summary: "print the completion script of a shell",
    arguments: [{ syntax: "<shell>", description: "bash, zsh or fish" }],
    examples: [
      "backupctl completion bash > /etc/bash_completion.d/backupctl",
      "backupctl completion zsh > /usr/local/share/zsh/site-functions/_backupctl",
      "backupctl completion fish > /etc/fish/completions/backupctl.fish",
    ],
    load: () => import("./completion.ts"),
  },
  {
    name: "version",
    summary: "print the version",
    examples: ["backupctl version", "backupctl version --json"],
    load: () => import("./version.ts"),
  },
];
