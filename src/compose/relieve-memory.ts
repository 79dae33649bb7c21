// Buffers are freed late by the runtime. A full collection frees them, but costs as much time as compressing a few
// megabytes, so that it runs only when there is something to gain.

const thresholdBytes = 128 * 1024 * 1024;
const growthBytes = 8 * 1024 * 1024;

/** Resident memory after the last collection: what is in use, or will not be given back. */
let floorBytes = 0;

export function relieveMemory(): void {
  const residentBytes = process.memoryUsage.rss();
  // What was in use then, as for stretching a password, may have been given back since.
  floorBytes = Math.min(floorBytes, residentBytes);
  if (residentBytes < Math.max(thresholdBytes, floorBytes + growthBytes)) return;
  Bun.gc(true);
  floorBytes = process.memoryUsage.rss();
}
