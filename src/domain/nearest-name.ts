// Suggests the known name that was probably meant.

/**
 * The nearest of `known`, when it is near enough to be a slip, else the only one that has the same words and more, or fewer
 * (`path_style` for `force_path_style`); undefined else.
 */
export function nearestName(name: string, known: Iterable<string>): string | undefined {
  const asked = fold(name).slice(0, 64);
  let best: { readonly name: string; readonly distance: number } | undefined;
  for (const candidate of known) {
    const distance = editDistance(asked, fold(candidate));
    const limit = Math.max(1, Math.floor(Math.max(asked.length, candidate.length) / 3));
    if (distance <= limit && (best === undefined || distance < best.distance)) best = { name: candidate, distance };
  }
  return best?.name ?? onlyOne([...known].filter((candidate) => shareWords(asked, fold(candidate))));
}

const minSharedLetters = 4;

function shareWords(a: string, b: string): boolean {
  const [short, long] = a.length < b.length ? [a, b] : [b, a];
  return short.length >= minSharedLetters && `_${long}_`.includes(`_${short}_`);
}

function onlyOne(names: readonly string[]): string | undefined {
  return names.length === 1 ? names[0] : undefined;
}

const namesInHint = 20;

/** The hint after a name that nothing has: the one that was probably meant, and which there are. */
export function hintNames(name: string, kind: string, known: readonly string[]): string {
  if (known.length === 0) return `there are no ${kind} yet`;
  const near = nearestName(name, known);
  const rest = known.length > namesInHint ? ` and ${known.length - namesInHint} more` : "";
  const list = `the ${kind} are ${known.slice(0, namesInHint).join(", ")}${rest}`;
  return near === undefined ? list : `did you mean ${near}? ${list}`;
}

function fold(name: string): string {
  return name.toLowerCase().replaceAll("-", "_");
}

/** Insertions, deletions, replacements and swaps of neighbours count one each. */
export function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let above = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= b.length; column += 1) {
      const same = a[row - 1] === b[column - 1];
      let cost = Math.min(above[column]! + 1, current[column - 1]! + 1, above[column - 1]! + (same ? 0 : 1));
      const swapped = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      if (swapped) cost = Math.min(cost, before[column - 2]! + 1);
      current.push(cost);
    }
    before = above;
    above = current;
  }
  return above[b.length]!;
}
