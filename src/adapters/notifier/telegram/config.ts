import { z } from "zod";

export const TelegramConfig = z.strictObject({
  bot_token: z
    .string()
    .regex(/^[A-Za-z0-9:_-]+$/, "must be the token that BotFather gave, as 123456:ABC-DEF")
    .meta({ secret: true })
    .describe("Token of the bot"),
  chat_id: z
    .union([z.int(), z.string().regex(/^(-?\d+|@[A-Za-z0-9_]+)$/, "must be a number or @channel")])
    .describe("Chat that receives the messages: its number, or @channel"),
  api_url: z
    .url({ protocol: /^https?$/, error: "must be a URL that begins with https://" })
    .default("https://api.telegram.org")
    .describe("Server of the bot API"),
});
export type TelegramConfig = z.infer<typeof TelegramConfig>;
