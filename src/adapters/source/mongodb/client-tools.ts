// Finds mongodump and mongorestore. They have version numbers of their own, which say nothing of the server's.

import { AppError } from "../../../domain/error.ts";
import type { ToolDirs } from "../../../domain/project/project.ts";
import { type ClientTool, compareVersions, findClientTools } from "../find-client-tool.ts";

export type ToolProgram = "mongodump" | "mongorestore";

const places = [
  "/usr/bin",
  "/usr/local/bin",
  "/opt/mongodb-database-tools*/bin",
  "/opt/homebrew/bin",
  "C:/Program Files/MongoDB/Tools/*/bin",
];

export async function findTool(program: ToolProgram, tools: ToolDirs, signal: AbortSignal): Promise<ClientTool> {
  const found = await findClientTools({
    programs: [program],
    preferredDir: tools.mongoBinDir,
    places,
    parseVersion: (text) => new RegExp(`^${program} version: r?(\\d+\\.\\d+\\.\\d+)`, "m").exec(text)?.[1],
    signal,
  });
  const [chosen] = found.toSorted(
    (left, right) => Number(right.preferred) - Number(left.preferred) || compareVersions(right.version, left.version),
  );
  if (chosen !== undefined) return chosen;
  throw new AppError("tool_missing", `no ${program} is installed`, {
    hint: "install the MongoDB Database Tools (package mongodb-database-tools), or set MONGO_BIN_DIR to their directory",
  });
}

/** The server's own program, for a throw-away drill; MongoDB before its likes. */
export async function findServer(tools: ToolDirs, signal: AbortSignal): Promise<ClientTool | undefined> {
  const search = { preferredDir: tools.mongoBinDir, places, signal };
  const mongod = await findClientTools({
    ...search,
    programs: ["mongod"],
    parseVersion: (text) => /^db version v(\d+\.\d+\.\d+)/m.exec(text)?.[1],
  });
  if (mongod[0] !== undefined) return mongod.toSorted((left, right) => compareVersions(right.version, left.version))[0];
  const ferretdb = await findClientTools({
    ...search,
    programs: ["ferretdb"],
    parseVersion: (text) => /^version: v(1\.\d+\.\d+)/m.exec(text)?.[1],
  });
  return ferretdb[0];
}
