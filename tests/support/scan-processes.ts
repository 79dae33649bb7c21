// Looks for a secret where other users could see it: in the arguments and environments of all processes but ours.

import { readdirSync, readFileSync } from "node:fs";

export interface ProcessScan {
  /** Stops, and returns `pid: argv` of every process that showed the secret. */
  stop(): readonly string[];
  /** Programs seen while it ran. */
  readonly programs: ReadonlySet<string>;
}

export function scanProcesses(secret: string): ProcessScan {
  const found = new Set<string>();
  const programs = new Set<string>();
  const read = (path: string): string => {
    try {
      return readFileSync(path, "utf8");
    } catch {
      return "";
    }
  };
  function look(): void {
    for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)) {
      const argv = read(`/proc/${pid}/cmdline`);
      for (const word of argv.split("\0")) if (word.startsWith("/")) programs.add(word.split("/").at(-1)!);
      if (argv.includes(secret) || read(`/proc/${pid}/environ`).includes(secret))
        found.add(`${pid}: ${argv.replaceAll("\0", " ")}`);
    }
  }
  const timer = setInterval(look, 5);
  return {
    programs,
    stop() {
      clearInterval(timer);
      look();
      return [...found];
    },
  };
}
