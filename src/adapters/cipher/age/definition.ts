import type { CipherDefinition } from "../definition.ts";
import { AgeConfig } from "./config.ts";

export const ageDefinition: CipherDefinition<AgeConfig> = {
  type: "age",
  config: AgeConfig,
  load: () => import("./index.ts"),
};
