import { z } from "zod";

export const SlackConfig = z.strictObject({
  webhook_url: z
    .url({ protocol: /^https?$/, error: "must be a URL that begins with https://" })
    .meta({ secret: true })
    .describe("Address of the incoming webhook; whoever knows it can post"),
});
export type SlackConfig = z.infer<typeof SlackConfig>;
