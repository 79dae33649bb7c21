// Compares the rows of a restored database with those that were counted for the dump.

import type { TableCount } from "./manifest.ts";

export interface RestoredCount extends TableCount {
  /** Its rows may lie in any table of the same pool after a restore, so that only the pool's sum tells something. */
  readonly pool?: { readonly schema: string; readonly table: string };
}

/** One line for every table that differs, sorted by name; empty when both sides hold the same tables and rows. */
export function compareRowCounts(expected: readonly TableCount[], actual: readonly RestoredCount[]): readonly string[] {
  const expectedByName = byName(expected);
  const actualByName = byName(actual);
  const names = [...new Set([...expectedByName.keys(), ...actualByName.keys()])].toSorted();
  const pooled: Pooled[] = [];
  const tables = names.flatMap((name) => {
    const [before, after] = [expectedByName.get(name), actualByName.get(name)];
    if (before === undefined || after?.pool === undefined) return describeDifference(before, after) ?? [];
    pooled.push({ pool: after.pool, before: before.rows, after: after.rows });
    return [];
  });
  return [...tables, ...comparePools(pooled)];
}

interface Pooled {
  readonly pool: { readonly schema: string; readonly table: string };
  readonly before: number;
  readonly after: number;
}

function comparePools(pooled: readonly Pooled[]): readonly string[] {
  const byPool = Map.groupBy(pooled, ({ pool }) => keyOf(pool));
  return [...byPool.values()].flatMap((members) => {
    const sum = (side: "before" | "after"): TableCount => ({
      ...members[0]!.pool,
      rows: members.reduce((total, member) => total + member[side], 0),
    });
    return describeDifference(sum("before"), sum("after")) ?? [];
  });
}

function byName<Count extends TableCount>(counts: readonly Count[]): Map<string, Count> {
  return new Map(counts.map((count) => [keyOf(count), count]));
}

// No name can hold a NUL.
function keyOf({ schema, table }: { readonly schema: string; readonly table: string }): string {
  return `${schema}\0${table}`;
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
