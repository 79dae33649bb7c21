// Buffers are freed late by the runtime. A collection frees them, but costs as much time as compressing a few megabytes,
// so that it runs only when there is something to gain.

const thresholdBytes = 128 * 1024 * 1024;
const growthBytes = 8 * 1024 * 1024;

/** The least resident memory since the last collection began: what is in use, or will not be given back. */
let floorBytes = 0;

function hasGrownTo(residentBytes: number): boolean {
  // What was in use then, as for stretching a password, may have been given back since.
  floorBytes = Math.min(floorBytes, residentBytes);
  return residentBytes >= Math.max(thresholdBytes, floorBytes + growthBytes);
}

/** Collects beside the work: a dump's large blocks are freed by hand, and what is left over can wait. */
export function relieveMemory(): void {
  const residentBytes = process.memoryUsage.rss();
  if (!hasGrownTo(residentBytes)) return;
  floorBytes = residentBytes;
  Bun.gc(false);
}

/** Collects at once: what a restore or a check reads would grow faster than a collection beside it gets on. */
export function relieveMemoryNow(): void {
  if (!hasGrownTo(process.memoryUsage.rss())) return;
  Bun.gc(true);
  floorBytes = process.memoryUsage.rss();
}
