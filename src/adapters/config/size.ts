// Sizes as people write them: 500GB, 1.5 TiB, 10m, or a plain number of bytes.

const factors: Readonly<Record<string, number>> = { "": 1, k: 1e3, m: 1e6, g: 1e9, t: 1e12, p: 1e15 };
const binary: Readonly<Record<string, number>> = { ki: 2 ** 10, mi: 2 ** 20, gi: 2 ** 30, ti: 2 ** 40, pi: 2 ** 50 };

/** Bytes; undefined when the text is not a size. KB, MB, GB … are powers of 1000, KiB, MiB, GiB … of 1024. */
export function parseSize(text: string | number): number | undefined {
  const match = /^(\d+(?:\.\d+)?)\s*([kmgtp]?i?)b?$/i.exec(String(text).trim());
  if (match === null) return undefined;
  const unit = match[2]!.toLowerCase();
  const factor = factors[unit] ?? binary[unit];
  if (factor === undefined) return undefined;
  const bytes = Math.round(Number(match[1]) * factor);
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}
