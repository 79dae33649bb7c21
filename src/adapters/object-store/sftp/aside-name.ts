// An object that makes room for its replacement is `.{name}.replaced` for two requests, or longer when they are cut off.

import { longestFileNameBytes } from "../temporary-name.ts";

const ending = ".replaced";

/** Undefined for a name that leaves no room for more. */
export function asideName(name: string): string | undefined {
  const aside = `.${name}${ending}`;
  return Buffer.byteLength(aside) > longestFileNameBytes ? undefined : aside;
}

/** The name that the file had, undefined when it is none of ours. */
export function parseAsideName(fileName: string): string | undefined {
  const isOurs = fileName.startsWith(".") && fileName.endsWith(ending);
  return isOurs ? fileName.slice(1, -ending.length) || undefined : undefined;
}
