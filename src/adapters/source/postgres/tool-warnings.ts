// How PostgreSQL's client programs mark a warning.

import type { SourceContext } from "../../../ports/source.ts";
import { collectToolWarnings, type ToolWarnings } from "../tool-warnings.ts";

export function collectWarnings(context: SourceContext): ToolWarnings {
  return collectToolWarnings(context, isWarning);
}

function isWarning(line: string): boolean {
  return /^(pg_\w+|psql[^ ]*): (warning|error): /.test(line) || /\bWARNING: {2}/.test(line);
}
