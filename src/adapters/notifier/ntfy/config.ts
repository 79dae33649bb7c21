import { z } from "zod";

const headerValue = z.string().regex(/^[^\0\r\n]+$/, "must be one line");

export const NtfyConfig = z
  .strictObject({
    url: z
      .url({ protocol: /^https?$/, error: "must be a URL that begins with https://" })
      .default("https://ntfy.sh")
      .describe("Address of the server, without the topic"),
    topic: z
      .string()
      .regex(/^[A-Za-z0-9_-]{1,64}$/, "a topic has letters, digits, dashes and underscores, up to 64")
      .meta({ secret: true })
      .describe("Topic; on a public server whoever knows it can read and write"),
    token: headerValue.meta({ secret: true }).optional().describe("Access token"),
    user: headerValue.optional().describe("Login, where there is no token"),
    password: headerValue.meta({ secret: true }).optional().describe("Password of the login"),
  })
  .refine(({ user, password }) => (user === undefined) === (password === undefined), {
    path: ["user"],
    message: "give user and password, or neither",
  })
  .refine(({ token, user }) => token === undefined || user === undefined, {
    path: ["token"],
    message: "give a token or a login, not both",
  });
export type NtfyConfig = z.infer<typeof NtfyConfig>;
