// CRC-64 (ECMA-182, reflected) as mongodump seals each collection with, eight bytes at a time in two 32-bit halves:
// without 64-bit integers a document stream must still be checked faster than it is written.

const polynomialHigh = 0xc96c5795;
const polynomialLow = 0xd7870f42;

/** Table k advances a byte by k more bytes. */
const high = new Uint32Array(8 * 256);
const low = new Uint32Array(8 * 256);

for (let byte = 0; byte < 256; byte++) {
  let [h, l] = [0, byte];
  for (let bit = 0; bit < 8; bit++) {
    const carry = l & 1;
    l = ((l >>> 1) | (h << 31)) >>> 0;
    h >>>= 1;
    if (carry === 1) {
      h ^= polynomialHigh;
      l ^= polynomialLow;
    }
  }
  high[byte] = h;
  low[byte] = l;
}
for (let i = 256; i < 8 * 256; i++) {
  const [h, l] = [high[i - 256]!, low[i - 256]!];
  high[i] = (h >>> 8) ^ high[l & 255]!;
  low[i] = ((l >>> 8) | (h << 24)) ^ low[l & 255]!;
}

export interface Crc64 {
  update(bytes: Uint8Array, from: number, to: number): void;
  value(): bigint;
}

export function createCrc64(): Crc64 {
  let h = 0xffffffff;
  let l = 0xffffffff;
  return {
    update(bytes, from, to) {
      let at = from;
      for (const fastEnd = to - 7; at < fastEnd; at += 8) {
        l ^= bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
        h ^= bytes[at + 4]! | (bytes[at + 5]! << 8) | (bytes[at + 6]! << 16) | (bytes[at + 7]! << 24);
        const i7 = 1792 + (l & 255);
        const i6 = 1536 + ((l >>> 8) & 255);
        const i5 = 1280 + ((l >>> 16) & 255);
        const i4 = 1024 + (l >>> 24);
        const i3 = 768 + (h & 255);
        const i2 = 512 + ((h >>> 8) & 255);
        const i1 = 256 + ((h >>> 16) & 255);
        const i0 = h >>> 24;
        h = high[i7]! ^ high[i6]! ^ high[i5]! ^ high[i4]! ^ high[i3]! ^ high[i2]! ^ high[i1]! ^ high[i0]!;
        l = low[i7]! ^ low[i6]! ^ low[i5]! ^ low[i4]! ^ low[i3]! ^ low[i2]! ^ low[i1]! ^ low[i0]!;
      }
      for (; at < to; at++) {
        const index = (l ^ bytes[at]!) & 255;
        l = ((l >>> 8) | (h << 24)) ^ low[index]!;
        h = (h >>> 8) ^ high[index]!;
      }
    },
    value: () => (BigInt(~h >>> 0) << 32n) | BigInt(~l >>> 0),
  };
}
