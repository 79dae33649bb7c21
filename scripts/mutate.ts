// npm run mutate: plants small mistakes, one at a time, into a copy of the tree and asks whether the tests notice.
//
//   scripts/mutate.ts [GROUP ...] [--minutes N] [--min PERCENT] [--every N]
//
// --minutes stops after that time, --every tries only each Nth mutant (spread over all files), --min makes a lower score a
// failure. What survived is printed with its place and written to reports/mutation.json.

import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { findMutants, type Mutant } from "./mutate/find-mutants.ts";
import { openParser } from "./syntax/parse-source.ts";
import { openWorkplace, type Workplace } from "./mutate/workplace.ts";

const root = join(import.meta.dir, "..");

/** What is mutated, and the tests that have to notice. */
const groups: Readonly<Record<string, { readonly files: readonly string[]; readonly tests: readonly string[] }>> = {
  retention: { files: ["src/domain/retention/*.ts"], tests: ["src/domain/retention"] },
  "container-format": {
    files: ["src/domain/backup/container-format.ts", "src/adapters/cipher/aes-256-gcm/*.ts"],
    tests: ["src/domain/backup", "src/adapters/cipher/aes-256-gcm"],
  },
  commit: {
    files: [
      "src/usecases/{commit-backup,compress-part,store-part,fan-out,collect-debris}.ts",
      "src/domain/backup/{seal-manifest,parse-manifest,object-key}.ts",
    ],
    tests: ["src/domain/backup", "src/usecases", "tests/e2e/lifecycle.test.ts"],
  },
  restore: {
    files: ["src/usecases/{restore-backup,restore-file,restore-parts,restore-to-files,open-plain-part}.ts"],
    tests: ["src/usecases", "tests/e2e/lifecycle.test.ts"],
  },
};

interface Trial extends Mutant {
  readonly group: string;
  readonly path: string;
  readonly text: string;
}

const { values: options, positionals } = parseArgs({
  args: process.argv.slice(2),
  allowPositionals: true,
  options: { minutes: { type: "string" }, min: { type: "string" }, every: { type: "string" } },
});
const endMs = performance.now() + Number(options.minutes ?? Number.POSITIVE_INFINITY) * 60_000;
const chosen = positionals.length === 0 ? Object.keys(groups) : positionals;

async function listTrials(): Promise<Trial[]> {
  await using parser = await openParser(root);
  const trials: Trial[] = [];
  for (const group of chosen) {
    const { files } = groups[group] ?? { files: [] };
    if (files.length === 0) throw new Error(`no group '${group}'; there are ${Object.keys(groups).join(", ")}`);
    for (const pattern of files)
      for (const path of [...new Bun.Glob(pattern).scanSync({ cwd: root })].toSorted()) {
        if (path.endsWith(".test.ts")) continue;
        const file = await parser.parse(path);
        trials.push(...findMutants(file).map((mutant) => ({ ...mutant, group, path, text: file.text })));
      }
  }
  const every = Number(options.every ?? 1);
  return trials.filter((_, index) => index % every === 0);
}

function place({ path, text, start, end, replacement }: Trial): string {
  const line = text.slice(0, start).split("\n").length;
  const original = text.slice(start, end).replaceAll(/\s+/g, " ");
  return `${path}:${line}: ${original.length > 60 ? `${original.slice(0, 57)}…` : original} → ${replacement}`;
}

const trials = await listTrials();
const survivors: Trial[] = [];
const done = new Map<string, { killed: number; tried: number }>();
let next = 0;

async function work(workplace: Workplace): Promise<void> {
  for (;;) {
    const trial = trials[next++];
    if (trial === undefined || performance.now() > endMs) return;
    const mutated = trial.text.slice(0, trial.start) + trial.replacement + trial.text.slice(trial.end);
    const killed = await workplace.notices(trial.path, mutated, groups[trial.group]?.tests ?? []);
    const score = done.get(trial.path) ?? { killed: 0, tried: 0 };
    done.set(trial.path, { killed: score.killed + (killed ? 1 : 0), tried: score.tried + 1 });
    if (killed) continue;
    survivors.push(trial);
    console.log(`survived  ${place(trial)}`);
  }
}

{
  await using first = await openWorkplace(root);
  await using second = await openWorkplace(root);
  for (const group of chosen) {
    const tests = groups[group]?.tests ?? [];
    if (!(await first.passes(tests)))
      throw new Error(`the tests of '${group}' fail before anything is mutated: ${tests.join(" ")}`);
  }
  console.log(`mutate: ${trials.length} mutants in ${new Set(trials.map(({ path }) => path)).size} files`);
  await Promise.all([work(first), work(second)]);
}

const scores = [...done].toSorted(([one], [other]) => one.localeCompare(other));
for (const [path, { killed, tried }] of scores)
  console.log(`${percent(killed, tried).padStart(6)}  ${killed}/${tried}  ${path}`);
const killed = scores.reduce((sum, [, score]) => sum + score.killed, 0);
const tried = scores.reduce((sum, [, score]) => sum + score.tried, 0);
await mkdir(join(root, "reports"), { recursive: true });
await writeFile(
  join(root, "reports/mutation.json"),
  `${JSON.stringify({ killed, tried, planned: trials.length, survivors: survivors.map(place) }, null, 2)}\n`,
);
console.log(`mutate: ${percent(killed, tried)} noticed: ${killed} of ${tried} tried, ${trials.length} planned`);
process.exit(tried > 0 && (100 * killed) / tried >= Number(options.min ?? 0) ? 0 : 1);

function percent(part: number, whole: number): string {
  return `${whole === 0 ? 0 : ((100 * part) / whole).toFixed(1)} %`;
}
