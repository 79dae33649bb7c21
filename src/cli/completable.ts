// What a completion script needs to know of the commands.

export interface CompletableFlag {
  /** `--last` */
  readonly long: string;
  /** `-n` */
  readonly short: string | null;
  readonly description: string;
  /** Of its value; null for a flag without one. */
  readonly value: { readonly choices: readonly string[]; readonly isFile: boolean } | null;
}

export interface Completable {
  readonly words: readonly string[];
  readonly summary: string;
  readonly flags: readonly CompletableFlag[];
  readonly takesFile: boolean;
}

/** The words of first position, each once, with what it says of itself. */
export function firstWords(commands: readonly Completable[]): readonly (readonly [word: string, summary: string])[] {
  const found = new Map<string, string>();
  for (const { words, summary } of commands) {
    const word = words[0]!;
    const members = commands.filter((command) => command.words[0] === word && command.words.length > 1);
    if (!found.has(word))
      found.set(word, members.length === 0 ? summary : members.map((command) => command.words[1]).join(", "));
  }
  return [...found];
}

/** The groups (`config`) with their commands. */
export function groupsOf(commands: readonly Completable[]): ReadonlyMap<string, readonly Completable[]> {
  const members = commands.filter(({ words }) => words.length > 1);
  return Map.groupBy(members, ({ words }) => words[0]!);
}
