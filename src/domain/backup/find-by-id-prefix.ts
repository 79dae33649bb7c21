// Finds a backup by the beginning of its id.

import { AppError } from "../error.ts";

/** The backup whose id is `wanted` or, alone, begins with it. Throws `backup_not_found`, or `usage` for several. */
export function getByIdPrefix<Item extends { readonly id: string }>(items: Iterable<Item>, wanted: string): Item {
  const found = new Map<string, Item>();
  const prefix = wanted.toLowerCase();
  for (const item of items) {
    if (item.id === prefix) return item;
    if (prefix !== "" && item.id.startsWith(prefix)) found.set(item.id, item);
  }
  const [first] = found.values();
  if (first === undefined) {
    throw new AppError("backup_not_found", `no backup has an id that begins with "${wanted}"`, {
      hint: "list them with `backupctl snapshots`",
    });
  }
  if (found.size > 1) {
    const some = [...found.keys()].slice(0, 5).join(", ");
    throw new AppError("usage", `"${wanted}" fits ${found.size} backups: ${some}`, { hint: "give more of the id" });
  }
  return first;
}
