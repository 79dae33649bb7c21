// `restic <project> …`: what stands behind the project is restic's, also what looks like an option of ours.

const command = "restic";
const globalsWithValue: ReadonlySet<string> = new Set(["-c", "--config"]);
const ownWithValue: ReadonlySet<string> = new Set(["--storage"]);

/** The same arguments, with `--` behind the project where the command is one that passes everything on. */
export function separatePassThrough(argv: readonly string[]): readonly string[] {
  const commandAt = findPlainWord(argv, 0, globalsWithValue);
  if (argv[commandAt] !== command) return argv;
  const projectAt = findPlainWord(argv, commandAt + 1, ownWithValue);
  if (projectAt >= argv.length || argv[projectAt] === "--") return argv;
  return [...argv.slice(0, projectAt + 1), "--", ...argv.slice(projectAt + 1)];
}

/** Where the first word stands that is neither an option nor the value of one. */
function findPlainWord(argv: readonly string[], from: number, withValue: ReadonlySet<string>): number {
  let at = from;
  while (at < argv.length && argv[at]!.startsWith("-") && argv[at] !== "--") at += withValue.has(argv[at]!) ? 2 : 1;
  return at;
}
