import type { NotifierDefinition } from "../definition.ts";
import { PagerdutyConfig } from "./config.ts";

export const pagerdutyDefinition: NotifierDefinition<PagerdutyConfig> = {
  type: "pagerduty",
  config: PagerdutyConfig,
  followsState: true,
  load: () => import("./index.ts"),
};
