// What client programs say on stderr: everything to the log, warnings also kept for the manifest.

import type { SourceContext } from "../../ports/source.ts";

export interface ToolWarnings {
  readLine(line: string): void;
  add(warning: string): void;
  list(): readonly string[];
}

const keptWarnings = 100;
const loggedLines = 1_000;

/** `isWarning` knows how the technology's programs mark one. */
export function collectToolWarnings(context: SourceContext, isWarning: (line: string) => boolean): ToolWarnings {
  const kept: string[] = [];
  let dropped = 0;
  let lines = 0;
  function add(warning: string): void {
    if (kept.length < keptWarnings) kept.push(warning);
    else dropped += 1;
  }
  return {
    add,
    readLine(line) {
      if (line.trim() === "") return;
      const warns = isWarning(line);
      lines += 1;
      // A flood must fill neither the log nor the memory.
      if (lines <= loggedLines) context.log(warns ? "warn" : "debug", line.slice(0, 2_000));
      if (warns) add(line.slice(0, 600));
    },
    list: () => (dropped === 0 ? [...kept] : [...kept, `${dropped} more warnings were left out`]),
  };
}
