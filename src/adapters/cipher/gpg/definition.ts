import type { CipherDefinition } from "../definition.ts";
import { GpgConfig } from "./config.ts";

export const gpgDefinition: CipherDefinition<GpgConfig> = {
  type: "gpg",
  config: GpgConfig,
  load: () => import("./index.ts"),
};
