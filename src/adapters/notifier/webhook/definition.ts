import type { NotifierDefinition } from "../definition.ts";
import { WebhookConfig } from "./config.ts";

export const webhookDefinition: NotifierDefinition<WebhookConfig> = {
  type: "webhook",
  config: WebhookConfig,
  load: () => import("./index.ts"),
};
