import { serveBlocks } from "../thread/serve-blocks.ts";
import { readPipe } from "./read-pipe.ts";
import type { PipeRequest } from "./tool-output.ts";

serveBlocks<PipeRequest>(({ fd }, sink) => readPipe(fd, sink));
