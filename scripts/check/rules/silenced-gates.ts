// A comment that switches a gate off. Some are fair, if they name one rule and say why after `--`; the others are not.

import { type Breach, isCode, lineAt, type Tree } from "../read-tree.ts";

const never = [
  { pattern: new RegExp(["fallow", "ignore"].join("-"), "g"), problem: "the boundary gate may not be silenced" },
  { pattern: /@ts-(ignore|nocheck)\b/g, problem: "use @ts-expect-error with a reason" },
  { pattern: /(ox|es)lint-disable[a-z-]* [^\n]*max-lines/g, problem: "split the file instead" },
  { pattern: /(ox|es)lint-disable(-next-line|-line)?\s*(\*\/|\n)/g, problem: "name the rule that is switched off" },
];
const withReason = [
  { pattern: /(ox|es)lint-disable[^\n]*/g, reason: / -- \S.{8,}/ },
  { pattern: /@ts-expect-error[^\n]*/g, reason: /@ts-expect-error\s*(--|:)?\s*\S.{8,}/ },
];

export function findSilencedGates(tree: Tree): Breach[] {
  return tree.files
    .filter(({ path }) => isCode(path) && path !== "scripts/check/rules/silenced-gates.ts")
    .flatMap(({ path, text }) => [
      ...never.flatMap(({ pattern, problem }) =>
        [...text.matchAll(pattern)].map((match) => ({ path, line: lineAt(text, match.index), problem })),
      ),
      ...withReason.flatMap(({ pattern, reason }) =>
        [...text.matchAll(pattern)]
          .filter(([comment]) => !reason.test(comment))
          .map((match) => ({ path, line: lineAt(text, match.index), problem: "say why, after ` -- `" })),
      ),
    ]);
}
