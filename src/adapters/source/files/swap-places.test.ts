import { afterEach, beforeEach, expect, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AppError } from "../../../domain/error.ts";
import { findLibc, type Libc } from "./libc.ts";
import { closePlace, openPlace, swapPlaces, type Place } from "./swap-places.ts";

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "swap-places-"));
});
afterEach(() => rmSync(root, { recursive: true }));

function stage(name: string): Place {
  const path = join(root, name);
  mkdirSync(path);
  writeFileSync(join(path, "content"), "old");
  const place = openPlace(name, path);
  mkdirSync(place.staged);
  writeFileSync(join(place.staged, "content"), "new");
  return place;
}

const contentOf = (name: string): string => readFileSync(join(root, name, "content"), "utf8");
const quiet: Omit<Libc, "exchange"> = {
  seek: () => "unknown",
  setTimes: () => false,
  makeFifo: () => false,
  makeDevice: () => false,
  syncAll() {},
};

for (const [how, libc] of [
  ["in one step each", findLibc()],
  ["by two renames each", { ...quiet, exchange: () => false }],
] as const) {
  test(`places are swapped ${how}`, () => {
    const places = [stage("a"), stage("b")];
    swapPlaces(places, libc);
    expect([contentOf("a"), contentOf("b")]).toEqual(["new", "new"]);
    for (const place of places) closePlace(place);
    expect(readdirSync(root).toSorted()).toEqual(["a", "b"]);
  });

  test(`when one fails the others go back, ${how}`, () => {
    const places = [stage("a"), stage("b"), stage("c")];
    rmSync(places[2]!.staged, { recursive: true });
    expect(() => swapPlaces(places, libc)).toThrow(AppError);
    expect([contentOf("a"), contentOf("b"), contentOf("c")]).toEqual(["old", "old", "old"]);
  });
}

test("when going back fails too, the error says where the old content is and that it has to be kept", () => {
  const places = [stage("a"), stage("b")];
  const moved = join(root, "moved");
  const libc: Libc = {
    ...quiet,
    exchange(_from, to) {
      // Another process takes the restored path away, just before the second place fails.
      if (!to.endsWith("/b")) return false;
      renameSync(join(root, "a"), moved);
      rmSync(places[1]!.staged, { recursive: true });
      return false;
    },
  };
  let error: unknown;
  try {
    swapPlaces(places, libc);
  } catch (caught) {
    error = caught;
  }
  expect((error as AppError).details).toEqual({ kept: true });
  expect((error as AppError).hint).toContain("by hand");
  expect(readFileSync(join(places[0]!.workDir, "old/content"), "utf8")).toBe("old");
  expect(contentOf("b")).toBe("old");
});

test("a place that was only prepared goes without a trace, with the parents made for it", () => {
  const place = openPlace("x", join(root, "deep/down/x"));
  expect(existsSync(join(root, "deep/down"))).toBe(true);
  closePlace(place);
  expect(readdirSync(root)).toEqual([]);
});
