// Asks the server a real question and finds the client programs for it.

import type { SourceContext, SourceInfo } from "../../../ports/source.ts";
import { connect, type Login } from "./connection.ts";
import { planDump } from "./dump-plan.ts";
import { findMatchingTool } from "./matching-tool.ts";
import { describeMissingPrivileges } from "./privileges.ts";
import { listTables } from "./tables.ts";
import { findUnwritableEvents } from "./unwritable-events.ts";

export async function probe(login: Login, context: SourceContext, signal: AbortSignal): Promise<SourceInfo> {
  const { config, flavour } = login;
  await using connection = await connect(login, { database: config.name, signal });
  const matching = await findMatchingTool(login, connection, flavour.dumpPrograms, context.tools, signal);
  const { tool, server, mismatch } = matching;
  const tables = await listTables(connection, config.name);
  const unwritableEvents = await findUnwritableEvents(connection, flavour, config.name);
  const plan = planDump({ config, flavour, server, toolVersion: tool.version, tables, unwritableEvents });
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
