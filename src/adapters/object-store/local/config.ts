import { z } from "zod";

export const LocalStoreConfig = z.strictObject({
  path: z
    .string()
    .min(1)
    // A relative one would be another directory for cron than for a shell: backups nobody finds again.
    .regex(/^\/|^[A-Za-z]:[\\/]/, "must be absolute")
    .describe(
      "Directory that holds the backups, absolute; it is created with mode 0700 when a backup is first written",
    ),
});
export type LocalStoreConfig = z.infer<typeof LocalStoreConfig>;
