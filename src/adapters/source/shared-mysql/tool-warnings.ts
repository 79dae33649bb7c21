// How MySQL's and MariaDB's client programs mark a warning.

import type { SourceContext } from "../../../ports/source.ts";
import { collectToolWarnings, type ToolWarnings } from "../tool-warnings.ts";

export function collectWarnings(context: SourceContext): ToolWarnings {
  return collectToolWarnings(context, isWarning);
}

function isWarning(line: string): boolean {
  return /\bwarning\b/i.test(line);
}
