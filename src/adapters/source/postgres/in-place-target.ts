// A restore into the user's own database: modes clean and append, and an empty database that cannot be replaced.

import type { RestoreTarget, SourceContext } from "../../../ports/source.ts";
import type { PostgresConfig } from "./config.ts";
import { openRolesRestore } from "./restore-globals.ts";
import { countPlace, restorePart } from "./restore-part.ts";

export function openInPlaceTarget(
  config: PostgresConfig,
  context: SourceContext,
  database: string,
  clean: boolean,
): RestoreTarget {
  const roles = openRolesRestore(config);
  let committed = false;
  return {
    swaps: false,
    async restore(part, options, signal) {
      if (part.format === "globals.sql") return { warnings: await roles.restore(part, signal) };
      const place = { config, database, context, inPlace: true, clean };
      return { warnings: await restorePart(place, part, options, signal) };
    },
    countRows: (signal) => countPlace(config, database, signal),
    async commit() {
      committed = true;
    },
    [Symbol.asyncDispose]: () => roles.close(committed),
  };
}
