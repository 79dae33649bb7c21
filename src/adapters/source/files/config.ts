// Settings of the files source: the `assets` block of a project.

import { z } from "zod";

export const FilesConfig = z.strictObject({
  paths: z
    .array(
      z
        .string()
        .min(1)
        .regex(/^\/|^[A-Za-z]:[\\/]/, "must be absolute"),
    )
    .min(1)
    .describe("Directories and files to back up, as absolute paths."),
  exclude: z
    .array(z.string().min(1))
    .default([])
    .describe(
      "Patterns of what to leave out: *.tmp is compared with every name, cache/** with the path below each asset path, /a/b with the absolute path.",
    ),
});
export type FilesConfig = z.infer<typeof FilesConfig>;
