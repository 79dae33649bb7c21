// A working copy beside the checkout, for what must not touch it: everything but what is made or fetched.

import { cp, readdir, symlink } from "node:fs/promises";
import { join } from "node:path";

const left = new Set([".git", "node_modules", "dist", "reports", "coverage", ".cache"]);

export async function copyTree(root: string, folder: string): Promise<void> {
  for (const name of await readdir(root))
    if (!left.has(name)) await cp(join(root, name), join(folder, name), { recursive: true });
  await symlink(join(root, "node_modules"), join(folder, "node_modules"));
}
