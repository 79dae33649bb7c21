// Mistakes that make a test say nothing. The linter's own rules for them see jest's names only, not those of bun:test.

import { type Breach, lineAt, type Tree } from "../read-tree.ts";

const chosen = /\b(?:test|it|describe)\s*\.\s*(only|skip|todo|skipIf|todoIf|if|failing)\b/g;

export function findTestMistakes(tree: Tree): Breach[] {
  return tree.files
    .filter(({ path }) => /\.(test|contract)\.tsx?$/.test(path) && !path.startsWith("tests/architecture/"))
    .flatMap(({ path, text }) => [
      ...[...text.matchAll(chosen)].map((match) => ({
        path,
        line: lineAt(text, match.index),
        problem: `${match[0]} hides tests; what needs a program says so with needs(…)`,
      })),
      ...[...text.matchAll(/\.\s*(?:rejects|resolves)\b/g)]
        .filter((match) => !isAwaited(text, match.index))
        .map((match) => ({
          path,
          line: lineAt(text, match.index),
          problem: "nobody waits for this expectation; put await before expect(…)",
        })),
    ]);
}

/** Whether the `expect(…)` that ends at the index is awaited, returned or handed to something that is. */
function isAwaited(text: string, end: number): boolean {
  const start = findExpect(text, end);
  if (start === undefined) return true;
  return !/[;{})]$/.test(text.slice(0, start).trimEnd());
}

function findExpect(text: string, end: number): number | undefined {
  let depth = 0;
  for (let at = end - 1; at >= 0; at--) {
    if (text[at] === ")") depth++;
    else if (text[at] === "(" && --depth === 0) return /\bexpect\s*$/.exec(text.slice(0, at))?.index;
  }
  return undefined;
}
