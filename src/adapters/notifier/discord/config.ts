import { z } from "zod";
import { hookUrl } from "../hook-url.ts";

export const DiscordConfig = z.strictObject({
  webhook_url: hookUrl("Address of the channel's webhook; whoever knows it can post"),
});
export type DiscordConfig = z.infer<typeof DiscordConfig>;
