// A restore to prove a backup, into a place that is always removed.

import { AppError } from "../../../domain/error.ts";
import type { DrillRequest, RestoreTarget, SourceContext } from "../../../ports/source.ts";
import type { PostgresConfig } from "./config.ts";
import { connectMaintenance } from "./maintenance.ts";
import { countPlace, restorePart } from "./restore-part.ts";
import { createScratchDatabase, dropDeadScratch, newScratchId, type ScratchDatabase } from "./scratch-database.ts";
import { hasGlobalsTrailer } from "./dump-globals.ts";
import { openThrowawayDrill } from "./throwaway-drill.ts";

export async function openDrill(
  config: PostgresConfig,
  context: SourceContext,
  request: DrillRequest,
): Promise<RestoreTarget> {
  if (request.on === "throwaway") return openThrowawayDrill(config, context);
  {
    await using maintenance = await connectMaintenance(config, request.signal);
    for (const name of await dropDeadScratch(config, maintenance))
      context.log("info", `dropped the leftover database "${name}"`);
  }
  const name = `backupctl_drill_${newScratchId()}`;
  let scratch: ScratchDatabase | undefined;
  return {
    swaps: true,
    async restore(part, options, signal) {
      if (part.format === "globals.sql") {
        // The server has its roles; only that the part is whole can be seen here.
        let tail: Uint8Array = new Uint8Array(0);
        for await (const chunk of part.stream) tail = Buffer.concat([tail, chunk]).subarray(-4_096);
        if (!hasGlobalsTrailer(tail))
          throw new AppError("backup_corrupt", "the roles' dump has no end mark, it was cut");
        return { warnings: [] };
      }
      const isNew = scratch === undefined;
      scratch ??= await createScratchDatabase(config, name, part.facts, signal);
      const place = { config, database: name, context, inPlace: false, clean: false };
      const warnings = await restorePart(place, part, options, signal);
      return { warnings: isNew ? [...scratch.warnings, ...warnings] : warnings };
    },
    async countRows(signal) {
      if (scratch === undefined) throw new AppError("internal", "the drill has restored nothing that could be counted");
      return countPlace(config, name, signal);
    },
    async commit() {},
    async [Symbol.asyncDispose]() {
      const open = scratch;
      scratch = undefined;
      await open?.[Symbol.asyncDispose]();
    },
  };
}
