// The key that an SSH server showed which no file of known hosts names. Only a person can say whether it is the right one.

import type { AppError } from "../error.ts";

export interface UnknownHost {
  /** As known_hosts writes it: the bare name on port 22, else `[name]:port`. */
  readonly host: string;
  readonly keyType: string;
  readonly fingerprint: string;
  readonly knownHostsPath: string;
  /** The line to add. */
  readonly line: string;
}

/** Undefined for every other error, above all for a key that differs from the one that is known. */
export function unknownHostOf(error: AppError | null): UnknownHost | undefined {
  return error?.details["unknownHost"] as UnknownHost | undefined;
}
