// The client program that fits the server we are connected to.

import type { ToolDirs } from "../../../domain/project/project.ts";
import { type ChosenTool, findTool } from "./client-tools.ts";
import type { Login, ServerConnection } from "./connection.ts";
import { describeMismatch, readServerFacts, type ServerFacts } from "./server-facts.ts";
import { describeServer } from "./tls.ts";

export interface MatchingTool {
  readonly tool: ChosenTool;
  readonly server: ServerFacts;
  /** Set when the server is the other of MySQL and MariaDB: then versions say nothing. */
  readonly mismatch: string | null;
}

export async function findMatchingTool(
  { flavour, config }: Login,
  connection: ServerConnection,
  programs: readonly string[],
  tools: ToolDirs,
  signal: AbortSignal,
): Promise<MatchingTool> {
  const server = await readServerFacts(connection);
  const mismatch = describeMismatch(flavour, server);
  const needed = {
    version: mismatch === null ? server.version : null,
    by: `${flavour.label} server ${describeServer(config)}`,
  };
  return { tool: await findTool(flavour, programs, tools, needed, signal), server, mismatch };
}
