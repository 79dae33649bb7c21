import { mkdir } from "node:fs/promises";
import { translateDiskError } from "../adapters/object-store/local/errors.ts";

/** For us alone. The error is one that says what is in the way. */
export async function makeDirectory(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 }).catch((error: unknown) => {
    throw translateDiskError(error, `making ${path}`, path);
  });
}
