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
      .describe("Variables for restic: the credentials of its back end; default: those of the environment"),
    lock_wait_minutes: z
      .number()
      .min(0)
      .max(1_440)
      .default(10)
      .describe("How long a lock that somebody else holds in the repository is waited for"),
    ssh: z
      .strictObject({
        port: z.int().min(1).max(65_535).optional().describe("Port of the server; default: 22"),
        private_key_path: z.string().min(1).optional().describe("Key to log in with; default: ssh's own"),
        known_hosts_path: z.string().min(1).optional().describe("File with the server's key; default: ssh's own"),
      })
      .optional()
      .describe("How ssh logs in, for a repository that begins with sftp:"),
  })
  .describe("Repository of restic");
export type ResticConfig = z.infer<typeof ResticConfig>;
