// A MySQL server for tests, from where setup unpacked it.

import { mysqlFlavour } from "../../src/adapters/source/mysql/flavour.ts";
import { startFamilyServer, type FamilyServer } from "./mysql-family-server.ts";
import { findToolDirectory } from "./tools.ts";

export function startMysqlServer(...args: string[]): Promise<FamilyServer> {
  const mysqlBinDir = findToolDirectory("mysql");
  return startFamilyServer(mysqlFlavour, { args, tools: mysqlBinDir === undefined ? {} : { mysqlBinDir } });
}
