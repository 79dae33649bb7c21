// Keeps a process that idles most of the time small: the runtime collects by how much memory the machine has, not by how
// much is needed.

const enoughBytes = 100 * 1024 * 1024;
/** A full collection takes tens of milliseconds. */
const pauseMs = 5_000;
let collectedAtMs = Number.NEGATIVE_INFINITY;

export function giveBackMemory(): void {
  if (performance.now() - collectedAtMs < pauseMs || process.memoryUsage.rss() < enoughBytes) return;
  collectedAtMs = performance.now();
  Bun.gc(true);
}
