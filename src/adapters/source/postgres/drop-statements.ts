// What mode clean drops before it creates: `pg_restore --clean` also drops the parts of tables one by one, and stops at
// the first that a partition has inherited.

import type { TocEntry } from "./archive-toc.ts";
import { quoteIdentifier, quoteLiteral } from "./identifier.ts";

/** Go with the table, type or view that they belong to. */
const droppedWithOwner = new Set([
  "CHECK CONSTRAINT",
  "CONSTRAINT",
  "DEFAULT",
  "INDEX",
  "INDEX ATTACH",
  "POLICY",
  "ROW SECURITY",
  "SEQUENCE OWNED BY",
  "STATISTICS",
  "TABLE ATTACH",
  "TRIGGER",
]);
/** Others may use them too, and creating them again does no harm or is left out. */
const kept = new Set(["DATABASE", "DATABASE PROPERTIES", "EXTENSION", "SCHEMA"]);

/** In the order in which nothing is dropped before what depends on it. */
export function planDrops(entries: readonly TocEntry[]): readonly string[] {
  const tables = new Set(entries.filter((entry) => entry.kind === "TABLE").map((entry) => entry.dumpId));
  const isOwnedSequence = (entry: TocEntry): boolean =>
    entry.kind === "SEQUENCE" && entry.dependsOn.some((id) => tables.has(id));
  return entries
    .toReversed()
    .filter((entry) => entry.drop.trim() !== "" && !droppedWithOwner.has(entry.kind) && !kept.has(entry.kind))
    .filter((entry) => !isOwnedSequence(entry))
    .map((entry) => (isViewRule(entry) ? emptyViewIfExists(entry) : dropIfExists(entry)))
    .concat(entries.filter((entry) => entry.kind === "BLOB METADATA").flatMap(dropLargeObjects));
}

/** Of a view that others need before it can be written: its statement does not drop it, it takes what it refers to away. */
function isViewRule(entry: TocEntry): boolean {
  return entry.kind === "RULE" && entry.drop.trimStart().startsWith("CREATE OR REPLACE VIEW ");
}

/** Where there is no such view, there may not be the types and the schema that it is made of either. */
function emptyViewIfExists(entry: TocEntry): string {
  const view = `${quoteIdentifier(entry.schema ?? "")}.${quoteIdentifier(entry.name.replace(/ _RETURN$/, ""))}`;
  return `DO ${quoteLiteral(
    `BEGIN IF pg_catalog.to_regclass(${quoteLiteral(view)}) IS NOT NULL THEN EXECUTE ${quoteLiteral(entry.drop.trim())}; END IF; END`,
  )};`;
}

function dropIfExists(entry: TocEntry): string {
  const statement = entry.drop.trim();
  const largeObject = /^SELECT pg_catalog\.lo_unlink\('(\d+)'\);$/.exec(statement)?.[1];
  if (largeObject !== undefined) return dropLargeObject(largeObject);
  const marker = entry.kind.endsWith("CONSTRAINT") ? "DROP CONSTRAINT " : `DROP ${entry.kind} `;
  const withAlter = statement.replace(/^ALTER (TABLE|DOMAIN) (?!IF EXISTS)/, "ALTER $1 IF EXISTS ");
  const at = withAlter.indexOf(marker);
  if (at === -1 || withAlter.startsWith("IF EXISTS", at + marker.length)) return withAlter;
  return `${withAlter.slice(0, at + marker.length)}IF EXISTS ${withAlter.slice(at + marker.length)}`;
}

/** From PostgreSQL 17 on one entry holds many large objects, one per line, and no statement. */
function dropLargeObjects(entry: TocEntry): readonly string[] {
  return (entry.definition.match(/\d+/g) ?? []).map(dropLargeObject);
}

function dropLargeObject(oid: string): string {
  return `SELECT pg_catalog.lo_unlink(oid) FROM pg_catalog.pg_largeobject_metadata WHERE oid = '${oid}';`;
}
