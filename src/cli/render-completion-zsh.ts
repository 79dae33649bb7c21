import { firstWords, groupsOf, type Completable, type CompletableFlag } from "./completable.ts";

/** For a file `_backupctl` on the fpath, and for `source <(backupctl completion zsh)`. */
export function renderZshCompletion(commands: readonly Completable[], globals: readonly CompletableFlag[]): string {
  const groups = [...groupsOf(commands)].map(
    ([group, members]) =>
      `    ${quote(`${group} `)}) list=(${members.map(({ words, summary }) => describe(words[1]!, summary)).join(" ")}) ;;`,
  );
  const leaves = commands.map(
    ({ words, flags, takesFile }) =>
      `    ${quote(words.join(" "))}) _arguments -s -S ${flags.flatMap(argumentsOf).join(" ")} ${takesFile ? "'*:file:_files'" : "'*: :'"}; return ;;`,
  );
  const singles = commands.filter(({ words }) => words.length === 1).map(({ words }) => words[0]!);
  return `#compdef backupctl
_backupctl() {
  local word skip= first= second=
  local -a list
  for word in "\${(@)words[2,CURRENT-1]}"; do
    if [[ -n $skip ]]; then skip=; continue; fi
    case $word in
      -c|--config) skip=yes ;;
      -*) ;;
      *) if [[ -z $first ]]; then first=$word; elif [[ -z $second ]]; then second=$word; fi ;;
    esac
  done
  if [[ -n $skip ]]; then _files; return; fi
  if [[ -z $first ]]; then
    if [[ $PREFIX == -* ]]; then _arguments -S ${globals.flatMap(argumentsOf).join(" ")}; return; fi
    list=(${firstWords(commands)
      .map(([word, summary]) => describe(word, summary))
      .join(" ")})
    _describe -t commands command list
    return
  fi
  # A command of one word has no second: what follows are its arguments.
  case " ${singles.join(" ")} " in *" $first "*) second= ;; esac
  case "$first\${second:+ $second}" in
${leaves.join("\n")}
  esac
  case "$first $second" in
${groups.join("\n")}
  esac
  (( $#list )) && _describe -t commands command list
}
if [[ $funcstack[1] == _backupctl ]]; then
  _backupctl "$@"
else
  (( $+functions[compdef] )) || { autoload -Uz compinit; compinit }
  compdef _backupctl backupctl
fi`;
}

function quote(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

function describe(word: string, summary: string): string {
  return quote(`${word}:${summary.replaceAll(":", String.raw`\:`)}`);
}

function argumentsOf({ long, short, description, value }: CompletableFlag): readonly string[] {
  const text = description.replaceAll(/[[\]:\\]/g, String.raw`\$&`);
  const action = value === null ? "" : `:value:${value.isFile ? "_files" : `(${value.choices.join(" ")})`}`;
  return [long, ...(short === null ? [] : [short])].map((flag) => quote(`*${flag}[${text}]${action}`));
}
