// The gate for what no linter sees. Takes the tree's root as its only argument, the current directory without it.

import { readTree } from "./read-tree.ts";
import { findAdapterGaps } from "./rules/adapter-gaps.ts";
import { findForeignTechnology } from "./rules/foreign-technology.ts";
import { findMisplacedFiles } from "./rules/misplaced-files.ts";
import { findSilencedGates } from "./rules/silenced-gates.ts";
import { findTechnologyQuestions } from "./rules/technology-questions.ts";
import { findTestMistakes } from "./rules/test-mistakes.ts";

const root = process.argv[2] ?? process.cwd();
const tree = await readTree(root);
const breaches = [
  findMisplacedFiles(tree),
  findSilencedGates(tree),
  findForeignTechnology(tree),
  findTechnologyQuestions(tree),
  findTestMistakes(tree),
  findAdapterGaps(tree),
].flat();

for (const { path, line, problem } of breaches)
  console.error(`${path}${line === undefined ? "" : `:${line}`}: ${problem}`);
console.log(`layout: ${tree.files.length} files, ${breaches.length} breaches`);
if (tree.files.length === 0) console.error("layout: the tree is empty");
process.exit(breaches.length === 0 && tree.files.length > 0 ? 0 : 1);
