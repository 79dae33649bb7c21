import type { ObjectStoreDefinition } from "../definition.ts";
import { LocalStoreConfig } from "./config.ts";

export const localStoreDefinition: ObjectStoreDefinition<LocalStoreConfig> = {
  type: "local",
  config: LocalStoreConfig,
  load: () => import("./index.ts"),
};
