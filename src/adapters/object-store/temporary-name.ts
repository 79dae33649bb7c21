// On storages made of files an object is written beside its place, as `.{name}.{12 hex digits}.part`. A name that would grow
// beyond what a directory holds is shortened; its debris is then found under the short name.

import { randomBytes } from "node:crypto";
import { AppError } from "../../domain/error.ts";
import { isObjectKey } from "./object-key.ts";

const pattern = /^\.(.+)\.[0-9a-f]{12}\.part$/s;
/** Of one name in a directory, on every file system in use. */
export const longestFileNameBytes = 255;
const maxNameBytes = longestFileNameBytes - ".".length - ".0123456789ab.part".length;

/** A new one at every call. */
export function temporaryName(name: string): string {
  let kept = name;
  while (Buffer.byteLength(kept) > maxNameBytes) kept = [...kept].slice(0, -1).join("");
  return `.${kept}.${randomBytes(6).toString("hex")}.part`;
}

/** The name that the file would have got, undefined when it is none of ours. */
export function parseTemporaryName(fileName: string): string | undefined {
  return pattern.exec(fileName)?.[1];
}

/** Throws `usage` for a path that is no debris of ours: whoever deletes by an id must not reach anything else. */
export function requireDebrisId(id: string, parseName: (fileName: string) => string | undefined): void {
  const folders = id.split("/");
  const name = parseName(folders.pop() ?? "");
  if (name !== undefined && isObjectKey([...folders, name].join("/"))) return;
  throw new AppError("usage", `${JSON.stringify(id)} is no unfinished file of this program`);
}
