import { expect, test } from "bun:test";
import { getByIdPrefix } from "./find-by-id-prefix.ts";

const items = ["abcd1234", "abce5678", "abcd", "zzzz9999"].map((id) => ({ id }));

test("a whole id or a unique beginning finds its backup", () => {
  expect(getByIdPrefix(items, "abce").id).toBe("abce5678");
  expect(getByIdPrefix(items, "z").id).toBe("zzzz9999");
  expect(getByIdPrefix(items, "ZZZZ9999").id).toBe("zzzz9999");
});

test("a whole id wins over longer ones that begin with it", () => {
  expect(getByIdPrefix(items, "abcd").id).toBe("abcd");
  expect(getByIdPrefix(items, "abcd1").id).toBe("abcd1234");
});

test("the same backup on several storages is one backup", () => {
  expect(getByIdPrefix([...items, { id: "zzzz9999" }], "zz").id).toBe("zzzz9999");
});

test("an ambiguous beginning names the candidates", () => {
  expect(() => getByIdPrefix(items, "abc")).toThrow('"abc" fits 3 backups: abcd1234, abce5678, abcd');
});

test("nothing is found by an unknown or empty beginning", () => {
  for (const wanted of ["x", "", "bcd"]) {
    expect(() => getByIdPrefix(items, wanted)).toThrow(expect.objectContaining({ code: "backup_not_found" }));
  }
});
