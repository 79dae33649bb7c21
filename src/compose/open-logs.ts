// The log files that the settings ask for.

import { join } from "node:path";
import { toAppError } from "../domain/error.ts";
import type { Settings } from "../domain/project/project.ts";
import type { LogFiles } from "../adapters/log-files/index.ts";

const defaultMaxBytes = 10e6;
const defaultMaxFiles = 5;

export async function openLogs(settings: Settings, note: (text: string) => void): Promise<LogFiles> {
  const { openLogFiles } = await import("../adapters/log-files/index.ts");
  const directory = settings.logDir ?? join(settings.baseDir, ".logs");
  return openLogFiles({
    directory,
    maxBytes: settings.logMaxBytes ?? defaultMaxBytes,
    maxFiles: settings.logMaxFiles ?? defaultMaxFiles,
    level: settings.logLevel,
    timeZone: settings.timeZone,
    now: Date.now,
    onError: (error) => note(`warning: the log in ${directory} cannot be written: ${toAppError(error).message}`),
  });
}
