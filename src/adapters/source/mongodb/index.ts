// MongoDB as a source.

import type { Source, SourceContext } from "../../../ports/source.ts";
import { inspectDatabase } from "./collections.ts";
import type { MongodbConfig } from "./config.ts";
import { connect } from "./connection.ts";
import { openProjectDrill } from "./drill.ts";
import { openDump } from "./dump.ts";
import { restoreGuide } from "./guide.ts";
import { probe } from "./probe.ts";
import { openTarget } from "./target.ts";
import { openThrowawayDrill } from "./throwaway-drill.ts";
import { verifyStructure } from "./verify-structure.ts";

export function open(config: MongodbConfig, context: SourceContext): Source {
  return {
    type: "mongodb",
    object: config.name,
    probe: (signal) => probe(config, context, signal),
    dump: (request) => openDump(config, context, request),
    verifyStructure: (part, signal) => verifyStructure(config, context, part, signal),
    async inspectTarget(database, signal) {
      await using connection = await connect(config, { signal, errorCode: "restore_failed" });
      return await inspectDatabase(connection, database);
    },
    openTarget: (request) => openTarget(config, context, request),
    async openDrill({ on, signal }) {
      signal.throwIfAborted();
      return on === "throwaway" ? openThrowawayDrill(context) : openProjectDrill(config, context, signal);
    },
    formatOf: ({ kind }) => (kind === "mongo-archive" ? "archive" : null),
    restoreGuide: (file) => restoreGuide(file, config.name),
    // An archive has no plainer form.
    writePlainForm: async () => null,
  };
}
