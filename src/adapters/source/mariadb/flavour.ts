// What is MariaDB's own among the servers of its family.

import { join } from "node:path";
import { existsSync } from "node:fs";
import { compareVersions } from "../find-client-tool.ts";
import type { Flavour } from "../shared-mysql/flavour.ts";
import { optionLine } from "../shared-mysql/option-file.ts";

const versionForms = [
  /Distrib (\d+\.\d+\.\d+)-MariaDB/i,
  /\bfrom (\d+\.\d+\.\d+)-MariaDB/i,
  /\bVer (\d+\.\d+\.\d+)-MariaDB/i,
];

/** From here on a dump can hold the history of system-versioned tables, and a server can take it back. */
const historySince = "10.11";

export const mariadbFlavour: Flavour = {
  type: "mariadb",
  label: "MariaDB",
  dumpPrograms: ["mariadb-dump", "mysqldump"],
  clientPrograms: ["mariadb", "mysql"],
  serverPrograms: ["mariadbd", "mysqld"],
  places: [
    "/usr/bin",
    "/usr/local/bin",
    "/usr/local/mysql/bin",
    "/opt/mariadb*/bin",
    "/opt/homebrew/opt/mariadb*/bin",
    "C:/Program Files/MariaDB */bin",
  ],
  serverPlaces: ["/usr/sbin", "/usr/libexec", "/usr/local/sbin", "/usr/local/mysql/bin", "/opt/mariadb*/bin"],
  clientPackage: "mariadb-client",
  parseVersion(text) {
    for (const form of versionForms) {
      const version = form.exec(text)?.[1];
      if (version !== undefined) return version;
    }
    return undefined;
  },
  tlsLines(config, caPath, encrypted) {
    const { mode, ca_path } = config.tls;
    // Clients from 11.4 demand TLS unless told otherwise, older ones do not ask for it: so it is always said.
    if (!encrypted) return ["loose-skip-ssl", "loose-skip-ssl-verify-server-cert"];
    const checksAuthority = mode.startsWith("verify") || (mode === "require" && ca_path !== undefined);
    return [
      "ssl=1",
      // With an authority the chain is checked in any case; the option below is about the host name.
      ...(checksAuthority && caPath !== undefined ? [optionLine("ssl-ca", caPath)] : []),
      mode === "verify-full" ? "ssl-verify-server-cert=1" : "loose-skip-ssl-verify-server-cert",
    ];
  },
  dumpArgs: (server, toolVersion) => (keepsHistory(server.version, toolVersion) ? ["--dump-history"] : []),
  misnamesEvents: true,
  describeGaps: (server, toolVersion) =>
    keepsHistory(server.version, toolVersion)
      ? []
      : [
          `the history of system-versioned tables is not in the backup: that needs MariaDB ${historySince} on both sides`,
        ],
  programArgs: [],
  initServer(binaries, dataDir) {
    const names = ["mariadb-install-db", "mysql_install_db"];
    const dirs = ["bin", "scripts", "sbin"].map((dir) => join(binaries.baseDir, dir));
    const candidates = dirs.flatMap((dir) => names.map((name) => join(dir, name)));
    return {
      command: candidates.find((path) => existsSync(path)) ?? candidates[0]!,
      args: [
        "--no-defaults",
        `--basedir=${binaries.baseDir}`,
        `--datadir=${dataDir}`,
        "--auth-root-authentication-method=normal",
        "--skip-test-db",
        "--skip-name-resolve",
      ],
    };
  },
  serverArgs: () => ["--skip-log-bin"],
};

function keepsHistory(serverVersion: string, toolVersion: string): boolean {
  return compareVersions(serverVersion, historySince) >= 0 && compareVersions(toolVersion, historySince) >= 0;
}
