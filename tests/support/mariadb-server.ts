// A MariaDB server for tests, from the system's packages.

import { mariadbFlavour } from "../../src/adapters/source/mariadb/flavour.ts";
import { startFamilyServer, type FamilyServer } from "./mysql-family-server.ts";

export function startMariadbServer(...args: string[]): Promise<FamilyServer> {
  return startFamilyServer(mariadbFlavour, { args });
}
