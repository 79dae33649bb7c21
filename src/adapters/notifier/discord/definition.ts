import type { NotifierDefinition } from "../definition.ts";
import { DiscordConfig } from "./config.ts";

export const discordDefinition: NotifierDefinition<DiscordConfig> = {
  type: "discord",
  config: DiscordConfig,
  load: () => import("./index.ts"),
};
