import { z } from "zod";

export const PagerdutyConfig = z.strictObject({
  routing_key: z
    .string()
    .regex(/^[A-Za-z0-9]{8,64}$/, "must be the integration key of an Events API v2 integration")
    .meta({ secret: true })
    .describe("Integration key (Events API v2)"),
  url: z
    .url({ protocol: /^https?$/, error: "must be a URL that begins with https://" })
    .default("https://events.pagerduty.com")
    .describe("Server; https://events.eu.pagerduty.com for accounts in Europe"),
});
export type PagerdutyConfig = z.infer<typeof PagerdutyConfig>;
