import type { NotifierDefinition } from "../definition.ts";
import { NtfyConfig } from "./config.ts";

export const ntfyDefinition: NotifierDefinition<NtfyConfig> = {
  type: "ntfy",
  config: NtfyConfig,
  load: () => import("./index.ts"),
};
