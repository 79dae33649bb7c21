import { z } from "zod";

export const AgeConfig = z.strictObject({
  recipients: z
    .array(z.string().min(1))
    .optional()
    .describe("Public keys that can open the backups: age1…, ssh-ed25519 …, ssh-rsa …"),
  recipient: z.string().min(1).optional().describe("One public key, in place of the list"),
  recipients_file: z.string().min(1).optional().describe("File with one public key on each line"),
  identity_file: z.string().min(1).optional().describe("File with the private key, needed for verify and restore only"),
});
export type AgeConfig = z.infer<typeof AgeConfig>;
