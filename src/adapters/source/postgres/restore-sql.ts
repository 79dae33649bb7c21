// Restores plain SQL from outside.

import { AppError } from "../../../domain/error.ts";
import type { RestoreOptions, RestorePart } from "../../../ports/source.ts";
import { runPsql } from "./psql-restore.ts";
import { readToEnd } from "./read-to-end.ts";
import type { RestorePlace } from "./restore-place.ts";
import { collectWarnings } from "./tool-warnings.ts";

export async function restoreSql(
  place: RestorePlace,
  part: RestorePart,
  options: RestoreOptions,
  signal: AbortSignal,
): Promise<readonly string[]> {
  if (options.tables.length > 0 || options.schemaOnly || options.dataOnly) {
    throw new AppError("unsupported", "a plain SQL file can only be restored as a whole", {
      hint: "leave out --table, --schema-only and --data-only",
    });
  }
  const warnings = collectWarnings(place.context);
  await readToEnd(part.stream, (stream) => runPsql(place, stream, "", warnings.readLine, signal));
  return warnings.list();
}
