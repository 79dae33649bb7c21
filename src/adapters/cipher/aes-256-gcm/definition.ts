import type { CipherDefinition } from "../definition.ts";
import { Aes256GcmConfig } from "./config.ts";

export const aes256GcmDefinition: CipherDefinition<Aes256GcmConfig> = {
  type: "aes-256-gcm",
  config: Aes256GcmConfig,
  load: () => import("./index.ts"),
};
