// What one `bun test` process did, from its exit status and its junit report together: neither is enough.

import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";

export interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  /** Skipped because a program is missing that setup can build only where Go is installed: CI allows these, by name. */
  readonly withoutGo: number;
}

/** What the names of such tests end with (tests/support/mongo-server.ts). */
const withoutGoCase = /<testcase [^>]*name="[^"]*builds where Go is installed\)"[^>]*>\s*<skipped/g;

export const emptyCounts: Counts = { passed: 0, failed: 0, skipped: 0, withoutGo: 0 };

export function sumCounts(one: Counts, other: Counts): Counts {
  return {
    passed: one.passed + other.passed,
    failed: one.failed + other.failed,
    skipped: one.skipped + other.skipped,
    withoutGo: one.withoutGo + other.withoutGo,
  };
}

/** `exitCode` is null for a process that a signal ended. */
export async function readReport(path: string, exitCode: number | null): Promise<Counts> {
  const xml = existsSync(path) ? await readFile(path, "utf8") : "";
  const head = /<testsuites\b[^>]*>/.exec(xml)?.[0] ?? "";
  const attribute = (name: string) => Number(new RegExp(`\\b${name}="(\\d+)"`).exec(head)?.[1] ?? 0);
  const skipped = attribute("skipped");
  const reported = attribute("failures") + attribute("errors");
  const passed = Math.max(0, attribute("tests") - reported - skipped);
  // A load error, a crash or an error between tests counts nothing in the report and still failed. A file in which
  // nothing ran at all proves nothing either.
  const unreported = reported === 0 && (exitCode !== 0 || passed + skipped === 0) ? 1 : 0;
  const withoutGo = [...xml.matchAll(withoutGoCase)].length;
  return { passed, failed: reported + unreported, skipped: skipped - withoutGo, withoutGo };
}
