// The composition root: the only file that picks adapters. Whatever is heavy is loaded when it is first needed, so
// that `version` and help stay fast.

import { randomBytes } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { hostname } from "node:os";
import { AppError, toAppError } from "./domain/error.ts";
import type { Configuration, Project } from "./domain/project/project.ts";
import { redact, redactEvent } from "./domain/run/redact.ts";
import type { RunEvent } from "./domain/run/run.ts";
import type { App, AppOptions, CliContext, ConfigTools, GlobalOptions } from "./cli/context.ts";
import { drawProgress } from "./cli/draw-progress.ts";
import { openTerminal } from "./cli/terminal.ts";
import type { StateStore } from "./ports/state-store.ts";
import type { Deps } from "./usecases/deps.ts";

declare const BACKUPCTL_VERSION: string | undefined;

/** Above this much resident memory a full collection is worth its time: buffers are freed late otherwise. */
const memoryThresholdBytes = 110 * 1024 * 1024;

export const version = typeof BACKUPCTL_VERSION === "undefined" ? "0.0.0-dev" : BACKUPCTL_VERSION;

export function openCliContext(globals: GlobalOptions, signal: AbortSignal): CliContext {
  const context: CliContext = {
    globals,
    terminal: openTerminal(),
    env: process.env,
    cwd: process.cwd(),
    version,
    signal,
    config: configTools(globals),
    openApp: (options) => openApp(context, options),
  };
  return context;
}

async function loadRegistries() {
  const [sources, objectStores, ciphers, notifiers] = await Promise.all([
    import("./adapters/source/index.ts"),
    import("./adapters/object-store/index.ts"),
    import("./adapters/cipher/index.ts"),
    import("./adapters/notifier/index.ts"),
  ]);
  return {
    sources: sources.sourceDefinitions,
    objectStores: objectStores.objectStoreDefinitions,
    ciphers: ciphers.cipherDefinitions,
    notifiers: notifiers.notifierDefinitions,
  };
}

function configTools(globals: GlobalOptions): ConfigTools {
  void globals;
  throw new Error("not wired yet");
}

async function openApp(context: CliContext, options: AppOptions): Promise<App> {
  throw new Error("not wired yet");
}
