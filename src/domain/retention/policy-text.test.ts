import { expect, test } from "bun:test";
import fc from "fast-check";
import { describePolicy, formatKeepRules, parseKeepRules, standardPolicy } from "./policy-text.ts";

test("the standard policy is written 24h/7d/4w/12m", () => {
  expect(formatKeepRules(standardPolicy)).toBe("24h/7d/4w/12m");
  expect(parseKeepRules("24h/7d/4w/12m")).toEqual(standardPolicy);
  expect(parseKeepRules(" 12M / 3l/2y")).toEqual({ keepMonthly: 12, keepLast: 3, keepYearly: 2 });
});

test("what is written is read back", () => {
  const number = fc.integer({ min: 1, max: 999_999 });
  const keys = ["keepLast", "keepHourly", "keepDaily", "keepWeekly", "keepMonthly", "keepYearly"];
  const policies = fc.record(Object.fromEntries(keys.map((key) => [key, number])), { requiredKeys: [] });
  fc.assert(
    fc.property(policies, (policy) => {
      fc.pre(Object.keys(policy).length > 0);
      expect<unknown>(parseKeepRules(formatKeepRules(policy))).toEqual({ ...policy });
    }),
  );
});

test("what is no policy is refused", () => {
  for (const text of ["", "7", "d", "7x", "7d/", "-1d", "7d/8d", "0d", "1.5d", "7d 4w"]) {
    expect(() => parseKeepRules(text)).toThrow(expect.objectContaining({ code: "config_invalid" }));
  }
});

test("a policy is described in one line", () => {
  expect(describePolicy(null)).toBe("nothing is deleted");
  expect(describePolicy({ keepDaily: 0 })).toBe("nothing is deleted");
  expect(describePolicy({ keepLast: 3, keepDaily: 7, maxAgeDays: 365 })).toBe("3l/7d, at most 365 days");
  expect(describePolicy({ maxTotalSizeBytes: 500e9, localDays: 7 })).toBe(
    "at most 500 GB together, at most 7 days in the base directory",
  );
  expect(describePolicy({ maxTotalSizeBytes: 1.5e12 })).toBe("at most 1.5 TB together");
  expect(describePolicy({ maxTotalSizeBytes: 123 })).toBe("at most 123 bytes together");
  expect(describePolicy({ maxTotalSizeBytes: 1024 ** 3 })).toBe("at most 1073741824 bytes together");
});
