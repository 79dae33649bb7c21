// Settings of a storage of type `restic`.

import { z } from "zod";

export const ResticConfig = z
  .strictObject({
    repository: z.string().min(1).describe("Address of the repository in restic's own form"),
    password: z
      .string()
      .min(1)
      .optional()
      .meta({ secret: true })
      .describe("Password of the repository; default: RESTIC_PASSWORD"),
    env: z
      .record(z.string(), z.string().meta({ secret: true }))
      .default({})
      .describe("Variables for restic: the credentials of its back end"),
  })
  .describe("Repository of restic");
export type ResticConfig = z.infer<typeof ResticConfig>;
