// Asks the server a real question and finds the tools.

import type { SourceContext, SourceInfo } from "../../../ports/source.ts";
import { findTool } from "./client-tools.ts";
import { listCollections, readSizeBytes } from "./collections.ts";
import type { MongodbConfig } from "./config.ts";
import { connect } from "./connection.ts";
import { planDump } from "./dump-plan.ts";
import { readServerFacts } from "./server-facts.ts";

export async function probe(config: MongodbConfig, context: SourceContext, signal: AbortSignal): Promise<SourceInfo> {
  await using connection = await connect(config, { signal });
  const server = await readServerFacts(connection);
  const plan = planDump(config, server, await listCollections(connection, config.name));
  const tool = await findTool("mongodump", context.tools, signal);
  await findTool("mongorestore", context.tools, signal);
  const empty = `database "${config.name}" does not exist or has no collection to dump: a backup of it will fail`;
  return {
    server: server.label,
    serverVersion: server.version,
    tool: tool.program,
    toolVersion: tool.version,
    sizeBytes: await readSizeBytes(connection, config.name),
    warnings: [...plan.warnings, ...(plan.chosen.size === 0 ? [empty] : [])],
  };
}
