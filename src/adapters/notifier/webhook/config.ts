import { z } from "zod";

export const WebhookConfig = z.strictObject({
  url: z
    .url({ protocol: /^https?$/, error: "must be a URL that begins with https:// or http://" })
    .meta({ secret: true })
    .describe("Address that receives a POST with event, project, text and data as JSON"),
  headers: z
    .record(
      z.string().regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/, "a header's name has letters, digits and dashes"),
      z
        .string()
        .regex(/^[^\0\r\n]*$/, "must be one line")
        .meta({ secret: true }),
    )
    .default({})
    .describe("Headers of the request, as Authorization"),
});
export type WebhookConfig = z.infer<typeof WebhookConfig>;
