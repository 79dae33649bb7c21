import { firstWords, groupsOf, type Completable, type CompletableFlag } from "./completable.ts";

export function renderBashCompletion(commands: readonly Completable[], globals: readonly CompletableFlag[]): string {
  const groups = [...groupsOf(commands)].map(
    ([group, members]) => `      "${group} ") words="${members.map(({ words }) => words[1]).join(" ")}" ;;`,
  );
  const choices = commands.flatMap(({ words, flags }) =>
    flags.flatMap(({ long, value }) =>
      value === null || value.choices.length === 0
        ? []
        : [`    "${words.join(" ")} ${long}") words="${value.choices.join(" ")}" ;;`],
    ),
  );
  const taking = [...new Set(commands.flatMap(({ flags }) => flags.filter(({ value }) => value !== null)))];
  const withValue = [...new Set(taking.flatMap(({ long, short }) => (short === null ? [long] : [long, short])))];
  const flags = commands.map(
    ({ words, flags: own }) => `      "${words.join(" ")}") words="${own.map(({ long }) => long).join(" ")}" ;;`,
  );
  const singles = commands.filter(({ words }) => words.length === 1).map(({ words }) => words[0]!);
  return `_backupctl() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}" words="" first="" second="" word skip=""
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    if [ -n "$skip" ]; then skip=""; continue; fi
    case "$word" in
      ${withValue.join("|")}) skip=yes ;;
      -*) ;;
      *) if [ -z "$first" ]; then first="$word"; elif [ -z "$second" ]; then second="$word"; fi ;;
    esac
  done
  COMPREPLY=()
  # A command of one word has no second: what follows are its arguments.
  case " ${singles.join(" ")} " in *" $first "*) second="" ;; esac
  local command="$first\${second:+ $second}"
  if [ -n "$skip" ]; then
    case "$command $previous" in
${choices.join("\n")}
    esac
  elif [ "\${current#-}" != "$current" ]; then
    case "$command" in
${flags.join("\n")}
      *) words="${globals.map(({ long }) => long).join(" ")}" ;;
    esac
  elif [ -z "$first" ]; then
    words="${firstWords(commands)
      .map(([word]) => word)
      .join(" ")}"
  else
    case "$first $second" in
${groups.join("\n")}
    esac
  fi
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}
complete -o default -F _backupctl backupctl`;
}
