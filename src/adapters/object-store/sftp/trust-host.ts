// Adds a host key to the file of known hosts, after a person has said that it is the right one.

import { appendFile, chmod, mkdir, readFile } from "node:fs/promises";
import { dirname } from "node:path";
import { AppError } from "../../../domain/error.ts";
import type { UnknownHost } from "../../../domain/health/unknown-host.ts";

/** Makes the file (0600) and its directory (0700) where they are missing; what is in it stays. */
export async function trustHost({ host, knownHostsPath, line }: UnknownHost): Promise<void> {
  try {
    await mkdir(dirname(knownHostsPath), { recursive: true, mode: 0o700 });
    const text = await readFile(knownHostsPath, "utf8").catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw error;
    });
    const start = text === undefined || text === "" || text.endsWith("\n") ? "" : "\n";
    await appendFile(knownHostsPath, `${start}${line}\n`, { mode: 0o600 });
    if (text === undefined) await chmod(knownHostsPath, 0o600);
  } catch (cause) {
    const errno = (cause as NodeJS.ErrnoException).code ?? "unwritable";
    throw new AppError("storage_auth_failed", `the key of ${host} cannot be saved in ${knownHostsPath}: ${errno}`, {
      hint: "let the user that runs this program write the file, or set known_hosts_path",
      cause,
    });
  }
}
