import { expect, test } from "bun:test";
import { archivedPaths } from "./archived-paths.ts";

test("are those of the manifest, or none", () => {
  expect(archivedPaths({ facts: { paths: ["/a", "/b"], entries: 3 } })).toEqual(["/a", "/b"]);
  expect(archivedPaths({ facts: { entries: 3 } })).toEqual([]);
});
