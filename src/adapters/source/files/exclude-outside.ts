// Our exclude patterns for a program that knows neither "below each asset path" nor `{a,b}`: each one absolute, so that
// it speaks of the asset paths alone and of nothing else that is saved with them.

export function anchorExcludes(patterns: readonly string[], roots: readonly string[]): readonly string[] {
  const plain = patterns.filter((pattern) => pattern !== "" && pattern !== "/").flatMap(expandBraces);
  return [...new Set(plain.flatMap((pattern) => anchor(toPlainSets(pattern), roots)))];
}

function anchor(pattern: string, roots: readonly string[]): readonly string[] {
  const directoriesOnly = pattern.endsWith("/");
  const body = (directoriesOnly ? pattern.slice(0, -1) : pattern).replace(/^\.\//, "");
  // A directory cannot be told from a file there: its content goes, the empty directory stays.
  const end = directoriesOnly ? "/**" : "";
  if (body.startsWith("/")) return roots.some((root) => mayMeet(body, root)) ? [`${body}${end}`] : [];
  const between = body.includes("/") ? "/" : "/**/";
  return roots.map((root) => `${escape(root === "/" ? "" : root)}${between}${body}${end}`);
}

/** An absolute pattern that can match nothing below a root would only hit what is saved beside it. */
function mayMeet(pattern: string, root: string): boolean {
  const literal = /^[^*?[\\]*/.exec(pattern)![0];
  const within = root === "/" ? "/" : `${root}/`;
  return literal.startsWith(within) || within.startsWith(literal);
}

function escape(path: string): string {
  return path.replaceAll(/[*?[\]\\]/g, String.raw`\$&`);
}

/** `[!a]` as `[^a]`. */
function toPlainSets(pattern: string): string {
  return pattern.replaceAll(/(^|[^\\])\[!/g, "$1[^");
}

/** The first pair that is not escaped and holds a comma, then the rest; as many patterns as there are choices. */
function expandBraces(pattern: string): readonly string[] {
  for (let open = 0; open < pattern.length; open++) {
    if (pattern[open] === "\\") open++;
    else if (pattern[open] === "{") {
      const pieces = splitBraces(pattern, open);
      if (pieces === undefined) continue;
      const [before, after] = [pattern.slice(0, open), pattern.slice(pieces.end + 1)];
      return pieces.choices.flatMap((choice) => expandBraces(`${before}${choice}${after}`));
    }
  }
  return [pattern];
}

function splitBraces(pattern: string, open: number): { readonly choices: string[]; readonly end: number } | undefined {
  const choices: string[] = [];
  let depth = 0;
  let from = open + 1;
  for (let at = open; at < pattern.length; at++) {
    const character = pattern[at];
    if (character === "\\") at++;
    else if (character === "{") depth++;
    else if ((character === "," && depth === 1) || (character === "}" && depth-- === 1)) {
      choices.push(pattern.slice(from, at));
      from = at + 1;
      if (character === "}") return { choices, end: at };
    }
  }
  return undefined;
}
