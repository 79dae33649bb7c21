import { z } from "zod";

export const LocalStoreConfig = z.strictObject({
  path: z
    .string()
    .min(1)
    .describe("Directory that holds the backups; it is created with mode 0700 when a backup is first written"),
});
export type LocalStoreConfig = z.infer<typeof LocalStoreConfig>;
