import type { NotifierDefinition } from "../definition.ts";
import { TelegramConfig } from "./config.ts";

export const telegramDefinition: NotifierDefinition<TelegramConfig> = {
  type: "telegram",
  config: TelegramConfig,
  load: () => import("./index.ts"),
};
