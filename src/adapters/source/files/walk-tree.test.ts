import { expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { walkTree } from "./walk-tree.ts";
import { createWarningList } from "./warning-list.ts";

test("a directory that is replaced by a link or vanishes while it is read is warned of, others are not", () => {
  const root = mkdtempSync(join(tmpdir(), "bk-walk-"));
  try {
    for (const name of ["a", "b", "c"]) {
      mkdirSync(join(root, name));
      writeFileSync(join(root, name, "one"), "1");
      writeFileSync(join(root, name, "two"), "2");
    }
    const warnings = createWarningList(() => {});
    const seen: string[] = [];
    for (const { path } of walkTree({ roots: [root], excludes: () => false, skip: new Set(), warnings })) {
      seen.push(path.slice(root.length));
      if (path === join(root, "a", "one")) {
        renameSync(join(root, "a"), join(root, "away"));
        symlinkSync("b", join(root, "a"));
      }
      if (path === join(root, "c", "two")) rmSync(join(root, "c"), { recursive: true });
    }
    expect(seen).toEqual(["", "/a", "/a/one", "/a/two", "/b", "/b/one", "/b/two", "/c", "/c/one", "/c/two"]);
    expect(warnings.list()).toEqual([`changed while it was read: ${root}/a`, `changed while it was read: ${root}/c`]);
  } finally {
    rmSync(root, { recursive: true });
  }
});
