// A producer for the tests of block threads.

import { AppError } from "../../src/domain/error.ts";
import { serveBlocks } from "../../src/adapters/thread/serve-blocks.ts";

export interface SampleRequest {
  readonly pieces: number;
  readonly pieceBytes: number;
  /** Numbers of the pieces after which what there is goes out. */
  readonly flushAfter: readonly number[];
  readonly fail: "app" | "system" | "exit" | null;
}

serveBlocks<SampleRequest>(({ pieces, pieceBytes, flushAfter, fail }, sink) => {
  for (let index = 0; index < pieces; index++) {
    sink.put(new Uint8Array(pieceBytes).fill(index % 251));
    sink.note(index);
    if (flushAfter.includes(index)) sink.flush();
  }
  if (fail === "app") throw new AppError("source_failed", "no more", { hint: "look", retryable: true });
  if (fail === "system") throw Object.assign(new Error("bad disk"), { code: "EIO" });
  if (fail === "exit") process.exit(0);
  return { pieces };
});
