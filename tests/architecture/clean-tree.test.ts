// The counterpart of the planted breaches: the tree as it is passes every gate, in a copy like theirs.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { gates } from "../../scripts/check/gates.ts";
import { copyTree, type PlantedTree } from "./planted-tree.ts";

let tree: PlantedTree;
beforeAll(async () => {
  tree = await copyTree();
});
afterAll(() => tree[Symbol.asyncDispose]());

describe("the tree as it is", () => {
  for (const gate of Object.keys(gates) as (keyof typeof gates)[]) {
    test(`passes the gate '${gate}'`, async () => {
      const { passed, output } = await tree.ask(gate);
      if (!passed) console.error(output);
      expect(passed).toBe(true);
    }, 120_000);
  }
});
