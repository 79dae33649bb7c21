import { expect, test } from "bun:test";
import fc from "fast-check";
import { quoteIdentifier } from "./identifier.ts";
import { compileTablePattern } from "./table-pattern.ts";

const matches = (pattern: string, schema: string, table: string): boolean =>
  compileTablePattern(pattern)({ schema, table });

test("a bare name matches in every schema, a qualified one in its own", () => {
  expect(matches("orders", "public", "orders")).toBe(true);
  expect(matches("orders", "shop", "orders")).toBe(true);
  expect(matches("shop.orders", "public", "orders")).toBe(false);
  expect(matches("shop.orders", "shop", "orders")).toBe(true);
});

test("case and every character but * and ? are literal", () => {
  expect(matches("Orders", "public", "orders")).toBe(false);
  expect(matches("a|b", "public", "a")).toBe(false);
  expect(matches("a+(b)[c]{d}$^\\", "public", "a+(b)[c]{d}$^\\")).toBe(true);
  expect(matches("--drop 'x' $(y) `z`", "public", "--drop 'x' $(y) `z`")).toBe(true);
  expect(matches("log_?", "public", "log_💥")).toBe(true);
  expect(matches("log_*", "public", "log_\n1")).toBe(true);
  expect(matches("log_*", "public", "xlog_1")).toBe(false);
});

test("quotes make dots, stars and quotes literal", () => {
  expect(matches('"a.b"', "public", "a.b")).toBe(true);
  expect(matches('"a.b"."c*"', "a.b", "c*")).toBe(true);
  expect(matches('"a.b"."c*"', "a.b", "cd")).toBe(false);
  expect(matches('"we""ird"', "public", 'we"ird')).toBe(true);
  expect(matches('we"ird', "public", 'we"ird')).toBe(true);
});

test("every quoted name matches itself, and nothing longer", () => {
  fc.assert(
    fc.property(
      fc.string({ minLength: 1, unit: "binary" }),
      fc.string({ minLength: 1, unit: "binary" }),
      (schema, table) => {
        const pattern = `${quoteIdentifier(schema)}.${quoteIdentifier(table)}`;
        expect(matches(pattern, schema, table)).toBe(true);
        expect(matches(pattern, schema, `${table}x`)).toBe(false);
      },
    ),
  );
});
