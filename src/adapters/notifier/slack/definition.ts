import type { NotifierDefinition } from "../definition.ts";
import { SlackConfig } from "./config.ts";

export const slackDefinition: NotifierDefinition<SlackConfig> = {
  type: "slack",
  config: SlackConfig,
  load: () => import("./index.ts"),
};
