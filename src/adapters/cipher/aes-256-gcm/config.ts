import { z } from "zod";

export const Aes256GcmConfig = z.strictObject({
  password: z
    .string()
    .min(1)
    .meta({ secret: true })
    .optional()
    .describe("Password of the project's backups; without it and key_file the installation's own key is used"),
  key_file: z.string().min(1).optional().describe("Path of a key file made by `backupctl key generate`"),
  previous_passwords: z
    .array(z.string().min(1).meta({ secret: true }))
    .meta({ secret: true })
    .optional()
    .describe("Passwords or keys of older backups, only for reading"),
});
export type Aes256GcmConfig = z.infer<typeof Aes256GcmConfig>;
