import { expect, test } from "bun:test";
import fc from "fast-check";
import { compareRowCounts } from "./compare-row-counts.ts";

const orders = { schema: "public", table: "orders", rows: 12 };
const items = { schema: "", table: "items", rows: 0 };

test("the same tables and rows in any order do not differ", () => {
  expect(compareRowCounts([orders, items], [items, orders])).toEqual([]);
  expect(compareRowCounts([], [])).toEqual([]);
});

test("other rows, missing and additional tables are each named, sorted", () => {
  const more = { schema: "z", table: "more", rows: 3 };
  expect(compareRowCounts([orders, items], [{ ...orders, rows: 11 }, more])).toEqual([
    "items is missing (0 rows expected)",
    "public.orders has 11 rows instead of 12",
    "z.more was not in the dump (3 rows)",
  ]);
});

test("a table is known by schema and name together", () => {
  expect(
    compareRowCounts([{ schema: "a.b", table: "c", rows: 1 }], [{ schema: "a", table: "b.c", rows: 1 }]).length,
  ).toBe(2);
  expect(compareRowCounts([orders], [{ ...orders, schema: "other" }]).length).toBe(2);
});

test("tables of one pool are compared by their sum, others by themselves", () => {
  const pool = { schema: "public", table: "parts" };
  const part = (name: string, rows: number) => ({ schema: "public", table: name, rows });
  const before = [part("part_0", 5), part("part_1", 7), orders];
  const moved = [{ ...part("part_0", 8), pool }, { ...part("part_1", 4), pool }, orders];
  expect(compareRowCounts(before, moved)).toEqual([]);
  const short = [
    { ...part("part_0", 8), pool },
    { ...part("part_1", 3), pool },
    { ...orders, rows: 11 },
  ];
  expect(compareRowCounts(before, short)).toEqual([
    "public.orders has 11 rows instead of 12",
    "public.parts has 11 rows instead of 12",
  ]);
  const foreign = [...moved, { ...part("part_2", 0), pool }];
  expect(compareRowCounts(before, foreign)).toEqual(["public.part_2 was not in the dump (0 rows)"]);
});

test("a difference is seen from both sides", () => {
  const counts = fc.uniqueArray(
    fc.record({ schema: fc.constantFrom("", "a"), table: fc.string({ maxLength: 2 }), rows: fc.nat(3) }),
    {
      selector: ({ schema, table }) => `${schema}\0${table}`,
    },
  );
  fc.assert(
    fc.property(counts, counts, (a, b) => {
      expect(compareRowCounts(a, b).length).toBe(compareRowCounts(b, a).length);
      expect(compareRowCounts(a, a)).toEqual([]);
    }),
  );
});
