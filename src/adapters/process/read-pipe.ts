// In a thread: reads a program's output until its end. The descriptor is the thread's own: it is closed in every case.

import { closeSync, readSync } from "node:fs";
import type { BlockSink } from "../thread/serve-blocks.ts";
import { findPipes } from "./pipe.ts";

/** A program that pauses for this long has its bytes handed on as they are. */
const flushAfterMs = 50;

/** `onBytes` sees every byte once, in order, while it is still in the processor's cache. */
export function readPipe(fd: number, sink: BlockSink, onBytes: (bytes: Uint8Array) => void = () => {}): void {
  const pipes = findPipes()!;
  try {
    while (!sink.isStopped) {
      if (!pipes.waitForInput(fd, flushAfterMs)) {
        sink.flush();
        continue;
      }
      const room = sink.room();
      const bytes = readSync(fd, room);
      if (bytes === 0) return;
      onBytes(room.subarray(0, bytes));
      sink.advance(bytes);
    }
  } finally {
    closeSync(fd);
  }
}
