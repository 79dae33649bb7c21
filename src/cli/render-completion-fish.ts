import { firstWords, groupsOf, type Completable, type CompletableFlag } from "./completable.ts";

const preface = `function __backupctl_words
    set -l skip 0
    for word in (commandline -opc)[2..]
        if test $skip = 1
            set skip 0
            continue
        end
        switch $word
            case -c --config
                set skip 1
            case '-*'
            case '*'
                echo $word
        end
    end
end
function __backupctl_at
    set -l words (__backupctl_words)
    test "$words" = "$argv"
end
function __backupctl_in
    set -l words (__backupctl_words)
    string match -q -- "$argv *" "$words "
end
complete -c backupctl -e
complete -c backupctl -f`;

export function renderFishCompletion(commands: readonly Completable[], globals: readonly CompletableFlag[]): string {
  const lines = [preface];
  for (const [word, summary] of firstWords(commands))
    lines.push(`complete -c backupctl -n __backupctl_at -a ${word} -d ${quote(summary)}`);
  for (const flag of globals) lines.push(`complete -c backupctl ${optionOf(flag)}`);
  for (const [group, members] of groupsOf(commands))
    for (const { words, summary } of members)
      lines.push(`complete -c backupctl -n ${quote(`__backupctl_at ${group}`)} -a ${words[1]} -d ${quote(summary)}`);
  for (const { words, flags, takesFile } of commands) {
    const here = quote(`__backupctl_in ${words.join(" ")}`);
    if (takesFile) lines.push(`complete -c backupctl -n ${here} -F`);
    for (const flag of flags)
      if (!globals.includes(flag)) lines.push(`complete -c backupctl -n ${here} ${optionOf(flag)}`);
  }
  return lines.join("\n");
}

function optionOf({ long, short, description, value }: CompletableFlag): string {
  const names = `${short === null ? "" : `-s ${short.slice(1)} `}-l ${long.slice(2)} -d ${quote(description)}`;
  if (value === null) return names;
  if (value.isFile) return `${names} -r -F`;
  return value.choices.length === 0 ? `${names} -x` : `${names} -x -a ${quote(value.choices.join(" "))}`;
}

function quote(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", String.raw`\'`)}'`;
}
