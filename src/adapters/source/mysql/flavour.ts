// What is MySQL's own among the servers of its family.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { compareVersions } from "../find-client-tool.ts";
import type { Flavour } from "../shared-mysql/flavour.ts";
import { optionLine } from "../shared-mysql/option-file.ts";

const tlsModes = {
  disable: "DISABLED",
  prefer: "PREFERRED",
  require: "REQUIRED",
  "verify-ca": "VERIFY_CA",
  "verify-full": "VERIFY_IDENTITY",
} as const;

export const mysqlFlavour: Flavour = {
  type: "mysql",
  label: "MySQL",
  dumpPrograms: ["mysqldump"],
  clientPrograms: ["mysql"],
  serverPrograms: ["mysqld"],
  places: [
    "/usr/bin",
    "/usr/local/bin",
    "/usr/local/mysql/bin",
    "/opt/mysql*/bin",
    "/opt/homebrew/opt/mysql*/bin",
    "C:/Program Files/MySQL/MySQL Server */bin",
  ],
  serverPlaces: ["/usr/sbin", "/usr/libexec", "/usr/local/sbin", "/usr/local/mysql/bin", "/opt/mysql*/bin"],
  clientPackage: "mysql-client",
  parseVersion(text) {
    if (/mariadb/i.test(text)) return undefined;
    return (/Distrib (\d+\.\d+\.\d+)/.exec(text) ?? /\bVer (\d+\.\d+\.\d+)/.exec(text))?.[1];
  },
  tlsLines(config, caPath) {
    const { mode, ca_path } = config.tls;
    // `require` with an authority of one's own checks the chain.
    const effective = mode === "require" && ca_path !== undefined ? "verify-ca" : mode;
    const authority = effective.startsWith("verify") ? caPath : undefined;
    return [
      `ssl-mode=${tlsModes[effective]}`,
      ...(authority === undefined ? [] : [optionLine("ssl-ca", authority)]),
      // Without TLS a password is sent under the server's key, which must then be asked for.
      ...(mode === "disable" || mode === "prefer" ? ["get-server-public-key=1"] : []),
    ];
  },
  dumpArgs: (_server, toolVersion) => [
    "--set-gtid-purged=OFF",
    // Statistics of columns are the optimizer's own; older servers and MariaDB do not know them.
    ...(compareVersions(toolVersion, "8.0") >= 0 ? ["--column-statistics=0"] : []),
  ],
  misnamesEvents: false,
  describeGaps: () => [],
  programArgs: ["--set-gtid-purged=OFF"],
  initServer: (binaries, dataDir) => ({
    command: binaries.server,
    args: ["--no-defaults", "--initialize-insecure", `--basedir=${binaries.baseDir}`, `--datadir=${dataDir}`],
  }),
  serverArgs(binaries) {
    const pluginDir = ["lib/mysql/plugin", "lib64/mysql/plugin", "lib/plugin"]
      .map((dir) => join(binaries.baseDir, dir))
      .find((dir) => existsSync(dir));
    return [
      "--skip-log-bin",
      ...(compareVersions(binaries.version, "8.0.11") >= 0 ? ["--mysqlx=OFF"] : []),
      ...(pluginDir === undefined ? [] : [`--plugin-dir=${pluginDir}`]),
    ];
  },
};
