// Where a program's output goes: into a pipe of the runtime, or, for a dump, into one that a thread reads and hashes.

import { closeSync } from "node:fs";
import type { ChildProcess } from "node:child_process";
import type { ByteStream, StreamDigest } from "../../ports/byte-stream.ts";
import { openBlockThread } from "../thread/open-block-thread.ts";
import { findPipes } from "./pipe.ts";

export interface ToolOutput {
  /** For `stdio` of spawn. */
  readonly stdio: "pipe" | number;
  /** The program runs, or (undefined) could not even be tried; `onBytes` hears of every arrival. */
  started(child: ChildProcess | undefined, onBytes: () => void): void;
  /** The output has ended, in so far as the program's own end does not tell. */
  readonly over: Promise<void>;
  /** Ends at the end of the output, whatever the program's exit status. */
  read(): ByteStream;
  /** Reads to the end and forgets. */
  drain(): void;
  /** Undefined where nobody hashed. */
  readonly digest: (() => StreamDigest) | undefined;
  close(): Promise<void>;
}

export interface PipeRequest {
  readonly fd: number;
  /** What is read, for messages. */
  readonly what: string;
}

export interface OutputReader {
  /** Worker that reads the pipe, by its file in `adapters/` without extension. */
  readonly worker: string;
  readonly what: string;
}

export const plainReader: OutputReader = { worker: "process/read-pipe-worker", what: "output" };

export function openThreadOutput({ worker, what }: OutputReader): ToolOutput | undefined {
  const pipe = findPipes()?.open();
  if (pipe === undefined) return undefined;
  const { readFd, writeFd } = pipe;
  let onBytes = (): void => {};
  const thread = openBlockThread({
    worker,
    request: { fd: readFd, what } satisfies PipeRequest,
    onBlock: () => onBytes(),
  });
  return {
    stdio: writeFd,
    started(_child, listener) {
      onBytes = listener;
      // The program has it; while we held it too, the pipe would never end.
      closeSync(writeFd);
    },
    over: thread.over,
    read: () => thread.stream,
    drain() {
      void drain(thread.stream);
    },
    digest: () => thread.digest(),
    async close() {
      await thread[Symbol.asyncDispose]();
    },
  };
}

function keepUnread(): void {}

export function openRuntimeOutput(): ToolOutput {
  let stdout: ChildProcess["stdout"] = null;
  return {
    stdio: "pipe",
    started(child, onBytes) {
      stdout = child?.stdout ?? null;
      if (stdout === null) return;
      stdout.on("data", onBytes);
      stdout.pause();
      // The runtime resumes unread pipes when the program exits and would throw away what nobody has asked for yet; a
      // `readable` listener keeps it.
      stdout.on("readable", keepUnread);
    },
    over: Promise.resolve(),
    read: () => stdout as unknown as ByteStream,
    drain() {
      stdout!.off("readable", keepUnread);
      stdout!.resume();
    },
    digest: undefined,
    async close() {
      stdout?.destroy();
    },
  };
}

async function drain(stream: ByteStream): Promise<void> {
  try {
    for await (const _chunk of stream);
  } catch {
    // Whoever drains wants the exit status, not the bytes.
  }
}
