// How large each part of an upload is. An object has at most 10,000 parts and 5 TiB, and a stream's length is not known:
// the first thousand parts (8 GiB) have one size, then each is a little larger than the one before, so that every
// length fits and memory stays small for all but the largest. A good guess of the length keeps the parts even.

export const MiB = 1024 * 1024;
export const maxParts = 10_000;
export const maxObjectBytes = 5 * 1024 * 1024 * MiB;

const smallestBytes = 8 * MiB;
const evenParts = 1_000;
const growth = 1.00068;
/** Below what the runtime can hold in one buffer, and below S3's 5 GiB. */
const largestBytes = 4000 * MiB;

/** Size of part `number` (from 1) in bytes, a multiple of 1 MiB. */
export function partSize(number: number, expectedBytes = 0): number {
  const even = Math.max(smallestBytes, Math.min(expectedBytes, maxObjectBytes) / (maxParts * 0.8));
  const grown = even * growth ** Math.max(0, number - evenParts);
  return Math.min(largestBytes, Math.ceil(grown / MiB) * MiB);
}

/** How many parts may be on their way: two while they are small, one when a part alone is a lot of memory. */
export function partsInFlight(sizeBytes: number): number {
  return sizeBytes <= 16 * MiB ? 2 : 1;
}
