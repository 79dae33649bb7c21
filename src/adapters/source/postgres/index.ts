// PostgreSQL as a source.

import type { Payload } from "../../../domain/backup/sniff-payload.ts";
import type { Source, SourceContext } from "../../../ports/source.ts";
import type { PostgresConfig } from "./config.ts";
import { openDrill } from "./drill.ts";
import { openDump } from "./dump.ts";
import { restoreGuide } from "./guide.ts";
import { inspectDatabase } from "./inspect-database.ts";
import { connectMaintenance } from "./maintenance.ts";
import { writePlainForm } from "./plain-form.ts";
import { findServerAndClients, probe } from "./probe.ts";
import { openTarget } from "./target.ts";
import { verifyStructure } from "./verify-structure.ts";

export function open(config: PostgresConfig, context: SourceContext): Source {
  return {
    type: "postgres",
    object: config.name,
    probe: (signal) => probe(config, context, signal),
    async dump(request) {
      const { server, clients } = await findServerAndClients(config, context, request.signal);
      return openDump({ config, context, request, clients, server });
    },
    verifyStructure: (part, signal) => verifyStructure(part, context, signal),
    async inspectTarget(database, signal) {
      await using maintenance = await connectMaintenance(config, signal);
      return await inspectDatabase(config, maintenance, database, signal);
    },
    openTarget: (request) => openTarget(config, context, request),
    openDrill: (request) => openDrill(config, context, request),
    formatOf,
    restoreGuide,
    writePlainForm: (file, format, signal) => writePlainForm(file, format, context, signal),
  };
}

function formatOf(payload: Payload): string | null {
  if (payload.kind === "postgres-custom") return "dump";
  if (payload.kind === "postgres-tar") return "dir.tar";
  if (payload.kind !== "sql" || payload.dialect === "mysql" || payload.dialect === "mariadb") return null;
  return payload.isCluster ? "globals.sql" : "sql";
}
