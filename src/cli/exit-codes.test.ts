import { expect, test } from "bun:test";
import { exitCodeOf, exitCodeOfRuns } from "./exit-codes.ts";

test("the fixed codes: lock 2, configuration 3, connectivity 4, partial 5, cancelled 130", () => {
  expect(exitCodeOf("lock_held")).toBe(2);
  expect(exitCodeOf("config_invalid")).toBe(3);
  expect(exitCodeOf("source_unreachable")).toBe(4);
  expect(exitCodeOf("storage_auth_failed")).toBe(4);
  expect(exitCodeOf("partial")).toBe(5);
  expect(exitCodeOf("cancelled")).toBe(130);
  expect(exitCodeOf("internal")).toBe(1);
});

test("of several projects: all good 0, some bad 5, all bad the first one's code", () => {
  expect(exitCodeOfRuns([0, 0])).toBe(0);
  expect(exitCodeOfRuns([0, 4])).toBe(5);
  expect(exitCodeOfRuns([4, 1])).toBe(4);
  expect(exitCodeOfRuns([5])).toBe(5);
  expect(exitCodeOfRuns([0, 130])).toBe(130);
});
