import { expect, test } from "bun:test";
import { compileExcludes } from "./exclude.ts";

const root = "/data/shop";

function isExcluded(pattern: string, path: string, isDirectory = false): boolean {
  return compileExcludes([pattern])(`${root}/${path}`, root, isDirectory);
}

test("a pattern without a slash is compared with every name", () => {
  expect(isExcluded("*.tmp", "a.tmp")).toBe(true);
  expect(isExcluded("*.tmp", "deep/down/a.tmp")).toBe(true);
  expect(isExcluded("*.tmp", ".tmp")).toBe(true);
  expect(isExcluded("*.tmp", "a.tmp.txt")).toBe(false);
  expect(isExcluded("cache", "x/cache", true)).toBe(true);
  expect(isExcluded("cache", "x/cached", true)).toBe(false);
  expect(isExcluded("file?", "file1")).toBe(true);
  expect(isExcluded("file?", "fileü".replace("ü", "\u00c3\u00bc"))).toBe(true);
  expect(isExcluded("file?", "file")).toBe(false);
});

test("a pattern with a slash is compared with the path below the asset path", () => {
  expect(isExcluded("cache/**", "cache/a")).toBe(true);
  expect(isExcluded("cache/**", "cache/a/b")).toBe(true);
  expect(isExcluded("cache/**", "cache", true)).toBe(false);
  expect(isExcluded("cache/**", "x/cache/a")).toBe(false);
  expect(isExcluded("**/cache/**", "x/y/cache/a")).toBe(true);
  expect(isExcluded("**/cache/**", "cache/a")).toBe(true);
  expect(isExcluded("./logs/*.log", "logs/a.log")).toBe(true);
  expect(isExcluded("logs/*.log", "logs/old/a.log")).toBe(false);
  expect(isExcluded("a/**/z", "a/z")).toBe(true);
  expect(isExcluded("a/**/z", "a/b/c/z")).toBe(true);
});

test("a pattern with a slash in front is an absolute path", () => {
  expect(isExcluded("/data/shop/cache", "cache", true)).toBe(true);
  expect(isExcluded("/data/*/cache", "cache", true)).toBe(true);
  expect(isExcluded("/cache", "cache", true)).toBe(false);
});

test("a slash at the end means directories only", () => {
  expect(isExcluded("cache/", "x/cache", true)).toBe(true);
  expect(isExcluded("cache/", "x/cache", false)).toBe(false);
});

test("sets, alternatives and escapes", () => {
  expect(isExcluded("[ab].txt", "a.txt")).toBe(true);
  expect(isExcluded("[a-c].txt", "b.txt")).toBe(true);
  expect(isExcluded("[!ab].txt", "c.txt")).toBe(true);
  expect(isExcluded("[!ab].txt", "a.txt")).toBe(false);
  expect(isExcluded("*.{log,tmp}", "a.log")).toBe(true);
  expect(isExcluded("*.{log,tmp}", "a.txt")).toBe(false);
  expect(isExcluded("\\*.txt", "*.txt")).toBe(true);
  expect(isExcluded("\\*.txt", "a.txt")).toBe(false);
  expect(isExcluded("a[b", "a[b")).toBe(true);
  expect(isExcluded("a{b", "a{b")).toBe(true);
  expect(isExcluded("(a+b)^$|.", "(a+b)^$|.")).toBe(true);
  expect(isExcluded("[z-a]", "[z-a]")).toBe(true);
});

test("an asset path itself is never excluded, and no pattern excludes nothing", () => {
  expect(compileExcludes(["shop", "/data/shop", "*"])(root, root, true)).toBe(false);
  expect(compileExcludes([])(`${root}/a`, root, false)).toBe(false);
  expect(compileExcludes(["", "/"])(`${root}/a`, root, false)).toBe(false);
});
