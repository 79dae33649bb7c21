import type { NotifierDefinition } from "../definition.ts";
import { HeartbeatConfig } from "./config.ts";

export const heartbeatDefinition: NotifierDefinition<HeartbeatConfig> = {
  type: "heartbeat",
  config: HeartbeatConfig,
  followsState: true,
  load: () => import("./index.ts"),
};
