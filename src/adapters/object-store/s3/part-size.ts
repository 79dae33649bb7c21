// How large each part of an upload is. An object has at most 10,000 parts and 5 TiB, and a stream's length is not known:
// the first 1,800 parts (8.8 GiB) have the smallest size that S3 allows, then each is a little larger than the one
// before, so that every length fits and memory stays small for all but the largest. A good guess of the length keeps
// the parts even.

export const MiB = 1024 * 1024;
export const maxParts = 10_000;
export const maxObjectBytes = 5 * 1024 * 1024 * MiB;

const smallestBytes = 5 * MiB;
/** Below what the runtime can hold in one buffer, and below S3's 5 GiB. */
const largestBytes = 4000 * MiB;

/** `evenParts` of one size, then each larger by `growth`. */
const unknownLength = { evenParts: 1_800, growth: 1.00085 };
const expectedLength = { evenParts: 8_000, growth: 1.01 };

/** Size of part `number` (from 1) in bytes, a multiple of 1 MiB. */
export function partSize(number: number, expectedBytes = 0): number {
  const isLong = expectedBytes > unknownLength.evenParts * smallestBytes;
  const { evenParts, growth } = isLong ? expectedLength : unknownLength;
  const even = Math.max(smallestBytes, Math.min(expectedBytes, maxObjectBytes) / expectedLength.evenParts);
  const grown = even * growth ** Math.max(0, number - evenParts);
  return Math.min(largestBytes, Math.ceil(grown / MiB) * MiB);
}

/** How many parts may be on their way: together with the one that fills, some 20 MiB while parts are small. */
export function partsInFlight(sizeBytes: number): number {
  if (sizeBytes <= 6 * MiB) return 3;
  return sizeBytes <= 16 * MiB ? 2 : 1;
}
