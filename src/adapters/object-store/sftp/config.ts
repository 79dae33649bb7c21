import { z } from "zod";

export const SftpStoreConfig = z
  .strictObject({
    host: z.string().min(1).describe("Name or address of the server"),
    port: z.int().min(1).max(65535).default(22).describe("Port; Hetzner storage boxes use 23"),
    user: z.string().min(1).describe("Login name"),
    password: z.string().min(1).optional().meta({ secret: true }).describe("Password, when no key is used"),
    private_key_path: z.string().min(1).optional().describe("File of the private key to log in with"),
    passphrase: z.string().min(1).optional().meta({ secret: true }).describe("Passphrase of the private key"),
    known_hosts_path: z
      .string()
      .min(1)
      .default("~/.ssh/known_hosts")
      .describe("File with the server's host key, as ssh-keyscan writes it; an unknown host is refused"),
    path: z
      .string()
      .regex(/^[^\p{Cc}]+$/u, "must be one line")
      .describe("Directory that holds the backups: absolute, or relative to the one after login, as . or backups"),
  })
  .refine((config) => config.password !== undefined || config.private_key_path !== undefined, {
    path: ["private_key_path"],
    message: "private_key_path or password is needed to log in",
  })
  .refine((config) => config.passphrase === undefined || config.private_key_path !== undefined, {
    path: ["passphrase"],
    message: "passphrase needs private_key_path",
  });
export type SftpStoreConfig = z.infer<typeof SftpStoreConfig>;
