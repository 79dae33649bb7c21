// What commands use of the daemon.

import { join } from "node:path";
import type { DaemonTools, GlobalOptions } from "../cli/context.ts";
import { loadFile } from "./configuration.ts";
import { loadRegistries } from "./registries.ts";

export function daemonTools(globals: GlobalOptions, run: DaemonTools["run"]): DaemonTools {
  return {
    run,
    async socketPath() {
      const registries = await loadRegistries();
      const { loadSettingsOnly } = await import("../adapters/config/load-configuration.ts");
      // A file that the daemon is to refuse must not keep its problems from being told.
      const { configuration } = await loadFile(globals, registries).catch(() =>
        loadSettingsOnly({ cwd: process.cwd(), env: process.env, registries }),
      );
      return join(configuration.settings.baseDir, ".backupctl", "daemon.sock");
    },
  };
}
