// Has pg_restore read a whole archive without a server: `--list` would accept one that was cut.

import { AppError } from "../../../domain/error.ts";
import type { ByteStream } from "../../../ports/byte-stream.ts";
import type { RestorePart, SourceContext } from "../../../ports/source.ts";
import { spawnTool } from "../../process/spawn-tool.ts";
import { checkArchive } from "./archive-walk.ts";
import { type ArchiveHead, peekArchive } from "./archive-toc.ts";
import { findRestoreClients } from "./client-tools.ts";
import { hasGlobalsTrailer } from "./dump-globals.ts";
import { translateToolExit } from "./tool-error.ts";
import { nullDevice } from "./null-device.ts";
import { readToEnd } from "./read-to-end.ts";
import { openUnpackedDump } from "./unpacked-dump.ts";

export async function verifyStructure(part: RestorePart, context: SourceContext, signal: AbortSignal): Promise<void> {
  switch (part.format) {
    case "dump": {
      const checked = checkArchive(part.stream, "backup_corrupt", "the dump");
      const { head, stream } = await peekArchive(checked);
      await readToEnd(stream, (whole) => runPgRestore(head, [], context, signal, whole));
      return;
    }
    case "dir.tar": {
      await using dump = await openUnpackedDump(part.stream, context.tmpDir, signal);
      await runPgRestore(dump.head, ["--format=directory", dump.path], context, signal);
      return;
    }
    case "globals.sql": {
      let tail: Uint8Array = new Uint8Array(0);
      for await (const chunk of part.stream) tail = Buffer.concat([tail, chunk]).subarray(-4_096);
      if (!hasGlobalsTrailer(tail)) throw new AppError("backup_corrupt", "the roles' dump has no end mark, it was cut");
      return;
    }
    default:
      throw new AppError("unsupported", `PostgreSQL has no check for a dump of format "${part.format}"`);
  }
}

async function runPgRestore(
  head: ArchiveHead,
  args: readonly string[],
  context: SourceContext,
  signal: AbortSignal,
  stdin?: ByteStream,
): Promise<void> {
  const clients = await findRestoreClients(context.tools, head.toolVersion, signal);
  await using tool = spawnTool({
    command: clients.program("pg_restore"),
    args: ["--file", nullDevice, ...args],
    signal,
    ...(stdin === undefined ? {} : { stdin }),
    fail: (exit) => translateToolExit(exit, "pg_restore reading the archive", "backup_corrupt"),
  });
  await tool.succeed();
}
