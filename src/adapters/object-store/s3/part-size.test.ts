import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { maxObjectBytes, maxParts, MiB, partSize, partsInFlight } from "./part-size.ts";

describe("part sizes", () => {
  const capacity = (expectedBytes?: number): number => {
    let total = 0;
    for (let number = 1; number <= maxParts; number++) total += partSize(number, expectedBytes);
    return total;
  };

  test("ten thousand parts hold the largest object, whatever was expected", () => {
    for (const expected of [0, 1, 8000 * MiB, 9001 * MiB, 50_000 * MiB, maxObjectBytes, maxObjectBytes * 9]) {
      expect(capacity(expected)).toBeGreaterThanOrEqual(maxObjectBytes);
    }
  });

  test("the first 8 GB go in parts of 5 MiB, three on their way", () => {
    let total = 0;
    let number = 1;
    for (; total < 8e9; number++) total += partSize(number);
    expect(partSize(number)).toBe(5 * MiB);
    expect(partsInFlight(partSize(number))).toBe(3);
  });

  test("no part is smaller than the one before, below 5 MiB or beyond 5 GiB", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: maxParts - 1 }),
        fc.integer({ min: 0, max: maxObjectBytes }),
        (number, expected) => {
          const size = partSize(number, expected);
          expect(size).toBeGreaterThanOrEqual(5 * MiB);
          expect(size).toBeLessThanOrEqual(4096 * MiB);
          expect(size % MiB).toBe(0);
          expect(partSize(number + 1, expected)).toBeGreaterThanOrEqual(size);
        },
      ),
    );
  });

  test("a good guess of the length keeps the parts even", () => {
    const expected = 100 * 1024 * MiB;
    let total = 0;
    let number = 1;
    for (; total < expected; number++) total += partSize(number, expected);
    expect(partSize(number, expected)).toBe(13 * MiB);
    expect(number).toBeLessThan(9000);
  });
});
