// Asks the server a real question and finds the client programs for it.

import type { SourceContext, SourceInfo } from "../../../ports/source.ts";
import { findTool } from "./client-tools.ts";
import { connect, type Login } from "./connection.ts";
import { planDump } from "./dump-plan.ts";
import { describeMissingPrivileges } from "./privileges.ts";
import { describeMismatch, readServerFacts } from "./server-facts.ts";
import { listTables } from "./tables.ts";
import { describeServer } from "./tls.ts";

export async function probe(login: Login, context: SourceContext, signal: AbortSignal): Promise<SourceInfo> {
  const { config, flavour } = login;
  await using connection = await connect(login, { database: config.name, signal });
  const server = await readServerFacts(connection);
  const mismatch = describeMismatch(flavour, server);
  const needed = {
    version: mismatch === null ? server.version : null,
    by: `${flavour.label} server ${describeServer(config)}`,
  };
  const tool = await findTool(flavour, flavour.dumpPrograms, context.tools, needed, signal);
  const tables = await listTables(connection, config.name);
  const plan = planDump({ config, flavour, server, toolVersion: tool.version, tables });
  const gaps = await describeMissingPrivileges(connection, config, server);
  return {
    server: `${server.isMariadb ? "MariaDB" : "MySQL"} ${server.version}`,
    serverVersion: server.version,
    tool: tool.program,
    toolVersion: tool.version,
    sizeBytes: tables.reduce((sum, table) => sum + table.sizeBytes, 0),
    warnings: [...(mismatch === null ? [] : [mismatch]), ...plan.warnings, ...gaps],
  };
}
