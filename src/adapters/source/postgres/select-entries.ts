// Which entries of an archive a restore takes: all, or what belongs to a few tables.

import { AppError } from "../../../domain/error.ts";
import type { ArchiveHead, TocEntry } from "./archive-toc.ts";
import { compileTablePattern } from "./table-pattern.ts";

export interface Selection {
  /** In the archive's own order, which is the only one in which a stream can be restored. */
  readonly entries: readonly TocEntry[];
  readonly warnings: readonly string[];
}

/** Come with the tables that they belong to. */
const boundKinds = new Set([
  "TABLE DATA",
  "TABLE ATTACH",
  "INDEX",
  "INDEX ATTACH",
  "CONSTRAINT",
  "CHECK CONSTRAINT",
  "FK CONSTRAINT",
  "TRIGGER",
  "RULE",
  "POLICY",
  "ROW SECURITY",
  "DEFAULT",
  "SEQUENCE",
  "SEQUENCE OWNED BY",
  "SEQUENCE SET",
  "STATISTICS",
  "STATISTICS DATA",
  "COMMENT",
  "ACL",
  "SECURITY LABEL",
]);
/** Of these, every relation that is named must be there. */
const bindingKinds = new Set(["TABLE ATTACH", "INDEX ATTACH", "FK CONSTRAINT"]);
/** Are not pulled in by what depends on them. */
const relationKinds = new Set(["TABLE", "FOREIGN TABLE", "VIEW", "MATERIALIZED VIEW", "TABLE DATA"]);

/**
 * The tables that match, with partitions, rows, sequences, indexes, constraints and triggers; with
 * `withDependencies` also the schemas, types, functions and extensions that they need.
 */
export function selectTables(head: ArchiveHead, patterns: readonly string[], withDependencies: boolean): Selection {
  const byId = new Map(head.entries.map((entry) => [entry.dumpId, entry]));
  const selected = new Set<number>();
  const warnings: string[] = [];
  for (const pattern of patterns) {
    const matches = compileTablePattern(pattern);
    const found = head.entries.filter(
      (entry) =>
        (entry.kind === "TABLE" || entry.kind === "FOREIGN TABLE" || entry.kind === "TABLE DATA") &&
        matches({ schema: entry.schema ?? "", table: entry.name }),
    );
    if (found.length === 0) {
      throw new AppError("restore_failed", `the backup holds no table that matches ${JSON.stringify(pattern)}`, {
        hint: 'write schema.table as it is spelled in the database, or "quoted" when a name holds a dot',
      });
    }
    for (const entry of found) selected.add(entry.dumpId);
  }
  selectPartitions(head, byId, selected);
  for (let before = -1; before !== selected.size;) {
    before = selected.size;
    for (const entry of head.entries) {
      if (!selected.has(entry.dumpId) && belongs(entry, byId, selected)) selected.add(entry.dumpId);
    }
  }
  for (const entry of head.entries) {
    const partly = entry.dependsOn.some((id) => selected.has(id)) && !selected.has(entry.dumpId);
    if (entry.kind === "FK CONSTRAINT" && partly && isOwnTable(entry, byId, selected)) {
      warnings.push(`foreign key ${entry.name} was left out: it refers to a table that was not selected`);
    }
  }
  if (withDependencies) {
    // What an index or constraint takes from an extension (an operator class) is in no dependency of the archive.
    for (const entry of head.entries) if (entry.kind === "EXTENSION") selected.add(entry.dumpId);
    for (const id of selected) addDependencies(byId.get(id), byId, selected);
  }
  return { entries: head.entries.filter((entry) => selected.has(entry.dumpId)), warnings };
}

/** A partition's ATTACH entry has the partition's name and depends on both tables. */
function selectPartitions(head: ArchiveHead, byId: ReadonlyMap<number, TocEntry>, selected: Set<number>): void {
  const attached = head.entries.filter((entry) => entry.kind === "TABLE ATTACH");
  for (let before = -1; before !== selected.size;) {
    before = selected.size;
    for (const entry of attached) {
      const tables = entry.dependsOn.filter((id) => byId.get(id)?.kind === "TABLE");
      const child = tables.find((id) => byId.get(id)?.name === entry.name && byId.get(id)?.schema === entry.schema);
      const hasParent = tables.some((id) => id !== child && selected.has(id));
      if (child !== undefined && hasParent) selected.add(child);
    }
  }
}

function belongs(entry: TocEntry, byId: ReadonlyMap<number, TocEntry>, selected: ReadonlySet<number>): boolean {
  if (!boundKinds.has(entry.kind)) return false;
  if (bindingKinds.has(entry.kind)) {
    return (
      entry.dependsOn.length > 0 &&
      entry.dependsOn.every((id) => selected.has(id) || !byId.has(id) || !isBound(byId.get(id)!))
    );
  }
  return entry.dependsOn.some((id) => selected.has(id));
}

function isBound(entry: TocEntry): boolean {
  return boundKinds.has(entry.kind) || relationKinds.has(entry.kind);
}

/** A constraint's name in the archive is `table constraint`. */
function isOwnTable(entry: TocEntry, byId: ReadonlyMap<number, TocEntry>, selected: ReadonlySet<number>): boolean {
  return entry.dependsOn.some((id) => {
    const table = byId.get(id);
    return table?.kind === "TABLE" && selected.has(id) && entry.name.startsWith(`${table.name} `);
  });
}

function addDependencies(
  entry: TocEntry | undefined,
  byId: ReadonlyMap<number, TocEntry>,
  selected: Set<number>,
): void {
  for (const id of entry?.dependsOn ?? []) {
    const needed = byId.get(id);
    if (needed === undefined || selected.has(id) || relationKinds.has(needed.kind)) continue;
    selected.add(id);
    addDependencies(needed, byId, selected);
  }
}
