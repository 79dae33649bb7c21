// Commands that bring data back.

import type { CommandSpec, OptionSpec } from "../command-spec.ts";

export const allowUnencrypted: OptionSpec = {
  flags: "--allow-unencrypted",
  description: "use a plain backup although the project encrypts (made before encryption was turned on)",
};

export const restoreCommands: readonly CommandSpec[] = [
  {
    name: "restore",
    summary: "restore a backup to files, or into a database",
    description: [
      "To files: restore <project> <backup> <target-path>. The dump is decrypted and stays compressed unless --decompress.",
      "Into a database: restore <project> <backup> --into-database NAME. The target must be absent or empty unless --mode says otherwise;",
      "what is replaced is backed up first, and the new data is swapped in only when it is complete.",
      "From a file, without configuration or state: restore --from FILE [target-path]; with --into-database it needs a configured database, or a URL.",
    ].join("\n"),
    arguments: [
      { syntax: "[project]", description: "project of the backup" },
      { syntax: "[backup]", description: "id or its beginning, id of a snapshot, or latest" },
      { syntax: "[target-path]", description: "directory for the files" },
    ],
    options: [
      { flags: "--only <what>", description: "to files: only the dump, or only the assets", choices: ["db", "assets"] },
      { flags: "--decompress", description: "to files: also write the plain dump (PostgreSQL: SQL too)" },
      { flags: "--guide", description: "print the commands that import the restored files" },
      { flags: "--raw", description: "to files: keep the stored bytes, still encrypted" },
      { flags: "--into-database <name>", description: "restore into this database (SQLite: this file)" },
      { flags: "--target <project>", description: "restore on another project's server" },
      {
        flags: "--mode <mode>",
        description: "what to do with a target that is not empty (default create: refuse)",
        choices: ["create", "clean", "drop", "append"],
      },
      { flags: "--schema-only", description: "structure without data" },
      { flags: "--data-only", description: "data without structure" },
      {
        flags: "--table <table>",
        description: "only this table, schema.table or table (may be given several times)",
        repeatable: true,
      },
      { flags: "--assets <where>", description: "restore the files: original, or a directory" },
      { flags: "--jobs <n>", description: "parallel restore where the engine can (default 1)" },
      { flags: "--stop-connections", description: "end the target's other connections" },
      { flags: "--no-owner", description: "do not restore ownership" },
      { flags: "--no-privileges", description: "do not restore grants" },
      { flags: "--no-safety-backup", description: "do not back up what is replaced" },
      allowUnencrypted,
      { flags: "--yes", description: "do not ask before data is replaced" },
      { flags: "--storage <name>", description: "read from this storage only" },
      { flags: "--from <file>", description: "restore this file; its form is recognised from its bytes" },
      {
        flags: "--db <name>",
        description: "with --from: the configured database to restore into (default: the first)",
      },
      { flags: "--clean", description: "the same as --mode clean" },
      {
        flags: "--strict-sniff",
        description: "with --from: refuse a file that differs from what the configuration would have written",
      },
      { flags: "--allow-sql-fallback", description: "with --from: allow plain SQL, which can run anything" },
    ],
    examples: [
      "backupctl restore shop latest /data/restore/shop",
      "backupctl restore shop latest /data/restore/shop --decompress --guide",
      "backupctl restore shop latest --into-database shop_check",
      "backupctl restore shop k3f9 --into-database shop --mode drop --stop-connections",
      "backupctl restore shop latest --into-database shop_part --table public.orders",
      "backupctl restore shop latest --assets original",
      "backupctl restore --from /mnt/usb/shop_daily_20261121_020000_k3f9x2ab.dump.zst.enc --into-database shop_new",
    ],
    load: () => import("./restore.ts"),
  },
  {
    name: "export",
    summary: "write one backup as a bundle: manifest, database and documents in a tar.gz",
    arguments: [
      { syntax: "<project>", description: "project of the backup" },
      { syntax: "<backup>", description: "id or its beginning, id of a snapshot, or latest" },
      { syntax: "<file>", description: "bundle to write, ending in .tar.gz" },
    ],
    options: [{ flags: "--storage <name>", description: "read from this storage only" }, allowUnencrypted],
    examples: [
      "backupctl export shop latest shop.tar.gz",
      "backupctl restore --from shop.tar.gz --into-database shop_copy",
    ],
    load: () => import("./export.ts"),
  },
  {
    name: "catalog rebuild",
    summary: "fill the state store from the manifests on the storages",
    options: [
      { flags: "--storage <name>", description: "only this storage (may be given several times)", repeatable: true },
    ],
    examples: ["backupctl catalog rebuild"],
    load: () => import("./catalog-rebuild.ts"),
  },
];
