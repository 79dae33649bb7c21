// Whoever starts a daemon that fails starts it again, every few seconds and for ever: people hear of the same fault once a day.

import { createHash } from "node:crypto";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";

const dayMs = 24 * 60 * 60_000;

function placeOf(baseDir: string): string {
  return join(baseDir, ".backupctl", "told-configuration.json");
}

/** Remembers that this is told now; false where nothing can be remembered. */
export async function wasToldLately(baseDir: string, message: string, now: number): Promise<boolean> {
  const path = placeOf(baseDir);
  const digest = createHash("sha256").update(message).digest("hex");
  try {
    const known = JSON.parse(await readFile(path, "utf8")) as { readonly digest?: unknown; readonly at?: unknown };
    const agoMs = now - Number(known.at);
    if (known.digest === digest && agoMs >= 0 && agoMs < dayMs) return true;
  } catch {
    // Never told, or not to be read: it is told.
  }
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
    .then(() => writeFile(path, `${JSON.stringify({ digest, at: now })}\n`, { mode: 0o600 }))
    .catch(() => {});
  return false;
}

/** The configuration is valid again. */
export async function forgetTold(baseDir: string): Promise<void> {
  await rm(placeOf(baseDir), { force: true }).catch(() => {});
}
