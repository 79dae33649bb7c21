// Settings of mail. `smtp_secure: true` means an encrypted connection: TLS from the start on port 465, else STARTTLS.

import { z } from "zod";

const line = (pattern: RegExp, message: string) => z.string().regex(pattern, message);
const address = line(/^[^\0\r\n,]*[^\s@,]+@[^\s@,]+$/, "must be a mail address");
const addresses = line(/^[^\0\r\n]*@[^\0\r\n]*$/, "must be mail addresses separated by commas");

export const EmailConfig = z
  .strictObject({
    smtp_host: line(/^[^\0\r\n\s/]+$/, "must be a host name").describe("Mail server"),
    smtp_port: z.int().min(1).max(65535).describe("Port: 465 for TLS from the start, 587 or 25 for STARTTLS"),
    smtp_secure: z
      .boolean()
      .default(true)
      .describe("true: TLS or STARTTLS is required; false: plain, and then without a login"),
    smtp_tls: z
      .enum(["auto", "implicit", "starttls"])
      .default("auto")
      .describe("With smtp_secure: TLS from the start, or by STARTTLS; auto: from the start on port 465"),
    to: z.union([addresses, z.array(address).min(1)]).describe("Receivers: a list, or one text separated by commas"),
    from: address.describe("Sender"),
    user: z.string().min(1).optional().describe("Login; default with a password: the sender's address"),
    username: z.string().min(1).optional().describe("The same as user"),
    password: z.string().min(1).meta({ secret: true }).optional().describe("Password of the login"),
  })
  .refine((config) => config.user === undefined || config.username === undefined, {
    path: ["username"],
    message: "user and username are the same: give one of them",
  })
  .refine((config) => config.password !== undefined || (config.user === undefined && config.username === undefined), {
    path: ["password"],
    message: 'the key "password" is missing, which a login needs',
  })
  .refine((config) => config.smtp_secure || config.password === undefined, {
    path: ["smtp_secure"],
    message: "a password is never sent over a plain connection: set smtp_secure: true or remove the login",
  });
export type EmailConfig = z.infer<typeof EmailConfig>;
