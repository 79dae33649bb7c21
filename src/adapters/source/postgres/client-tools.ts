// Chooses the PostgreSQL client programs: the lowest installed major that is at least the one needed.

import { join } from "node:path";
import { AppError } from "../../../domain/error.ts";
import type { ToolDirs } from "../../../domain/project/project.ts";
import { type ClientTool, compareVersions, findClientTools } from "../find-client-tool.ts";

export interface PostgresClients {
  readonly binDir: string;
  readonly version: string;
  readonly major: number;
  /** Path of `pg_dump`, `pg_restore`, `psql` … in this installation. */
  program(name: string): string;
  /** Set when the version is below the security floor of its major. */
  readonly warning: string | null;
}

/** Below these, restoring a prepared dump can run code on the client. */
const securityFloors: Readonly<Record<number, string>> = {
  18: "18.6",
  17: "17.11",
  16: "16.15",
  15: "15.19",
  14: "14.24",
};
const oldestSupportedMajor = 14;

const places = [
  "/usr/lib/postgresql/*/bin",
  "/usr/libexec/postgresql*",
  "/usr/pgsql-*/bin",
  "/usr/local/pgsql/bin",
  "/usr/local/lib/postgresql/bin",
  "/opt/homebrew/opt/postgresql@*/bin",
  "/opt/homebrew/opt/libpq/bin",
  "/usr/local/opt/postgresql@*/bin",
  "/usr/local/opt/libpq/bin",
  "C:/Program Files/PostgreSQL/*/bin",
];

export function parsePostgresVersion(text: string): string | undefined {
  return /\(PostgreSQL\)\s+(\d+(?:\.\d+)*)/.exec(text)?.[1];
}

export function majorOf(version: string): number {
  return Number.parseInt(version, 10);
}

/** All installations that have `program`, in the order of preference. */
export async function listInstallations(program: string, tools: ToolDirs, signal: AbortSignal) {
  return findClientTools({
    programs: [program],
    preferredDir: tools.pgBinDir,
    places,
    launchers: ["pg_wrapper"],
    parseVersion: parsePostgresVersion,
    signal,
  });
}

/** Picks from the list; throws `tool_missing` that names what is needed and what there is. */
export function chooseInstallation(
  program: string,
  found: readonly ClientTool[],
  needed: { readonly version: string; readonly by: string },
): PostgresClients {
  const fitting = found
    .filter((tool) => majorOf(tool.version) >= majorOf(needed.version))
    .toSorted(
      (left, right) =>
        Number(right.preferred) - Number(left.preferred) ||
        majorOf(left.version) - majorOf(right.version) ||
        compareVersions(right.version, left.version),
    );
  const chosen = fitting[0];
  if (chosen !== undefined) return describeInstallation(chosen);
  const have =
    found.length === 0
      ? "none is installed"
      : `installed: ${found.map((tool) => `${tool.version} in ${tool.binDir}`).join(", ")}`;
  throw new AppError(
    "tool_missing",
    `${needed.by} ${needed.version} needs ${program} ${majorOf(needed.version)} or newer, ${have}`,
    {
      hint: `install postgresql-client-${majorOf(needed.version)}, or set PG_BIN_DIR to the directory of a newer ${program}`,
      details: { needed: needed.version, installed: found.map((tool) => tool.version) },
    },
  );
}

function describeInstallation(tool: ClientTool): PostgresClients {
  const suffix = process.platform === "win32" ? ".exe" : "";
  return {
    binDir: tool.binDir,
    version: tool.version,
    major: majorOf(tool.version),
    program: (name) => join(tool.binDir, name + suffix),
    warning: warnBelowFloor(tool.version),
  };
}

export function warnBelowFloor(version: string): string | null {
  const major = majorOf(version);
  const floor = securityFloors[major];
  if (floor === undefined) {
    return major < oldestSupportedMajor
      ? `PostgreSQL client ${version} no longer gets security fixes, use ${oldestSupportedMajor} or newer`
      : null;
  }
  return compareVersions(version, floor) < 0
    ? `PostgreSQL client ${version} has known security holes in restore, update it to ${floor} or newer`
    : null;
}

/** The clients for a server or a dump of this version. */
export async function findClients(
  program: string,
  tools: ToolDirs,
  needed: { readonly version: string; readonly by: string },
  signal: AbortSignal,
): Promise<PostgresClients> {
  return chooseInstallation(program, await listInstallations(program, tools, signal), needed);
}

/** The clients that can read an archive written by `toolVersion`; empty when it does not say. */
export function findRestoreClients(
  tools: ToolDirs,
  toolVersion: string,
  signal: AbortSignal,
): Promise<PostgresClients> {
  const version = /\d+(\.\d+)*/.exec(toolVersion)?.[0] ?? "9.0";
  return findClients("pg_restore", tools, { version, by: "an archive of pg_dump" }, signal);
}
