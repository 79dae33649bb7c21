// The configuration that the daemon works with now, and older ones for as long as runs work with them.

import { AppError } from "../domain/error.ts";
import type { Configuration, Settings } from "../domain/project/project.ts";
import type { RunEvent } from "../domain/run/run.ts";
import type { App, AppOptions } from "../cli/context.ts";

export interface HeldConfigurations extends AsyncDisposable {
  current(): App;
  /** Works with the configuration of this moment until the end. */
  use<T>(work: (app: App) => Promise<T>): Promise<T>;
  /** Throws `config_invalid` with all problems and keeps what it has. */
  reload(): Promise<{ readonly configuration: Configuration; readonly restartFor: readonly string[] }>;
}

export interface HoldRequest {
  openApp(options: AppOptions): Promise<App>;
  show(event: RunEvent): void;
}

interface Lease {
  readonly app: App;
  uses: number;
  isRetired: boolean;
}

const fixedSettings = { baseDir: "BACKUP_BASE_DIR", databaseUrl: "DATABASE_URL" } as const;
const settingsUntilRestart = { listen: "LISTEN", maxConcurrentRuns: "MAX_CONCURRENT_BACKUPS" } as const;

export async function holdConfigurations(request: HoldRequest): Promise<HeldConfigurations> {
  const options: AppOptions = { configuration: "required", state: "kept", show: request.show };
  // Without a daemon no backup begins. A reload that is refused leaves the old configuration, and is told to who asked for it.
  const starting: AppOptions = { ...options, failsBackupOf: null, isStartedAgain: true };
  const first: Lease = { app: await request.openApp(starting), uses: 1, isRetired: false };
  let newest = first;

  async function release(lease: Lease): Promise<void> {
    lease.uses -= 1;
    if (lease.uses === 0 && lease.isRetired) await lease.app[Symbol.asyncDispose]();
  }

  return {
    current: () => newest.app,
    async use(work) {
      const lease = newest;
      lease.uses += 1;
      try {
        return await work(lease.app);
      } finally {
        await release(lease);
      }
    },
    async reload() {
      const app = await request.openApp(options);
      const { settings } = app.configuration;
      const moved = changedNames(first.app.configuration.settings, settings, fixedSettings);
      if (moved.length > 0) {
        await app[Symbol.asyncDispose]();
        throw new AppError("config_invalid", `${moved.join(" and ")} cannot change while the daemon runs`, {
          hint: "restart the daemon",
        });
      }
      const retired = newest;
      newest = { app, uses: 0, isRetired: false };
      // The first one stays open: the schedule engine keeps its records with it.
      if (retired !== first) {
        retired.isRetired = true;
        retired.uses += 1;
        await release(retired);
      }
      const restartFor = changedNames(first.app.configuration.settings, settings, settingsUntilRestart);
      return { configuration: app.configuration, restartFor };
    },
    async [Symbol.asyncDispose]() {
      if (newest !== first) await newest.app[Symbol.asyncDispose]();
      await first.app[Symbol.asyncDispose]();
    },
  };
}

function changedNames(
  before: Settings,
  after: Settings,
  names: Readonly<Partial<Record<keyof Settings, string>>>,
): readonly string[] {
  return Object.entries(names).flatMap(([key, name]) =>
    before[key as keyof Settings] === after[key as keyof Settings] ? [] : [name],
  );
}
