// The gate for what no other tool sees, with one breach planted per rule in a copy of the tree.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { readTree, type Tree } from "../../scripts/check/read-tree.ts";
import { findAdapterGaps } from "../../scripts/check/rules/adapter-gaps.ts";
import { copyTree, type PlantedTree } from "./planted-tree.ts";

interface Planting {
  readonly rule: string;
  readonly path: string;
  readonly text: string;
  readonly problem: string;
}

const lines = (count: number): string => "// a line\n".repeat(count);
// Written apart, so that this file is not a breach itself.
const silence = (...words: string[]): string => `// ${words.join("-")}\n`;

const plantings: readonly Planting[] = [
  { rule: "a folder that is no layer", path: "src/services/planted.ts", text: "", problem: "lies in no layer" },
  { rule: "a file beside main.ts", path: "src/planted.ts", text: "", problem: "lies in no layer" },
  { rule: "a folder that is no layer, without code", path: "src/queries/planted.sql", text: "", problem: "no layer" },
  ...["utils", "util", "helpers", "helper", "common", "misc", "types", "shared", "constants", "interfaces"].map(
    (name) => ({
      rule: `a file called ${name}`,
      path: `src/domain/planted/${name}.ts`,
      text: "",
      problem: "does not say what is inside",
    }),
  ),
  { rule: "a folder called utils", path: "src/cli/utils/planted.ts", text: "", problem: "does not say" },
  { rule: "a test support file called helpers", path: "tests/support/helpers.ts", text: "", problem: "does not say" },
  { rule: "a name in camel case", path: "src/domain/plantedFile.ts", text: "", problem: "is not kebab-case" },
  { rule: "a name with an underscore", path: "src/domain/planted_file.ts", text: "", problem: "is not kebab-case" },
  { rule: "401 lines", path: "src/domain/planted-long.ts", text: lines(401), problem: "has 401 lines" },
  { rule: "401 lines in a test", path: "tests/e2e/planted-long.test.ts", text: lines(401), problem: "has 401 lines" },
  {
    rule: "a comment that silences the boundary gate",
    path: "src/domain/planted-silence.ts",
    text: silence("fallow", "ignore", "next-line boundary-violation"),
    problem: "may not be silenced",
  },
  {
    rule: "a comment that silences the boundary gate for a file",
    path: "tests/support/planted-silence.ts",
    text: silence("fallow", "ignore", "file"),
    problem: "may not be silenced",
  },
  {
    rule: "a lint rule switched off without a reason",
    path: "src/domain/planted-unreasoned.ts",
    text: silence("oxlint", "disable", "next", "line no-console"),
    problem: "say why",
  },
  {
    rule: "all lint rules switched off",
    path: "src/domain/planted-all-off.ts",
    text: silence("oxlint", "disable"),
    problem: "name the rule",
  },
  {
    rule: "the limit of lines switched off",
    path: "src/domain/planted-no-limit.ts",
    text: silence("oxlint", "disable max", "lines -- it is long for a reason"),
    problem: "split the file",
  },
  {
    rule: "a type error ignored",
    path: "src/domain/planted-ts-ignore.ts",
    text: `// @ts-${"ignore"}\n`,
    problem: "@ts-expect-error with a reason",
  },
  {
    rule: "an expected type error without a reason",
    path: "src/domain/planted-ts-expect.ts",
    text: `// @ts-${"expect-error"}\n`,
    problem: "say why",
  },
  {
    rule: "a technology that imports another one",
    path: "src/adapters/object-store/s3/planted-foreign.ts",
    text: 'import { open } from "../local/index.ts";\nvoid open;\n',
    problem: "imports the technology object-store/local",
  },
  {
    rule: "a technology that imports another one's types",
    path: "src/adapters/source/mysql/planted-foreign.ts",
    text: 'export type { MariadbConfig } from "../mariadb/config.ts";\n',
    problem: "imports the technology source/mariadb",
  },
  {
    rule: "a technology that imports another one when it runs",
    path: "src/adapters/source/mariadb/planted-foreign.ts",
    text: 'export const load = () => import("../mysql/index.ts");\n',
    problem: "imports the technology source/mysql",
  },
  {
    rule: "a technology that imports another port's technology",
    path: "src/adapters/cipher/age/planted-foreign.ts",
    text: 'import {\n  open,\n} from "../../object-store/local/index.ts";\nvoid open;\n',
    problem: "imports the technology object-store/local",
  },
  {
    rule: "a shared folder that imports a technology",
    path: "src/adapters/source/shared-mysql/planted-foreign.ts",
    text: 'import "../mysql/index.ts";\n',
    problem: "imports the technology source/mysql",
  },
  {
    rule: "a use case that asks for an engine",
    path: "src/usecases/planted-question.ts",
    text: 'export const f = (source: { type: string }) => source.type === "postgres";\n',
    problem: "asks for a technology by name",
  },
  {
    rule: "a command that asks the other way round",
    path: "src/cli/planted-question.ts",
    text: 'export const f = (type: string) => "s3" !== type;\n',
    problem: "asks for a technology by name",
  },
  {
    rule: "a switch over engines",
    path: "src/domain/planted-switch.ts",
    text: 'export function f(x: string) {\n  switch (x) {\n    case "mariadb":\n      return 1;\n  }\n}\n',
    problem: "asks for a technology by name",
  },
  {
    rule: "a question for a class",
    path: "src/usecases/planted-class.ts",
    text: "export const f = (x: unknown) => x instanceof PostgresSource;\n",
    problem: "asks for a class",
  },
  ...["test.only", "it.only", "describe.only", "test.skip", "describe.skip", "test.todo", "test.skipIf(true)"].map(
    (call, at) => ({
      rule: `a call of ${call}`,
      path: `src/domain/planted-choice-${at}.test.ts`,
      text: `${call}("x", () => {});\n`,
      problem: "hides tests",
    }),
  ),
  {
    rule: "an expected rejection that nobody waits for",
    path: "tests/e2e/planted-rejection.test.ts",
    text: 'test("x", async () => {\n  expect(f((1), g())).rejects.toThrow();\n});\n',
    problem: "nobody waits",
  },
  {
    rule: "an expected value that nobody waits for",
    path: "src/usecases/planted-value.test.ts",
    text: "const a = 1;\nexpect(\n  f(),\n)\n  .resolves.toBe(a);\n",
    problem: "nobody waits",
  },
  { rule: "an empty changelog fragment", path: "changelog/unreleased/planted.md", text: "\n", problem: "is empty" },
  { rule: "a fragment of another kind", path: "changelog/unreleased/planted.txt", text: "x\n", problem: ".md file" },
];

let tree: PlantedTree;
let reported: readonly string[];
let passed: boolean;

beforeAll(async () => {
  tree = await copyTree();
  for (const { path, text } of plantings) await tree.plant({ [path]: text });
  const verdict = await tree.ask("layout");
  passed = verdict.passed;
  reported = verdict.output.split("\n");
});
afterAll(() => tree[Symbol.asyncDispose]());

describe("the layout gate", () => {
  for (const { rule, path, problem } of plantings) {
    test(`does not let pass ${rule}`, () => {
      expect(passed).toBe(false);
      expect(reported.filter((line) => line.startsWith(path) && line.includes(problem))).not.toEqual([]);
    });
  }

  test("reports a file of 400 lines, a reasoned comment, awaited expectations and a registry's imports as nothing", async () => {
    await using copy = await copyTree();
    await copy.plant({
      "src/domain/planted-400.ts": lines(400),
      "src/domain/planted-await.test.ts":
        "await expect(f()).rejects.toThrow();\nconst g = () => expect(f()).resolves.toBe(1);\n" +
        "await Promise.all([expect(f()).rejects.toThrow(), expect(f()).rejects.toThrow()]);\n",
      "src/domain/planted-reason.ts": `${silence("oxlint", "disable", "next", "line no-console -- shown to the user")}`,
    });
    const { output } = await copy.ask("layout");
    expect(output).not.toContain("planted");
    expect(output).not.toContain("adapters/source/index.ts");
  });
});

describe("the completeness of adapters", () => {
  const adapter: Readonly<Record<string, string>> = {
    "src/adapters/notifier/planted/index.ts": "export {};\n",
    "src/adapters/notifier/planted/config.ts": "export {};\n",
    "src/adapters/notifier/planted/definition.ts": "export const plantedDefinition = {};\n",
    "src/adapters/notifier/planted/planted.test.ts": "export {};\n",
    "changelog/unreleased/planted.md": "Notifications can be sent to planted.\n",
  };
  const folder = "src/adapters/notifier/planted";
  const registration =
    'import { plantedDefinition } from "./planted/definition.ts";\nexport const more = [plantedDefinition];\n';
  const registry = "src/adapters/notifier/index.ts";

  let tree: Tree;
  beforeAll(async () => {
    tree = await readTree(join(import.meta.dir, "../.."));
  });

  const reportWithout = (left: string, registered: string) => {
    const added = Object.entries(adapter).map(([path, text]) => ({ path, text }));
    const files = [...tree.files, ...added]
      .filter(({ path }) => path !== left)
      .map((file) => (file.path === registry ? { path: registry, text: file.text + registered } : file));
    return findAdapterGaps({ files })
      .filter(({ path }) => path === folder)
      .map(({ problem }) => problem);
  };

  test("is satisfied by an adapter that has everything", () => {
    expect(reportWithout("", registration)).toEqual([]);
  });

  for (const name of ["index.ts", "config.ts", "definition.ts"]) {
    test(`demands ${name}`, () => {
      expect(reportWithout(`${folder}/${name}`, registration)).toEqual([`has no ${name}`]);
    });
  }

  test("is part of the gate", async () => {
    await using copy = await copyTree();
    await copy.plant({ [`${folder}/index.ts`]: "export {};\n" });
    const { passed: isGatePassed, output } = await copy.ask("layout");
    expect(isGatePassed).toBe(false);
    expect(output).toContain(`${folder}: is not in the registry`);
  });

  test("demands a test", () => {
    expect(reportWithout(`${folder}/planted.test.ts`, registration)).toEqual([
      "has no test, beside it or in tests/integration",
    ]);
  });

  test("demands the line in the registry, not only the import", () => {
    const gap = "is not in the registry";
    expect(reportWithout("", "")).toEqual([gap]);
    expect(reportWithout("", 'import { plantedDefinition } from "./planted/definition.ts";\n')).toEqual([gap]);
  });

  test("demands a changelog fragment", () => {
    expect(reportWithout("changelog/unreleased/planted.md", registration)).toEqual(["has no changelog fragment"]);
  });
});
