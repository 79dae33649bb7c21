// What differs between MariaDB and MySQL, as each adapter tells it.

import type { MysqlFamilyConfig } from "./connection-config.ts";
import type { ServerFacts } from "./server-facts.ts";

export interface Flavour {
  readonly type: "mariadb" | "mysql";
  /** `MariaDB`, `MySQL`. */
  readonly label: string;
  readonly dumpPrograms: readonly string[];
  readonly clientPrograms: readonly string[];
  readonly serverPrograms: readonly string[];
  /** Directories that hold the client programs, and those of the server. */
  readonly places: readonly string[];
  readonly serverPlaces: readonly string[];
  /** Package that brings the client programs. */
  readonly clientPackage: string;
  /** The version in what `--version` prints, or undefined when it is the other product. */
  parseVersion(text: string): string | undefined;
  /** Lines of an option file for the encryption of the client programs; `encrypted`: our own connection was. */
  tlsLines(config: MysqlFamilyConfig, caPath: string | undefined, encrypted: boolean): readonly string[];
  /** More arguments of the dump program. */
  dumpArgs(server: ServerFacts, toolVersion: string): readonly string[];
  /** Arguments for reading definitions only. */
  readonly programArgs: readonly string[];
  /** The dump program asks the server for a name that it has escaped before it comes to the events. */
  readonly misnamesEvents: boolean;
  /** What a dump of this server with this tool leaves out. */
  describeGaps(server: ServerFacts, toolVersion: string): readonly string[];
  /** How to make a data directory, and how to start a server on it. */
  initServer(binaries: ServerBinaries, dataDir: string): { readonly command: string; readonly args: readonly string[] };
  serverArgs(binaries: ServerBinaries): readonly string[];
}

export interface ServerBinaries {
  /** Path of `mariadbd` or `mysqld`. */
  readonly server: string;
  /** The installation's root: what `--basedir` means. */
  readonly baseDir: string;
  readonly version: string;
}
