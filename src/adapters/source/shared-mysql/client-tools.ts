// Chooses the client programs: the lowest installed version that is at least the server's.

import { join } from "node:path";
import { AppError } from "../../../domain/error.ts";
import type { ToolDirs } from "../../../domain/project/project.ts";
import { type ClientTool, compareVersions, findClientTools } from "../find-client-tool.ts";
import type { Flavour } from "./flavour.ts";

export interface ChosenTool {
  readonly program: string;
  readonly version: string;
}

export interface NeededVersion {
  readonly version: string | null;
  /** `MariaDB server db:3306`. */
  readonly by: string;
}

/** `10.11` of `10.11.6`: dumps of one series fit each other. */
export function seriesOf(version: string): string {
  return version.split(".").slice(0, 2).join(".");
}

export async function findTool(
  flavour: Flavour,
  programs: readonly string[],
  tools: ToolDirs,
  needed: NeededVersion,
  signal: AbortSignal,
): Promise<ChosenTool> {
  const found = await findClientTools({
    programs,
    preferredDir: tools.mysqlBinDir,
    places: flavour.places,
    parseVersion: flavour.parseVersion,
    signal,
  });
  return chooseTool(flavour, programs[0]!, found, needed);
}

export function chooseTool(
  flavour: Flavour,
  program: string,
  found: readonly ClientTool[],
  needed: NeededVersion,
): ChosenTool {
  const fits = (tool: ClientTool): boolean =>
    needed.version === null || compareVersions(seriesOf(tool.version), seriesOf(needed.version)) >= 0;
  const [chosen] = found
    .filter(fits)
    .toSorted(
      (left, right) =>
        Number(right.preferred) - Number(left.preferred) ||
        compareVersions(seriesOf(left.version), seriesOf(right.version)) ||
        compareVersions(right.version, left.version),
    );
  if (chosen !== undefined) return { program: chosen.program, version: chosen.version };
  const have =
    found.length === 0
      ? `no ${program} of ${flavour.label} is installed`
      : `installed: ${found.map((tool) => `${tool.version} in ${tool.binDir}`).join(", ")}`;
  const wanted = needed.version === null ? "" : ` ${seriesOf(needed.version)} or newer`;
  const by = needed.version === null ? needed.by : `${needed.by} ${needed.version}`;
  throw new AppError("tool_missing", `${by} needs ${program}${wanted}, ${have}`, {
    hint: `install ${flavour.clientPackage}, or set MYSQL_BIN_DIR to the directory of a newer ${program}`,
    details: { needed: needed.version, installed: found.map((tool) => tool.version) },
  });
}

/** The server's own program beside the client programs or in its usual places. */
export async function findServers(
  flavour: Flavour,
  tools: ToolDirs,
  signal: AbortSignal,
): Promise<readonly ClientTool[]> {
  const beside =
    tools.mysqlBinDir === undefined ? [] : [join(tools.mysqlBinDir, "../sbin"), join(tools.mysqlBinDir, "../libexec")];
  return findClientTools({
    programs: flavour.serverPrograms,
    preferredDir: tools.mysqlBinDir,
    places: [...beside, ...flavour.serverPlaces],
    parseVersion: flavour.parseVersion,
    signal,
  });
}
