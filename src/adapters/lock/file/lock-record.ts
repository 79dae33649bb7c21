// What a lock file holds, for us and for whoever opens it in an editor.

import { z } from "zod";
import type { LockHolder } from "../../../ports/lock.ts";

export const LockRecord = z.object({
  owner: z.object({
    host: z.string().min(1),
    bootId: z.string().min(1),
    pid: z.int().positive(),
    startTicks: z.string().min(1),
  }),
  purpose: z.string(),
  since: z.iso.datetime(),
  /** Names this one acquisition, so that a file is only ever removed by who has read just that one. */
  token: z.string().regex(/^[0-9a-f]{16}$/),
});
export type LockRecord = z.infer<typeof LockRecord>;

export function formatLockRecord(record: LockRecord): string {
  return `${JSON.stringify(record, null, 2)}\n`;
}

/** Undefined for a file that is none of ours. */
export function parseLockRecord(text: string): LockRecord | undefined {
  try {
    return LockRecord.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

export function holderOf({ owner, purpose, since }: LockRecord): LockHolder {
  return { owner, purpose, since: Date.parse(since) };
}
