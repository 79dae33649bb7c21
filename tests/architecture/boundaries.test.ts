// Every arrow between two layers is planted once: the gate reports each forbidden one and none of the allowed ones.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { copyTree, type PlantedTree } from "./planted-tree.ts";

const allowed: Readonly<Record<string, readonly string[]>> = {
  domain: [],
  contract: ["domain"],
  ports: ["domain"],
  usecases: ["domain", "ports"],
  adapters: ["domain", "ports", "contract"],
  server: ["domain", "usecases", "contract"],
  cli: ["domain", "usecases", "contract"],
  agent: ["domain", "ports", "usecases", "contract"],
  web: ["domain", "contract"],
};
const layers = Object.keys(allowed);
const arrows = layers.flatMap((from) => layers.filter((to) => to !== from).map((to) => ({ from, to })));

let tree: PlantedTree;
let violations: ReadonlySet<string>;
let unreached: readonly string[];

beforeAll(async () => {
  tree = await copyTree();
  for (const layer of layers) {
    const imports = layers
      .filter((to) => to !== layer)
      .map((to, at) =>
        // Half of them for types only: such an import is a dependency all the same.
        at % 2 === 0
          ? `import { planted as ${to} } from "../${to}/planted-target.ts";\nexport const from${at} = ${to};`
          : `import type { Planted as ${to} } from "../${to}/planted-target.ts";\nexport type From${at} = ${to};`,
      );
    await tree.plant({
      [`src/${layer}/planted-target.ts`]: "export const planted = 1;\nexport type Planted = number;\n",
      [`src/${layer}/planted-arrows.ts`]: `${imports.join("\n")}\n`,
    });
    await tree.append("src/main.ts", `import "./${layer}/planted-arrows.ts";\n`);
  }
  const { output } = await tree.ask("boundaries", "--format", "json");
  const report = JSON.parse(output.slice(output.indexOf("{"), output.lastIndexOf("}") + 1)) as {
    boundary_violations: { from_path: string; from_zone: string; to_zone: string }[];
    unused_files: { path: string }[];
  };
  violations = new Set(
    report.boundary_violations
      .filter(({ from_path: path }) => path.endsWith("/planted-arrows.ts"))
      .map(({ from_zone: from, to_zone: to }) => `${from} → ${to}`),
  );
  unreached = report.unused_files.map(({ path }) => path);
}, 60_000);
afterAll(() => tree[Symbol.asyncDispose]());

describe("the boundary gate", () => {
  for (const { from, to } of arrows) {
    const isAllowed = allowed[from]?.includes(to) === true;
    test(`${isAllowed ? "lets" : "does not let"} ${from} import ${to}`, () => {
      expect(violations.has(`${from} → ${to}`)).toBe(!isAllowed);
    });
  }

  test("looked at the planted files and did not take them for dead code", () => {
    expect(unreached.filter((path) => path.includes("planted"))).toEqual([]);
  });
});

describe("the boundary gate, one breach at a time", () => {
  const plantings: readonly (readonly [string, Readonly<Record<string, string>>, string])[] = [
    [
      "fails for one forbidden import",
      { "src/ports/planted.ts": 'import "../adapters/process/spawn-tool.ts";\n' },
      'import "./ports/planted.ts";\n',
    ],
    [
      "fails for a forbidden dynamic import",
      { "src/cli/planted.ts": 'export const load = () => import("../adapters/process/spawn-tool.ts");\n' },
      'import { load } from "./cli/planted.ts";\nvoid load;\n',
    ],
    ["fails for a file in no zone", { "src/planted/planted.ts": "export {};\n" }, 'import "./planted/planted.ts";\n'],
    ["fails for a file that nothing uses", { "src/domain/planted.ts": "export const planted = 1;\n" }, ""],
    [
      "fails for an export that nothing uses",
      { "src/domain/planted.ts": "export const used = 1;\nexport const planted = 1;\n" },
      'import { used } from "./domain/planted.ts";\nvoid used;\n',
    ],
    [
      "fails for a package that package.json does not name",
      { "src/domain/planted.ts": 'import "left-pad";\n' },
      'import "./domain/planted.ts";\n',
    ],
  ];
  for (const [name, files, inMain] of plantings) {
    test(`${name}`, async () => {
      await using copy = await copyTree();
      await copy.plant(files);
      await copy.append("src/main.ts", inMain);
      const { passed, output } = await copy.ask("boundaries", "--format", "json");
      expect(passed).toBe(false);
      expect(output).toMatch(/planted|left-pad/);
    });
  }
});
