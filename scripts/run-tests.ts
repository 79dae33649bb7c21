// Runs the suites named (unit, integration, e2e; all without a name), prints one line per file and writes
// reports/summary.json. A run is good only if every process ended with 0 and its report counts no failure: after a load
// error Bun's report shows no failure at all.
//
//   scripts/run-tests.ts [unit|integration|e2e|PART-OF-A-PATH ...]

import { mkdir, rm, writeFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { type Counts, emptyCounts, readReport, sumCounts } from "./run-tests/read-report.ts";

const root = join(import.meta.dir, "..");
const reports = join(root, "reports");
const inCi = process.env["CI"] === "true";
const testTimeoutMs = 120_000;
const processTimeoutMs = 10 * 60_000;

interface Job {
  readonly suite: string;
  readonly name: string;
  readonly targets: readonly string[];
}

const suites: Readonly<Record<string, () => Job[]>> = {
  // Fast and without servers: one process for all. The gates' tests copy the tree and are slower, so they go apart.
  unit: () => [
    { suite: "unit", name: "src", targets: ["./src/"] },
    ...testFiles("tests/architecture").map((path) => jobOf("unit", path)),
  ],
  // A process each: a crash or a leaked server of one file does not touch the next.
  integration: () => testFiles("tests/integration").map((path) => jobOf("integration", path)),
  e2e: () => testFiles("tests/e2e").map((path) => jobOf("e2e", path)),
};

function testFiles(folder: string): string[] {
  return [...new Bun.Glob(`${folder}/**/*.test.ts`).scanSync({ cwd: root })].toSorted();
}

function jobOf(suite: string, path: string): Job {
  return { suite, name: path.replace(/^tests\//, "").replace(/\.test\.ts$/, ""), targets: [`./${path}`] };
}

function chooseJobs(words: readonly string[]): Job[] {
  const all = Object.values(suites).flatMap((list) => list());
  if (words.length === 0) return all;
  return all.filter(({ suite, targets }) => words.some((word) => suite === word || targets[0]?.includes(word)));
}

async function runJob(job: Job): Promise<Counts> {
  const folder = join(reports, job.suite, job.name.replaceAll("/", "-"));
  await mkdir(folder, { recursive: true });
  const report = join(folder, "junit.xml");
  const startedMs = performance.now();
  const child = Bun.spawn(
    [
      join(root, "node_modules/.bin/bun"),
      "test",
      ...job.targets,
      `--timeout=${testTimeoutMs}`,
      "--reporter=junit",
      `--reporter-outfile=${report}`,
    ],
    { cwd: root, stdin: "ignore", stdout: "pipe", stderr: "pipe", timeout: processTimeoutMs, killSignal: "SIGKILL" },
  );
  const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  const counts = await readReport(report, child.exitCode);
  await writeFile(join(folder, "output.log"), stdout + stderr);
  const bad = counts.failed > 0 || (inCi && counts.skipped > 0);
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
  const skips = counts.skipped === 0 ? "" : `, ${counts.skipped} skipped`;
  console.log(
    `${bad ? "FAILED" : "ok    "} ${job.name}: ${counts.passed} passed, ${counts.failed} failed${skips} (${seconds} s)`,
  );
  if (counts.withoutGo > 0) console.log(`       ${counts.withoutGo} tests of MongoDB left out: their programs need Go`);
  if (bad) console.log(stdout + stderr + (child.signalCode === null ? "" : `\nended by ${child.signalCode}\n`));
  else if (counts.skipped > 0)
    console.log(
      stderr
        .split("\n")
        .filter((line) => line.startsWith("(skip)"))
        .join("\n"),
    );
  return counts;
}

const words = process.argv.slice(2);
const jobs = chooseJobs(words);
await rm(join(reports, "summary.json"), { force: true });
for (const suite of new Set(jobs.map((job) => job.suite)))
  await rm(join(reports, suite), { recursive: true, force: true });

// Most files wait for servers more than they compute. Two at once keep two cores busy; more would make them slow instead.
const lanes = Math.min(2, availableParallelism());
let counts = emptyCounts;
const queue = [...jobs];
async function workOff(): Promise<void> {
  for (let job = queue.shift(); job !== undefined; job = queue.shift()) {
    const found = await runJob(job);
    counts = sumCounts(counts, found);
  }
}
await Promise.all(Array.from({ length: lanes }, workOff));

await mkdir(reports, { recursive: true });
await writeFile(join(reports, "summary.json"), `${JSON.stringify(counts)}\n`);
if (inCi && counts.skipped > 0) console.log(`${counts.skipped} tests were skipped, which CI does not allow`);
if (counts.passed === 0) console.log("no test passed: nothing was found to run");
console.log(
  `${counts.passed} passed, ${counts.failed} failed${counts.skipped === 0 ? "" : `, ${counts.skipped} skipped`}`,
);
process.exit(counts.failed === 0 && counts.passed > 0 && !(inCi && counts.skipped > 0) ? 0 : 1);
