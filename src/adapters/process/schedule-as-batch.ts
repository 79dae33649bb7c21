// A dump program is woken for every few kilobytes that its server sends, and each time takes the processor from whoever
// compresses them. As a batch job (sched(7), SCHED_BATCH) it has the same share of the processor, but waits for its turn and
// takes more at once: a tenth of the switches.

import { dlopen, FFIType, ptr } from "bun:ffi";
import { loadLibc } from "./load-libc.ts";

const batchPolicy = 3;
/** `struct sched_param`: a batch job has no priority. */
const parameters = new Int32Array([0]);

let set: ((pid: number) => boolean) | null | undefined;

/** What the process starts inherits it. False where the system has no such thing; the process then runs as any other. */
export function scheduleAsBatch(pid: number): boolean {
  if (set === undefined) set = loadLibc(bind) ?? null;
  return set?.(pid) ?? false;
}

function bind(library: string): (pid: number) => boolean {
  const { symbols } = dlopen(library, {
    sched_setscheduler: { args: [FFIType.i32, FFIType.i32, FFIType.ptr], returns: FFIType.i32 },
  });
  return (pid) => symbols.sched_setscheduler(pid, batchPolicy, ptr(parameters)) === 0;
}
