// npm run coverage: merges what the suites measured (npm test -- --coverage) and holds it against what is promised.
// A line counts as covered when any suite ran it; a file that no suite loaded counts with all its lines.

import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { countCodeLines } from "./coverage-merge/count-code-lines.ts";
import { type Hits, mergeLcov } from "./coverage-merge/merge-lcov.ts";

const root = join(import.meta.dir, "..");
const overallPercent = 80;

/** What may lose or spoil a backup when it is wrong: every line of it is run by some test. */
const complete = [
  "src/domain/retention/**/*.ts",
  "src/domain/backup/**/*.ts",
  "src/adapters/cipher/aes-256-gcm/**/*.ts",
  "src/adapters/bytes/**/*.ts",
  "src/usecases/{commit-backup,store-part,seal-manifest,fan-out,collect-debris}.ts",
  "src/usecases/{prune-backups,restore-backup,restore-file,restore-parts,restore-to-files,open-plain-part}.ts",
];

const notMeasured = /\.(test|contract|check)\.ts$|\/[a-z-]+-checks\//;

interface Measured {
  readonly path: string;
  readonly lines: number;
  readonly covered: number;
  readonly missing: readonly number[];
}

async function measure(path: string, hits: Hits | undefined): Promise<Measured> {
  if (hits === undefined) return { path, lines: await countCodeLines(join(root, path)), covered: 0, missing: [] };
  const missing = [...hits].filter(([, count]) => count === 0).map(([line]) => line);
  return { path, lines: hits.size, covered: hits.size - missing.length, missing: missing.toSorted((a, b) => a - b) };
}

function percentOf(files: readonly Measured[]): number {
  const lines = files.reduce((sum, file) => sum + file.lines, 0);
  return lines === 0 ? 0 : (100 * files.reduce((sum, file) => sum + file.covered, 0)) / lines;
}

const { merged, reports } = await mergeLcov(join(root, "reports"));
const sources = [...new Bun.Glob("src/**/*.ts").scanSync({ cwd: root })].filter((path) => !notMeasured.test(path));
const files = await Promise.all(sources.toSorted().map((path) => measure(path, merged.get(path))));
const mustBeWhole = files.filter(({ path }) => complete.some((pattern) => new Bun.Glob(pattern).match(path)));
const gaps = mustBeWhole.filter(({ lines, covered }) => covered < lines);
const percent = percentOf(files);

const shownFiles = process.argv.includes("--all") ? files : files.filter(({ lines, covered }) => covered < lines * 0.8);
for (const file of shownFiles)
  console.log(`${percentOf([file]).toFixed(0).padStart(4)} % of ${String(file.lines).padStart(4)} lines  ${file.path}`);
for (const { path, missing, lines } of gaps)
  console.log(
    `must be 100 %: ${path}: ${missing.length === 0 ? `all ${lines} lines` : `lines ${missing.join(", ")}`} not run`,
  );
for (const pattern of complete)
  if (!mustBeWhole.some(({ path }) => new Bun.Glob(pattern).match(path)))
    console.log(`no file matches ${pattern}; the list in scripts/coverage.ts is out of date`);

await mkdir(join(root, "reports"), { recursive: true });
await writeFile(join(root, "reports/coverage.json"), `${JSON.stringify({ percent, files }, null, 2)}\n`);
const stale = complete.some((pattern) => !mustBeWhole.some(({ path }) => new Bun.Glob(pattern).match(path)));
const good = reports > 0 && percent >= overallPercent && gaps.length === 0 && !stale;
console.log(
  `coverage: ${percent.toFixed(1)} % of lines from ${reports} reports (at least ${overallPercent}), ` +
    `${mustBeWhole.length - gaps.length} of ${mustBeWhole.length} files that must be whole are`,
);
process.exit(good ? 0 : 1);
