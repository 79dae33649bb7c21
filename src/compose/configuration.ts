// Reads the configuration for one call of the program.

import { type AppError, toAppError } from "../domain/error.ts";
import type { Configuration } from "../domain/project/project.ts";
import type { AppOptions, CliContext, ConfigTools, GlobalOptions } from "../cli/context.ts";
import { loadRegistries, type Registries } from "./registries.ts";

export async function loadFile(globals: GlobalOptions, registries: Registries) {
  const { loadConfiguration } = await import("../adapters/config/load-configuration.ts");
  return loadConfiguration({ explicitPath: globals.config, cwd: process.cwd(), env: process.env, registries });
}

export async function readConfiguration(
  context: CliContext,
  options: AppOptions,
  registries: Registries,
): ReturnType<typeof loadFile> {
  try {
    return await loadFile(context.globals, registries);
  } catch (error) {
    const isMissing = Array.isArray((error as AppError).details?.["searched"]);
    if (options.failsBackupOf !== undefined && !isMissing) {
      const { tellInvalidConfiguration } = await import("./tell-invalid-configuration.ts");
      const told = { project: options.failsBackupOf, isOncePerDay: options.isStartedAgain === true };
      await tellInvalidConfiguration(context, registries, told, toAppError(error));
    }
    if (options.configuration === "required" || !isMissing) throw error;
    const { loadSettingsOnly } = await import("../adapters/config/load-configuration.ts");
    return loadSettingsOnly({ cwd: process.cwd(), env: process.env, registries });
  }
}

export function configTools(globals: GlobalOptions): ConfigTools {
  return {
    async validate() {
      try {
        const { configuration, problems } = await loadFile(globals, await loadRegistries());
        return { path: configuration.path, configuration, problems };
      } catch (error) {
        const appError = toAppError(error);
        const { problems, path } = appError.details as { problems?: Configuration["warnings"]; path?: string };
        if (appError.code !== "config_invalid" || problems === undefined || problems.length === 0) throw error;
        return { path: path ?? null, configuration: null, problems };
      }
    },
    async render(configuration, project) {
      const [{ renderConfiguration }, registries] = await Promise.all([
        import("../adapters/config/render-configuration.ts"),
        loadRegistries(),
      ]);
      return renderConfiguration(configuration, { project, registries });
    },
    async schema() {
      const { configJsonSchema } = await import("../adapters/config/json-schema.ts");
      return configJsonSchema(await loadRegistries());
    },
  };
}
