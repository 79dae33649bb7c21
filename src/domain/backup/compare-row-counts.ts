// Compares the rows of a restored database with those that were counted for the dump.

import type { TableCount } from "./manifest.ts";

/** One line for every table that differs, sorted by name; empty when both sides hold the same tables and rows. */
export function compareRowCounts(expected: readonly TableCount[], actual: readonly TableCount[]): readonly string[] {
  const expectedByName = byName(expected);
  const actualByName = byName(actual);
  const names = [...new Set([...expectedByName.keys(), ...actualByName.keys()])].toSorted();
  return names.flatMap((name) => describeDifference(expectedByName.get(name), actualByName.get(name)) ?? []);
}

function byName(counts: readonly TableCount[]): Map<string, TableCount> {
  // No name can hold a NUL.
  return new Map(counts.map((count) => [`${count.schema}\0${count.table}`, count]));
}

function describeDifference(expected: TableCount | undefined, actual: TableCount | undefined): string | undefined {
  if (expected === undefined) return `${nameOf(actual!)} was not in the dump (${actual!.rows} rows)`;
  if (actual === undefined) return `${nameOf(expected)} is missing (${expected.rows} rows expected)`;
  if (expected.rows === actual.rows) return undefined;
  return `${nameOf(expected)} has ${actual.rows} rows instead of ${expected.rows}`;
}

function nameOf({ schema, table }: TableCount): string {
  return schema === "" ? table : `${schema}.${table}`;
}
