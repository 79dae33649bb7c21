// Reads what pg_dump writes and follows it to its end, in a thread of its own.

import { toAppError } from "../../../domain/error.ts";
import type { PipeRequest } from "../../process/tool-output.ts";
import { readPipe } from "../../process/read-pipe.ts";
import { serveBlocks } from "../../thread/serve-blocks.ts";
import { watchArchive } from "./archive-walk.ts";

serveBlocks<PipeRequest>(({ fd, what }, sink) => {
  const watch = watchArchive("source_failed", what);
  let fault: Error | undefined;
  // Read to the end all the same: the program's own error, if it has one, says more.
  readPipe(fd, sink, (bytes) => {
    if (fault !== undefined) return;
    try {
      watch.feed(bytes);
    } catch (error) {
      fault = toAppError(error);
    }
  });
  if (fault !== undefined) throw fault;
  if (!sink.isStopped) watch.end();
});
