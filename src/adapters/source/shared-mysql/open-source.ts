// A source of the MySQL family: all that MySQL and MariaDB share, with the flavour that tells them apart.

import type { Source, SourceContext } from "../../../ports/source.ts";
import type { MysqlFamilyConfig } from "./connection-config.ts";
import { inspectDatabase } from "./database.ts";
import { openProjectDrill } from "./drill.ts";
import { openDump } from "./dump.ts";
import type { Flavour } from "./flavour.ts";
import { restoreGuide } from "./guide.ts";
import { probe } from "./probe.ts";
import { openTarget } from "./target.ts";
import { openThrowawayDrill } from "./throwaway-drill.ts";
import { verifyStructure } from "./verify-structure.ts";

export function openSource(flavour: Flavour, config: MysqlFamilyConfig, context: SourceContext): Source {
  const login = { flavour, config };
  return {
    type: flavour.type,
    object: config.name,
    probe: (signal) => probe(login, context, signal),
    dump: (request) => openDump(login, context, request),
    verifyStructure,
    inspectTarget: (database, signal) => inspectDatabase(login, database, signal),
    openTarget: (request) => openTarget(login, context, request),
    async openDrill({ on, signal }) {
      signal.throwIfAborted();
      return on === "throwaway" ? openThrowawayDrill(login, context) : openProjectDrill(login, context, signal);
    },
    formatOf: (payload) =>
      payload.kind === "sql" && !payload.isCluster && payload.dialect !== "postgres" ? "sql" : null,
    restoreGuide: (file) => restoreGuide(flavour, file),
    // SQL text has no plainer form.
    writePlainForm: async () => null,
  };
}
