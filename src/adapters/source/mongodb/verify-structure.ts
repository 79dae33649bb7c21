// Reads an archive to its end, with every collection's checksum, and has mongorestore read its beginning, which is all
// that its dry run looks at and for which it wants a server.

import { AppError } from "../../../domain/error.ts";
import type { RestorePart, SourceContext } from "../../../ports/source.ts";
import { spawnTool } from "../../process/spawn-tool.ts";
import { findTool } from "./client-tools.ts";
import type { MongodbConfig } from "./config.ts";
import { connect } from "./connection.ts";
import { corruptArchive, openArchive } from "./open-archive.ts";
import { lastWords, translateToolExit } from "./tool-error.ts";
import { openToolLogin } from "./tool-login.ts";

export async function verifyStructure(
  config: MongodbConfig,
  context: SourceContext,
  part: RestorePart,
  signal: AbortSignal,
): Promise<void> {
  signal.throwIfAborted();
  const archive = await openArchive(part.stream);
  for await (const _ of archive.stream) signal.throwIfAborted();
  if (archive.prelude.collections.length === 0) throw corruptArchive("it holds no collection");
  try {
    await dryRun(config, context, archive.preludeBytes, signal);
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof AppError) || error.code === "backup_corrupt") throw error;
    // The archive itself was read; that nobody can be asked about it says nothing against it.
    context.log("warn", `mongorestore could not be asked about the archive: ${error.message}`);
  }
}

async function dryRun(config: MongodbConfig, context: SourceContext, prelude: Uint8Array, signal: AbortSignal) {
  const tool = await findTool("mongorestore", context.tools, signal);
  {
    // The tool waits without end for a server that is away.
    await using _ = await connect(config, { signal, errorCode: "restore_failed" });
  }
  await using login = await openToolLogin(config, context.tmpDir);
  await using restore = spawnTool({
    command: tool.program,
    args: [login.configArg, "--archive", "--dryRun"],
    signal,
    stdin: once(prelude),
    fail(exit) {
      const error = translateToolExit(exit, "mongorestore --dryRun", "restore_failed");
      return error.code === "restore_failed" && exit.code !== null && exit.startError === null
        ? corruptArchive(`mongorestore does not take it: ${lastWords(exit.stderr)}`)
        : error;
    },
  });
  await restore.succeed();
}

async function* once(bytes: Uint8Array) {
  yield bytes;
}
