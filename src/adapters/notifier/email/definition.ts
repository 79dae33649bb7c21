import type { NotifierDefinition } from "../definition.ts";
import { EmailConfig } from "./config.ts";

export const emailDefinition: NotifierDefinition<EmailConfig> = {
  type: "email",
  config: EmailConfig,
  load: () => import("./index.ts"),
};
