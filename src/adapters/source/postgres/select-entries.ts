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
/** Of these, also everything else that belongs to a table must be there. */
const bindingKinds = new Set(["TABLE ATTACH", "INDEX ATTACH", "FK CONSTRAINT", "TRIGGER"]);
const relationKinds = new Set(["TABLE", "FOREIGN TABLE", "VIEW", "MATERIALIZED VIEW"]);
/** Come with what others depend on as they come with the tables themselves. */
const descriptiveKinds = new Set(["SEQUENCE SET", "COMMENT", "ACL", "SECURITY LABEL"]);
/** Left out when they refer to what was not selected, and then named. */
const namedWhenLeftOut = new Map([
  ["FK CONSTRAINT", "foreign key"],
  ["POLICY", "policy"],
  ["RULE", "rule"],
  ["TRIGGER", "trigger"],
]);

/**
 * The tables that match, with partitions, rows, sequences, indexes, constraints and triggers; with
 * `withDependencies` also the schemas, types, functions and extensions that they need, and of other tables that they
 * are defined by the definition. Without it, what they need is taken to be in the target.
 */
export function selectTables(head: ArchiveHead, patterns: readonly string[], withDependencies: boolean): Selection {
  const index = indexEntries(head, withDependencies);
  const selected = findTables(head, patterns);
  selectPartitions(index, selected);
  for (let before = -1; before !== selected.size;) {
    before = selected.size;
    for (const entry of head.entries) {
      if (!selected.has(entry.dumpId) && belongs(entry, index, selected)) selected.add(entry.dumpId);
    }
  }
  const warnings = nameWhatIsLeftOut(head, index, selected);
  if (withDependencies) {
    const asked = new Set(selected);
    // What an index or constraint takes from an extension (an operator class) is in no dependency of the archive.
    for (const entry of head.entries) if (entry.kind === "EXTENSION") selected.add(entry.dumpId);
    for (const id of selected) addDependencies(id, index, selected);
    for (const entry of head.entries) {
      if (descriptiveKinds.has(entry.kind) && describesOnly(entry, index, selected)) selected.add(entry.dumpId);
      if (entry.kind === "TABLE" && selected.has(entry.dumpId) && !asked.has(entry.dumpId)) {
        const name = `${entry.schema}.${entry.name}`;
        warnings.push(`table ${name} was restored without its rows: what was selected is defined by it`);
      }
    }
  }
  return { entries: head.entries.filter((entry) => selected.has(entry.dumpId)), warnings };
}

interface EntryIndex {
  readonly byId: ReadonlyMap<number, TocEntry>;
  /** The tables that each partition is attached to. */
  readonly parents: ReadonlyMap<number, readonly number[]>;
  /** Nothing that is not selected is there either. */
  readonly isAlone: boolean;
}

/** A partition's ATTACH entry has the partition's name and depends on both tables. */
function indexEntries(head: ArchiveHead, isAlone: boolean): EntryIndex {
  const byId = new Map(head.entries.map((entry) => [entry.dumpId, entry]));
  const parents = new Map<number, readonly number[]>();
  for (const entry of head.entries.filter((one) => one.kind === "TABLE ATTACH")) {
    const tables = entry.dependsOn.filter((id) => /^(FOREIGN )?TABLE$/.test(byId.get(id)?.kind ?? ""));
    const child = tables.find((id) => byId.get(id)?.name === entry.name && byId.get(id)?.schema === entry.schema);
    if (child !== undefined)
      parents.set(
        child,
        tables.filter((id) => id !== child),
      );
  }
  return { byId, parents, isAlone };
}

function findTables(head: ArchiveHead, patterns: readonly string[]): Set<number> {
  const selected = new Set<number>();
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
  return selected;
}

function selectPartitions({ parents }: EntryIndex, selected: Set<number>): void {
  for (let before = -1; before !== selected.size;) {
    before = selected.size;
    for (const [child, tables] of parents) if (tables.some((id) => selected.has(id))) selected.add(child);
  }
}

function belongs(entry: TocEntry, { byId, isAlone }: EntryIndex, selected: ReadonlySet<number>): boolean {
  if (!boundKinds.has(entry.kind)) return false;
  const missing = entry.dependsOn.filter((id) => !selected.has(id)).map((id) => byId.get(id)?.kind ?? "");
  if (missing.length === entry.dependsOn.length) return false;
  if (bindingKinds.has(entry.kind) && (isAlone || entry.kind !== "TRIGGER")) {
    return !missing.some((kind) => boundKinds.has(kind) || relationKinds.has(kind));
  }
  return !isAlone || !missing.some((kind) => relationKinds.has(kind));
}

function describesOnly(entry: TocEntry, { byId }: EntryIndex, selected: ReadonlySet<number>): boolean {
  const known = entry.dependsOn.filter((id) => byId.has(id));
  return known.length > 0 && known.every((id) => selected.has(id));
}

function nameWhatIsLeftOut(head: ArchiveHead, { byId, parents }: EntryIndex, selected: ReadonlySet<number>): string[] {
  const warnings: string[] = [];
  for (const entry of head.entries) {
    const kind = namedWhenLeftOut.get(entry.kind);
    if (kind === undefined || selected.has(entry.dumpId)) continue;
    // The name in the archive is `table name`.
    const table = entry.dependsOn.find((id) => {
      const owner = byId.get(id);
      return owner?.kind === "TABLE" && selected.has(id) && entry.name.startsWith(`${owner.name} `);
    });
    // A trigger that a partition has from its table is that table's.
    if (table === undefined || (entry.kind === "TRIGGER" && parents.has(table))) continue;
    warnings.push(`${kind} ${entry.name} was left out: it refers to a table that was not selected`);
  }
  return warnings;
}

function addDependencies(id: number, index: EntryIndex, selected: Set<number>): void {
  const entry = index.byId.get(id);
  if (entry === undefined) return;
  // Only the sequence of an identity column is made by its table, and has no statement that drops it.
  const isFree = entry.kind === "SEQUENCE" && entry.drop.trim() !== "";
  for (const needed of entry.dependsOn) {
    const kind = index.byId.get(needed)?.kind;
    if (kind === undefined || selected.has(needed)) continue;
    // What belongs to a table that was not selected is not needed, nor is the table that a partition is attached to.
    if (boundKinds.has(kind) && kind !== "SEQUENCE") continue;
    if (index.parents.get(id)?.includes(needed) === true || (isFree && relationKinds.has(kind))) continue;
    selected.add(needed);
    addDependencies(needed, index, selected);
  }
}
