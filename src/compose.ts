// The composition root: it and its pieces in compose/ alone pick adapters. Whatever is heavy is loaded when it is first needed, so
// that `version` and help stay fast.

import type { App, AppOptions, CliContext, GlobalOptions } from "./cli/context.ts";
import { openTerminal } from "./cli/terminal.ts";
import { configTools } from "./compose/configuration.ts";
import { daemonTools } from "./compose/daemon-tools.ts";
import { initTools } from "./compose/init-tools.ts";
import { keyTools } from "./compose/key-tools.ts";

declare const BACKUPCTL_VERSION: string | undefined;

const version = typeof BACKUPCTL_VERSION === "undefined" ? "0.0.0-dev" : BACKUPCTL_VERSION;

export interface ProcessSignals {
  /** Aborted at the first signal, unless somebody has taken the signals. */
  readonly cancelled: AbortSignal;
  take(onSignal: (signal: NodeJS.Signals) => void): void;
}

export function openCliContext(globals: GlobalOptions, signals: ProcessSignals): CliContext {
  const openApp = async (options: AppOptions): Promise<App> => {
    const { openApp: open } = await import("./compose/open-app.ts");
    return open(context, options);
  };
  const context: CliContext = {
    globals,
    terminal: openTerminal(),
    env: process.env,
    cwd: process.cwd(),
    version,
    signal: signals.cancelled,
    config: configTools(globals),
    keys: keyTools(version),
    init: initTools(),
    daemon: daemonTools(globals, async (options) => {
      const { runDaemon } = await import("./compose/daemon.ts");
      return runDaemon(context, { openApp, takeSignals: signals.take }, options);
    }),
    async trustHost(host) {
      const { trustHost } = await import("./adapters/object-store/sftp/trust-host.ts");
      await trustHost(host);
    },
    openApp,
  };
  return context;
}
