// Where a program's input comes from: a pipe of the runtime, or, for a restore, one that a thread writes.

import { closeSync } from "node:fs";
import type { ChildProcess } from "node:child_process";
import { AppError } from "../../domain/error.ts";
import { takeBuffer } from "../bytes/owned-blocks.ts";
import { workerUrl } from "../thread/worker-url.ts";
import { findPipes } from "./pipe.ts";

export interface ToolInput {
  /** For `stdio` of spawn. */
  readonly stdio: "pipe" | number;
  /** The program runs, or (undefined) could not even be tried. */
  started(child: ChildProcess | undefined): void;
  /** True once the program has stopped reading. */
  isBroken(): boolean;
  /** Resolves when more may be written, the input is broken or closed; throws when the pipe itself fails. */
  write(chunk: Uint8Array): Promise<void>;
  /** Resolves when everything has been handed to the program. */
  end(): Promise<void>;
  /** Ends all waits and lets go of the pipe. */
  close(): void;
}

export type InputMessage =
  | { readonly type: "open"; readonly fd: number }
  | { readonly type: "chunk"; readonly buffer: ArrayBuffer; readonly bytes: number }
  | { readonly type: "end" };

export type InputAnswer =
  | { readonly type: "written"; readonly bytes: number }
  | { readonly type: "broken" }
  | { readonly type: "failed"; readonly message: string }
  | { readonly type: "closed" };

const queueLimitBytes = 6 * 1024 * 1024;

export function openThreadInput(): ToolInput | undefined {
  const pipe = findPipes()?.open();
  if (pipe === undefined) return undefined;
  const worker = new Worker(workerUrl("process/write-pipe-worker"));
  let queuedBytes = 0;
  let isBroken = false;
  let isOver = false;
  let failure: Error | undefined;
  let wake = (): void => {};
  const post = (message: InputMessage, transfer: ArrayBuffer[] = []): void => worker.postMessage(message, transfer);
  const over = (): void => {
    if (!isOver) failure ??= new AppError("internal", "the thread that writes a program's input is gone");
    isOver = true;
    wake();
  };
  worker.addEventListener("message", ({ data }: MessageEvent<InputAnswer>) => {
    if (data.type === "written") queuedBytes -= data.bytes;
    else if (data.type === "broken") isBroken = true;
    else if (data.type === "failed")
      failure ??= new AppError("internal", `writing a program's input failed: ${data.message}`);
    else {
      isOver = true;
      worker.terminate();
    }
    wake();
  });
  worker.addEventListener("error", over);
  worker.addEventListener("close", over);
  post({ type: "open", fd: pipe.writeFd });

  async function until(condition: () => boolean): Promise<void> {
    while (!condition() && !isOver && failure === undefined) await new Promise<void>((resolve) => (wake = resolve));
    if (failure !== undefined) throw failure;
  }

  let isEnding = false;
  function end(): void {
    if (!isEnding) post({ type: "end" });
    isEnding = true;
  }

  return {
    stdio: pipe.readFd,
    started() {
      closeSync(pipe.readFd);
    },
    isBroken: () => isBroken,
    async write(chunk) {
      const { length } = chunk;
      const buffer = takeBuffer(chunk);
      queuedBytes += length;
      post({ type: "chunk", buffer, bytes: length }, [buffer]);
      await until(() => isBroken || queuedBytes <= queueLimitBytes);
    },
    async end() {
      end();
      await until(() => isOver);
    },
    close() {
      // Behind what is queued: a program that is gone makes each write fail at once.
      end();
      wake();
    },
  };
}

export function openRuntimeInput(): ToolInput {
  let stdin: ChildProcess["stdin"] = null;
  let isBroken = false;
  let isClosed = false;
  const events = ["drain", "close", "error"] as const;
  return {
    stdio: "pipe",
    started(child) {
      stdin = child?.stdin ?? null;
      stdin?.on("error", () => (isBroken = true));
      stdin?.on("close", () => (isClosed = true));
    },
    isBroken: () => isBroken || isClosed,
    async write(chunk) {
      if (stdin === null || stdin.write(chunk) || isClosed) return;
      const { promise, resolve } = Promise.withResolvers<void>();
      for (const event of events) stdin.on(event, resolve);
      await promise;
      for (const event of events) stdin.off(event, resolve);
    },
    async end() {
      const { promise, resolve } = Promise.withResolvers<void>();
      if (stdin === null || isClosed) return;
      stdin.on("close", resolve);
      stdin.end(resolve);
      await promise;
    },
    close() {
      stdin?.destroy();
    },
  };
}
