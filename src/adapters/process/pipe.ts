// Pipes of our own, which the runtime does not offer: with a large buffer, read by a thread.

import { dlopen, FFIType, ptr } from "bun:ffi";
import { loadLibc } from "./load-libc.ts";

export interface Pipes {
  /** Both ends close in programs that are started, but for the one that is given to them. Undefined: none to be had. */
  open(): { readonly readFd: number; readonly writeFd: number } | undefined;
  /** True when bytes or the end of the pipe can be read without waiting. */
  waitForInput(fd: number, timeoutMs: number): boolean;
}

const closeOnExec = 0o2000000;
const setPipeSize = 1031;
/** What an unprivileged user may ask for by default. */
const pipeBytes = 1024 * 1024;
const pollIn = 1;

let loaded: Pipes | null | undefined;

/** Undefined on other systems than Linux, and where the C library cannot be reached. */
export function findPipes(): Pipes | undefined {
  if (loaded === undefined) loaded = loadLibc(bind) ?? null;
  return loaded ?? undefined;
}

function bind(library: string): Pipes {
  const { symbols } = dlopen(library, {
    pipe2: { args: [FFIType.ptr, FFIType.i32], returns: FFIType.i32 },
    fcntl: { args: [FFIType.i32, FFIType.i32, FFIType.i32], returns: FFIType.i32 },
    poll: { args: [FFIType.ptr, FFIType.u64, FFIType.i32], returns: FFIType.i32 },
  });
  return {
    open() {
      const ends = new Int32Array(2);
      if (symbols.pipe2(ptr(ends), closeOnExec) !== 0) return undefined;
      const [readFd, writeFd] = [ends[0]!, ends[1]!];
      // Refused beyond the user's share of pipe memory; the pipe works all the same.
      symbols.fcntl(writeFd, setPipeSize, pipeBytes);
      return { readFd, writeFd };
    },
    waitForInput(fd, timeoutMs) {
      const request = new Int32Array([fd, pollIn]);
      return symbols.poll(ptr(request), 1, timeoutMs) > 0;
    },
  };
}
