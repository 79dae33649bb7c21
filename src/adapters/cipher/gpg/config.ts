import { z } from "zod";

export const GpgConfig = z.strictObject({
  recipient: z.string().min(1).optional().describe("Key that can open the backups: best its whole fingerprint"),
  recipients: z.array(z.string().min(1)).optional().describe("Several keys, each of which can open the backups"),
  homedir: z.string().min(1).optional().describe("GnuPG directory with the keys; default is the user's own"),
  passphrase_file: z
    .string()
    .min(1)
    .optional()
    .describe("File with the private key's passphrase, needed for verify and restore only"),
});
export type GpgConfig = z.infer<typeof GpgConfig>;
