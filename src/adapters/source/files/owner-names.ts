// Names of users and groups, read once from /etc: a backup carries both name and number, because numbers differ
// between machines.

import { readFileSync } from "node:fs";

export interface OwnerNames {
  userName(uid: number): string;
  groupName(gid: number): string;
  /** The number of the name on this machine, else the number given. */
  userId(name: string, fallback: number): number;
  groupId(name: string, fallback: number): number;
}

export function readOwnerNames(passwdPath = "/etc/passwd", groupPath = "/etc/group"): OwnerNames {
  const users = readIds(passwdPath);
  const groups = readIds(groupPath);
  return {
    userName: (uid) => users.names.get(uid) ?? "",
    groupName: (gid) => groups.names.get(gid) ?? "",
    userId: (name, fallback) => users.ids.get(name) ?? fallback,
    groupId: (name, fallback) => groups.ids.get(name) ?? fallback,
  };
}

function readIds(path: string): { readonly names: Map<number, string>; readonly ids: Map<string, number> } {
  const names = new Map<number, string>();
  const ids = new Map<string, number>();
  for (const line of readText(path).split("\n")) {
    const [name, , id] = line.split(":");
    if (name === undefined || name === "" || id === undefined || !/^\d+$/.test(id)) continue;
    if (!names.has(Number(id))) names.set(Number(id), name);
    if (!ids.has(name)) ids.set(name, Number(id));
  }
  return { names, ids };
}

function readText(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return ""; // Without the file the numbers alone are kept.
  }
}
