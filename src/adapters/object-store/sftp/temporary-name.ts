// Temporary files stand beside the object they become: `.{name}.{12 hex digits}.part`, as long as a name may be.

import { randomBytes } from "node:crypto";

const pattern = /^\.(.+)\.[0-9a-f]{12}\.part$/s;
const maxNameBytes = 255 - ".".length - ".0123456789ab.part".length;

export function temporaryName(name: string): string {
  let kept = name;
  while (Buffer.byteLength(kept) > maxNameBytes) kept = [...kept].slice(0, -1).join("");
  return `.${kept}.${randomBytes(6).toString("hex")}.part`;
}

/** The name that the file would have got, undefined when it is none of ours. */
export function parseTemporaryName(fileName: string): string | undefined {
  return pattern.exec(fileName)?.[1];
}
