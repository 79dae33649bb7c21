import { z } from "zod";
import { hookUrl } from "../hook-url.ts";

export const HeartbeatConfig = z.strictObject({
  url: hookUrl("Address that is pinged after each backup that succeeded"),
  start_url: hookUrl("Pinged when one starts; default: url with /start").optional(),
  failure_url: hookUrl("Pinged when one failed; default: url with /fail").optional(),
});
export type HeartbeatConfig = z.infer<typeof HeartbeatConfig>;
