import type { RepositoryDefinition } from "../definition.ts";
import { ResticConfig } from "./config.ts";

export const resticDefinition: RepositoryDefinition<ResticConfig> = {
  type: "restic",
  config: ResticConfig,
  load: () => import("./index.ts"),
};
