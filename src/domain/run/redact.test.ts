import { expect, test } from "bun:test";
import { redact, redactEvent } from "./redact.ts";

test("a secret is masked wherever it stands, also as part of a URL", () => {
  expect(redact("user:p@ss/word! at postgres://u:p%40ss%2Fword!@h", ["p@ss/word!"])).toBe(
    "user:******** at postgres://u:********@h",
  );
});

test("the longer secret is masked first", () => {
  expect(redact("abcdefgh", ["abcd", "abcdefgh"])).toBe("********");
});

test("very short values do not tear texts apart", () => {
  expect(redact("a cat sat", ["a", "at"])).toBe("a cat sat");
});

test("events lose secrets in log lines, errors, warnings and nested results", () => {
  const event = redactEvent(
    { type: "log", runId: "r", line: { at: 0, level: "info", message: "key canary", stage: null } },
    ["canary"],
  );
  expect(JSON.stringify(event)).not.toContain("canary");
});
