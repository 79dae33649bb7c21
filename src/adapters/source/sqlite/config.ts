// Settings of the SQLite source.

import { z } from "zod";

export const SqliteConfig = z.strictObject({
  path: z.string().min(1).describe("Path of the database file."),
});
export type SqliteConfig = z.infer<typeof SqliteConfig>;
