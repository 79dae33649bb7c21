// npm run coverage: runs the suites on a copy of the tree that counts what runs, and holds the result against what is
// promised. A line counts when every statement that starts on it ran; a file that nothing loads counts with all of it.
//
//   scripts/coverage.ts [--all] [SUITE-OR-PATH ...]      words narrow the tests down, as for npm test

import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type MeasuredFile, openInstrumentedTree } from "./measure/instrumented-tree.ts";

const root = join(import.meta.dir, "..");
const overallPercent = 80;

/** What may lose or spoil a backup when it is wrong: every line of it is run by some test. */
const whole = [
  "src/domain/retention/**/*.ts",
  "src/domain/backup/**/*.ts",
  "src/adapters/cipher/aes-256-gcm/**/*.ts",
  "src/usecases/{commit-backup,compress-part,read-ahead,store-part,fan-out,collect-debris,prune-backups}.ts",
  "src/usecases/{restore-backup,restore-file,restore-parts,restore-to-files,open-plain-part}.ts",
];
const notMeasured = /\.(test|contract|check)\.ts$|\/[a-z-]+-checks\//;

const words = process.argv.slice(2).filter((word) => !word.startsWith("--"));
const sources = await findSources();

/** All that runs as a module. A file imported as text becomes a program elsewhere, where there is nothing to count with. */
async function findSources(): Promise<string[]> {
  const paths = [...new Bun.Glob("src/**/*.ts").scanSync({ cwd: root })].filter((path) => !notMeasured.test(path));
  const texts = await Promise.all(paths.map(async (path) => [path, await readFile(join(root, path), "utf8")] as const));
  const asText = new Set(
    texts.flatMap(([path, text]) =>
      [...text.matchAll(/["'](\.[^"']+)["'](?:,)?\s*\{?\s*with:?\s*\{\s*type:\s*["']text["']/g)].map((match) =>
        join(dirname(path), match[1] ?? ""),
      ),
    ),
  );
  return paths.filter((path) => !asText.has(path)).toSorted();
}

interface Score {
  readonly path: string;
  readonly lines: number;
  readonly linesRun: number;
  readonly branches: number;
  readonly branchesRun: number;
  readonly missingLines: readonly number[];
  readonly missingBranches: readonly string[];
}

function scoreOf({ path, statements, branches }: MeasuredFile): Score {
  const lines = new Set(statements.map(({ line }) => line));
  const missing = new Set(statements.filter(({ ran }) => !ran).map(({ line }) => line));
  const missed = branches.filter(({ ran }) => !ran);
  return {
    path,
    lines: lines.size,
    linesRun: lines.size - missing.size,
    branches: branches.length,
    branchesRun: branches.length - missed.length,
    missingLines: [...missing].toSorted((one, other) => one - other),
    missingBranches: missed.map(({ line, column }) => `${line}:${column}`),
  };
}

const percent = (part: number, of: number): number => (of === 0 ? 100 : (100 * part) / of);
const sum = (scores: readonly Score[], key: "lines" | "linesRun" | "branches" | "branchesRun"): number =>
  scores.reduce((total, score) => total + score[key], 0);

async function run(folder: string, ...command: string[]): Promise<number> {
  // Skips are npm test's business: here they only leave lines without a run.
  const env = { ...process.env, CI: "false" };
  return Bun.spawn([join(root, "node_modules/.bin/bun"), ...command], {
    cwd: folder,
    env,
    stdio: ["ignore", "inherit", "inherit"],
  }).exited;
}

await using tree = await openInstrumentedTree(root, sources);
await run(tree.folder, "scripts/build.ts");
await run(tree.folder, "scripts/run-tests.ts", ...(words.length > 0 ? words : ["./src/", "integration", "e2e"]));

const scores = (await tree.read()).map(scoreOf);
const mustBeWhole = scores.filter(({ path }) => whole.some((pattern) => new Bun.Glob(pattern).match(path)));
const gaps = mustBeWhole.filter(({ lines, linesRun }) => linesRun < lines);
const empty = whole.filter((pattern) => !scores.some(({ path }) => new Bun.Glob(pattern).match(path)));

const showAll = process.argv.includes("--all");
for (const { path, lines, linesRun, branches, branchesRun } of scores)
  if (showAll || percent(linesRun, lines) < overallPercent)
    console.log(
      `${percent(linesRun, lines).toFixed(0).padStart(4)} % of ${String(lines).padStart(3)} lines, ` +
        `${percent(branchesRun, branches).toFixed(0).padStart(3)} % of ${String(branches).padStart(3)} branches  ${path}`,
    );
for (const { path, missingLines } of gaps)
  console.log(`must be whole: ${path}: lines ${missingLines.join(", ")} never ran`);
for (const { path, missingBranches } of mustBeWhole)
  if (missingBranches.length > 0) console.log(`branches of ${path} that never ran: ${missingBranches.join(", ")}`);
for (const pattern of empty) console.log(`nothing matches ${pattern}: the list in scripts/coverage.ts is out of date`);

const [linesPercent, branchesPercent] = [
  percent(sum(scores, "linesRun"), sum(scores, "lines")),
  percent(sum(scores, "branchesRun"), sum(scores, "branches")),
];
await mkdir(join(root, "reports"), { recursive: true });
await writeFile(
  join(root, "reports/coverage.json"),
  `${JSON.stringify({ linesPercent, branchesPercent, files: scores }, null, 2)}\n`,
);
console.log(
  `coverage: ${linesPercent.toFixed(1)} % of ${sum(scores, "lines")} lines (at least ${overallPercent}), ` +
    `${branchesPercent.toFixed(1)} % of ${sum(scores, "branches")} branches; ` +
    `${mustBeWhole.length - gaps.length} of ${mustBeWhole.length} files that must be whole are`,
);
const good = linesPercent >= overallPercent && gaps.length === 0 && empty.length === 0;
await tree[Symbol.asyncDispose]();
process.exit(good ? 0 : 1);
