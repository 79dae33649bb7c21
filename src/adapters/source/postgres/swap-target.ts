// A restore into a new database beside the target, which takes the target's name at commit.

import { AppError } from "../../../domain/error.ts";
import type { RestoreTarget, SourceContext, TargetRequest } from "../../../ports/source.ts";
import type { PostgresConfig } from "./config.ts";
import { applyDatabaseProperties } from "./create-database.ts";
import { openRolesRestore } from "./restore-globals.ts";
import { countPlace, restorePart } from "./restore-part.ts";
import { createScratchDatabase, nameWithSuffix, newScratchId, type ScratchDatabase } from "./scratch-database.ts";
import { swapDatabases } from "./swap-databases.ts";

export function openSwapTarget(
  config: PostgresConfig,
  context: SourceContext,
  request: TargetRequest,
  replaces: boolean,
): RestoreTarget {
  const id = newScratchId();
  const scratchName = nameWithSuffix(request.database, `_restore_${id}`);
  let scratch: ScratchDatabase | undefined;
  let comment: string | null = null;
  let committed = false;
  const roles = openRolesRestore(config);
  return {
    swaps: true,
    async restore(part, options, signal) {
      if (part.format === "globals.sql") return { warnings: await roles.restore(part, signal) };
      const isNew = scratch === undefined;
      scratch ??= await createScratchDatabase(config, scratchName, part.facts, signal);
      const warnings = isNew ? [...scratch.warnings] : [];
      const place = { config, database: scratchName, context, inPlace: false, clean: false };
      warnings.push(...(await restorePart(place, part, options, signal)));
      if (typeof part.facts["comment"] === "string") comment = part.facts["comment"];
      // A database that is replaced hands its own properties on, at the swap.
      if (isNew && !replaces) {
        warnings.push(...(await applyDatabaseProperties(scratch.maintenance, scratchName, part.facts, options)));
      }
      return { warnings };
    },
    countRows: (signal) => countPlace(config, scratchName, signal),
    async commit() {
      if (scratch === undefined) throw new AppError("internal", "nothing was restored that could be committed");
      await swapDatabases(config, scratch.maintenance, {
        from: scratchName,
        to: request.database,
        aside: nameWithSuffix(request.database, `_old_${id}`),
        stopConnections: request.stopConnections,
        comment,
        log: context.log,
      });
      committed = true;
      scratch.release();
    },
    async [Symbol.asyncDispose]() {
      const open = scratch;
      scratch = undefined;
      await open?.[Symbol.asyncDispose]();
      await roles.close(committed);
    },
  };
}
