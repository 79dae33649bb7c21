// Feeds SQL to psql in one transaction that stops at the first error, with psql's own commands shut off.

import { randomBytes } from "node:crypto";
import type { ByteStream } from "../../../ports/byte-stream.ts";
import { spawnTool } from "../../process/spawn-tool.ts";
import { compareVersions } from "../find-client-tool.ts";
import { chooseInstallation, listInstallations, majorOf } from "./client-tools.ts";
import { nullDevice } from "./null-device.ts";
import { restrictMetaCommands } from "./restrict-meta-commands.ts";
import type { RestorePlace } from "./restore-place.ts";
import { translateToolExit } from "./tool-error.ts";
import { openToolLogin } from "./tool-login.ts";

/** The first versions whose psql knows `\restrict`. */
const restrictedSince: Readonly<Record<number, string>> = {
  13: "13.22",
  14: "14.19",
  15: "15.14",
  16: "16.10",
  17: "17.6",
};

export function canRestrict(version: string): boolean {
  const major = majorOf(version);
  if (major > 17) return true;
  const since = restrictedSince[major];
  return since !== undefined && compareVersions(version, since) >= 0;
}

// A database may be read-only by default. Said first, for no query may come before it.
const writable = "SET transaction_read_only = off;\n";

/** `prelude` is SQL of our own that comes first; `holdsTransaction`: the SQL ends the one transaction itself. */
export async function runPsql(
  place: RestorePlace,
  sql: ByteStream,
  prelude: string,
  onStderrLine: (line: string) => void,
  signal: AbortSignal,
  holdsTransaction = false,
): Promise<void> {
  const installed = await listInstallations("psql", place.context.tools, signal);
  const usable = installed.filter((tool) => canRestrict(tool.version));
  const clients = chooseInstallation("psql", usable, { version: "13.22", by: "restoring SQL safely, which came with" });
  await using login = await openToolLogin(place.config, place.context.tmpDir);
  await using tool = spawnTool({
    command: clients.program("psql"),
    args: [
      "--no-psqlrc",
      "--quiet",
      "--no-password",
      ...(holdsTransaction ? [] : ["--single-transaction"]),
      "--set=ON_ERROR_STOP=1",
      `--output=${nullDevice}`,
      `--dbname=${login.connectionTo(place.database)}`,
      "--file=-",
    ],
    env: login.env,
    signal,
    stdin: restrictMetaCommands(
      sql,
      randomBytes(24).toString("hex"),
      `${holdsTransaction ? "BEGIN;\n" : ""}${writable}${prelude}`,
    ),
    onStderrLine,
    fail: (exit) => translateToolExit(exit, `psql into database "${place.database}"`, "restore_failed"),
  });
  await tool.succeed();
}
