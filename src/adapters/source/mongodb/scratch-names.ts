// Names of what exists only while a restore runs, recognised when a killed one has left it.

import { randomBytes } from "node:crypto";

const stagedForm = /^backupctl_(new|old)_[0-9a-f]{12}_/;
const drillForm = /^backupctl_drill_(?<seconds>[0-9a-f]{8})[0-9a-f]{4}$/;

/** Twelve hexadecimal digits: the time in seconds, and four of chance. */
export function newScratchId(): string {
  const seconds = Math.floor(Date.now() / 1_000);
  return seconds.toString(16).padStart(8, "0") + randomBytes(2).toString("hex");
}

/** Prefixes of collections that stand beside the user's own while these are replaced. */
export function stagedPrefixes(id: string): { readonly restored: string; readonly old: string } {
  return { restored: `backupctl_new_${id}_`, old: `backupctl_old_${id}_` };
}

export function isStaged(collection: string): boolean {
  return stagedForm.test(collection);
}

export function drillName(id: string): string {
  return `backupctl_drill_${id}`;
}

/** Undefined for a database that is not a drill's. */
export function drillAgeSeconds(database: string): number | undefined {
  const seconds = drillForm.exec(database)?.groups?.["seconds"];
  return seconds === undefined ? undefined : Date.now() / 1_000 - Number.parseInt(seconds, 16);
}
