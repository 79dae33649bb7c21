import type { RepositoryDefinition } from "../definition.ts";
import { completeConfig } from "./complete-config.ts";
import { ResticConfig } from "./config.ts";

export const resticDefinition: RepositoryDefinition<ResticConfig> = {
  type: "restic",
  config: ResticConfig,
  complete: completeConfig,
  load: () => import("./index.ts"),
};
