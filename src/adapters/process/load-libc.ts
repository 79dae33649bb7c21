// The C library, for the few calls that the runtime does not offer.

import { arch, platform } from "node:process";

/** `bind` opens the library by its name. Undefined on other systems than Linux, and where none can be opened. */
export function loadLibc<Bound>(bind: (library: string) => Bound): Bound | undefined {
  if (platform !== "linux") return undefined;
  const musl = `libc.musl-${arch === "arm64" ? "aarch64" : "x86_64"}.so.1`;
  for (const library of ["libc.so.6", musl]) {
    try {
      return bind(library);
    } catch {
      // The other C library's name comes next.
    }
  }
  return undefined;
}
