// Asks the server a real question and finds the clients for it.

import type { SourceContext, SourceInfo } from "../../../ports/source.ts";
import { findClients } from "./client-tools.ts";
import type { PostgresConfig } from "./config.ts";
import { connect } from "./connection.ts";
import { describeServer } from "./connection-error.ts";
import { readServerFacts } from "./server-facts.ts";

export async function findServerAndClients(config: PostgresConfig, context: SourceContext, signal: AbortSignal) {
  await using connection = await connect(config, { database: config.name, signal });
  const server = await readServerFacts(connection);
  const by = `PostgreSQL server ${describeServer(config)}`;
  const clients = await findClients("pg_dump", context.tools, { version: server.version, by }, signal);
  return { server, clients };
}

export async function probe(config: PostgresConfig, context: SourceContext, signal: AbortSignal): Promise<SourceInfo> {
  const { server, clients } = await findServerAndClients(config, context, signal);
  return {
    server: `PostgreSQL ${server.version}`,
    serverVersion: server.version,
    tool: clients.program("pg_dump"),
    toolVersion: clients.version,
    sizeBytes: server.sizeBytes,
    warnings: clients.warning === null ? [] : [clients.warning],
  };
}
