// Temporary files stand beside the object they become: `.{name}.{12 hex digits}.part`, as long as a name may be. An object
// that makes room for its replacement is `.{name}.replaced` for two requests, or longer when they are cut off.

import { randomBytes } from "node:crypto";

const pattern = /^\.(.+)\.[0-9a-f]{12}\.part$/s;
const asideEnding = ".replaced";
const maxNameBytes = 255 - ".".length - ".0123456789ab.part".length;

export function temporaryName(name: string): string {
  let kept = name;
  while (Buffer.byteLength(kept) > maxNameBytes) kept = [...kept].slice(0, -1).join("");
  return `.${kept}.${randomBytes(6).toString("hex")}.part`;
}

/** Undefined for a name that leaves no room for more. */
export function asideName(name: string): string | undefined {
  const aside = `.${name}${asideEnding}`;
  return Buffer.byteLength(aside) > 255 ? undefined : aside;
}

/** The name that the file had, undefined when it is none of ours. */
export function parseAsideName(fileName: string): string | undefined {
  const isOurs = fileName.startsWith(".") && fileName.endsWith(asideEnding);
  return isOurs ? fileName.slice(1, -asideEnding.length) || undefined : undefined;
}

/** The name that the file would have got, undefined when it is none of ours. */
export function parseTemporaryName(fileName: string): string | undefined {
  return pattern.exec(fileName)?.[1];
}
