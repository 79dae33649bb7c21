// Files that hold a password for a client program: 0600, in a 0700 directory of their own, gone after dispose.

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

export interface SecretDirectory extends AsyncDisposable {
  readonly path: string;
  /** Writes a file of mode 0600 and returns its path. */
  write(name: string, content: string): Promise<string>;
}

export async function openSecretDirectory(tmpDir: string): Promise<SecretDirectory> {
  const path = await mkdtemp(join(tmpDir, "secret-"));
  return {
    path,
    async write(name, content) {
      const file = join(path, name);
      await writeFile(file, content, { mode: 0o600, flag: "wx" });
      return file;
    },
    async [Symbol.asyncDispose]() {
      await rm(path, { recursive: true, force: true });
    },
  };
}
