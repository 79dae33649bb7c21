// Whether a test may mount: the device must not only be there, it must open.

import { closeSync, openSync } from "node:fs";

const device = "/dev/fuse";

/** What `needs(...)` takes: the device, or the words that say what is missing. */
export function fuseDevice(): string {
  try {
    closeSync(openSync(device, "r+"));
    return device;
  } catch {
    return `a ${device} that opens`;
  }
}
