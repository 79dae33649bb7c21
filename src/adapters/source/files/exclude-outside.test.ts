import { expect, test } from "bun:test";
import { anchorExcludes } from "./exclude-outside.ts";

const roots = ["/data/shop", "/srv/[x]"];

test("every pattern speaks of the asset paths alone", () => {
  expect(anchorExcludes(["*.tmp"], roots)).toEqual(["/data/shop/**/*.tmp", String.raw`/srv/\[x\]/**/*.tmp`]);
  expect(anchorExcludes(["cache/**", "./logs/*.log"], ["/data/shop"])).toEqual([
    "/data/shop/cache/**",
    "/data/shop/logs/*.log",
  ]);
  expect(anchorExcludes(["/data/shop/x", "/data/*/y", "/var/backups/**", "/data/shopping"], ["/data/shop"])).toEqual([
    "/data/shop/x",
    "/data/*/y",
  ]);
  expect(anchorExcludes(["/data/backups/**"], ["/data"])).toEqual(["/data/backups/**"]);
  expect(anchorExcludes(["*.tmp"], ["/"])).toEqual(["/**/*.tmp"]);
});

test("alternatives, negated sets and directories become what every program knows", () => {
  expect(anchorExcludes(["*.{log,t{m,e}p}"], ["/d"])).toEqual(["/d/**/*.log", "/d/**/*.tmp", "/d/**/*.tep"]);
  expect(anchorExcludes(["[!ab].txt"], ["/d"])).toEqual(["/d/**/[^ab].txt"]);
  expect(anchorExcludes([String.raw`\{a,b}`, "a{b"], ["/d"])).toEqual([String.raw`/d/**/\{a,b}`, "/d/**/a{b"]);
  expect(anchorExcludes(["cache/"], ["/d"])).toEqual(["/d/**/cache/**"]);
  expect(anchorExcludes(["", "/"], ["/d"])).toEqual([]);
});
