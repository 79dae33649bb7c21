// What use cases have to know of the formats of parts; all else is the source's own.

import type { ManifestPart } from "./manifest.ts";

type Formatted = Pick<ManifestPart, "format">;

/** Roles and tablespaces: they belong to the server and not to the database. */
export function isGlobals({ format }: Formatted): boolean {
  return format === "globals.sql";
}

/** The archive of asset paths. */
export const assetsFormat = "files.tar";

export function isAssets({ format }: Formatted): boolean {
  return format === assetsFormat;
}

/** In the order in which a restore needs them: the roles before what they own. */
export function globalsFirst<Part extends Formatted>(parts: readonly Part[]): readonly Part[] {
  return parts.toSorted((a, b) => Number(isGlobals(b)) - Number(isGlobals(a)));
}
