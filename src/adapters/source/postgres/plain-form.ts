// Writes the SQL text of an archive beside it.

import { rename, rm } from "node:fs/promises";
import { createReadStream } from "node:fs";
import type { ByteStream } from "../../../ports/byte-stream.ts";
import type { SourceContext } from "../../../ports/source.ts";
import { spawnTool } from "../../process/spawn-tool.ts";
import { peekArchive } from "./archive-toc.ts";
import { findRestoreClients } from "./client-tools.ts";
import { readSqlScript } from "./sql-script.ts";
import { spoolToFile } from "./spool-to-file.ts";
import { translateToolExit } from "./tool-error.ts";
import { openUnpackedDump } from "./unpacked-dump.ts";

export async function writePlainForm(
  file: string,
  format: string,
  context: SourceContext,
  signal: AbortSignal,
): Promise<string | null> {
  if (format !== "dump" && format !== "dir.tar") return null;
  const path = `${file}.sql`;
  const partial = `${path}.partial`;
  try {
    const input: ByteStream = createReadStream(file, { highWaterMark: 256 * 1024 });
    if (format === "dump") {
      const { head, stream } = await peekArchive(input);
      await writeSql(head.toolVersion, [], stream);
    } else {
      await using dump = await openUnpackedDump(input, context.tmpDir, signal);
      await writeSql(dump.head.toolVersion, ["--format=directory", dump.path], undefined);
    }
    await rename(partial, path);
    return path;
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }

  async function writeSql(toolVersion: string, args: readonly string[], stdin: ByteStream | undefined): Promise<void> {
    const clients = await findRestoreClients(context.tools, toolVersion, signal);
    await using tool = spawnTool({
      command: clients.program("pg_restore"),
      args: ["--file=-", ...args],
      signal,
      ...(stdin === undefined ? {} : { stdin }),
      fail: (exit) => translateToolExit(exit, `pg_restore of ${file}`, "backup_corrupt"),
    });
    await spoolToFile(readSqlScript(tool.stdout, "backup_corrupt", file), partial, signal);
  }
}
