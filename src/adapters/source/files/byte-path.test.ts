import { expect, test } from "bun:test";
import { isWithin, showPath, toBytePath, toFsPath, toMemberName } from "./byte-path.ts";

test("text goes to bytes and back, and is shown as it was", () => {
  const text = "/data/ünïcödé 😀";
  const bytes = toBytePath(text);
  expect(bytes.length).toBe(Buffer.byteLength(text));
  expect(Buffer.from(toFsPath(bytes) as Buffer).toString()).toBe(text);
  expect(showPath(bytes)).toBe(text);
  expect(toFsPath("/plain")).toBe("/plain");
});

test("a name cannot fake a line or a colour when it is shown", () => {
  expect(showPath("a\nb\x1b[31m\r")).toBe("a\\nb\\x1b[31m\\x0d");
});

test("within means itself or below, not a longer name", () => {
  expect(isWithin("/a/b", "/a")).toBe(true);
  expect(isWithin("/a", "/a")).toBe(true);
  expect(isWithin("/ab", "/a")).toBe(false);
  expect(isWithin("/ab", "/")).toBe(true);
});

test("members have no leading slash", () => {
  expect(toMemberName("/data/x")).toBe("data/x");
  expect(toMemberName("/")).toBe(".");
});
