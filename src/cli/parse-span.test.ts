import { expect, test } from "bun:test";
import { parseSpan } from "./parse-span.ts";

test("spans are read with their units", () => {
  expect(["0", "45m", "1h30m", "90s", "1.5h", "250ms"].map((text) => parseSpan(text, "--x"))).toEqual([
    0, 2_700_000, 5_400_000, 90_000, 5_400_000, 250,
  ]);
  expect(parseSpan(undefined, "--x")).toBeUndefined();
});

test("what is no span is refused with an example", () => {
  for (const text of ["", "45", "-5m", "5 m", "m", "1d", "5m!", "99999h", "1e9h"]) {
    expect(() => parseSpan(text, "--run-timeout")).toThrow("--run-timeout takes a span of time");
  }
});
