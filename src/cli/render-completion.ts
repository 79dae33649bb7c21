// Completion scripts, made from the commands themselves.

import type { CommandSpec, OptionSpec } from "./command-spec.ts";

const globalFlags = ["--config", "--json", "--verbose", "--quiet", "--no-color", "--help"];

interface Completable {
  readonly words: readonly string[];
  readonly summary: string;
  readonly flags: readonly string[];
}

export function renderCompletion(shell: "bash" | "zsh" | "fish", specs: readonly CommandSpec[]): string {
  const commands = specs.map((spec) => ({
    words: spec.name.split(" "),
    summary: spec.summary,
    flags: [...(spec.options ?? []).map(longFlag), ...globalFlags],
  }));
  if (shell === "fish") return renderFish(commands);
  const bash = renderBash(commands);
  return shell === "bash" ? bash : `#compdef backupctl\nautoload -U +X bashcompinit && bashcompinit\n${bash}`;
}

function longFlag(option: OptionSpec): string {
  return /--[a-z-]+/.exec(option.flags)![0];
}

function renderBash(commands: readonly Completable[]): string {
  const firsts = [...new Set(commands.map(({ words }) => words[0]!))];
  const groups = firsts.flatMap((first) => {
    const seconds = commands
      .filter(({ words }) => words[0] === first && words.length > 1)
      .map(({ words }) => words[1]!);
    return seconds.length === 0 ? [] : [`    ${first}) words="${seconds.join(" ")}" ;;`];
  });
  const flags = commands.map(({ words, flags: own }) => `    "${words.join(" ")}") words="${own.join(" ")}" ;;`);
  return `_backupctl() {
  local current="\${COMP_WORDS[COMP_CWORD]}" first="\${COMP_WORDS[1]}" words=""
  if [ "$COMP_CWORD" -eq 1 ]; then
    words="${firsts.join(" ")}"
  elif [ "$COMP_CWORD" -eq 2 ] && [ "\${current#-}" = "$current" ]; then
    case "$first" in
${groups.join("\n")}
    esac
  fi
  if [ -z "$words" ]; then
    case "$first" in
${flags.filter((line) => !/^ {4}"\S+ \S+"/.test(line)).join("\n")}
    esac
    case "$first \${COMP_WORDS[2]}" in
${flags.filter((line) => /^ {4}"\S+ \S+"/.test(line)).join("\n")}
    esac
  fi
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}
complete -o default -F _backupctl backupctl`;
}

function renderFish(commands: readonly Completable[]): string {
  const lines = ["complete -c backupctl -f"];
  for (const { words, summary, flags } of commands) {
    const text = summary.replaceAll("'", "\\'");
    const [first, second] = words;
    if (second === undefined) lines.push(`complete -c backupctl -n __fish_use_subcommand -a ${first} -d '${text}'`);
    else lines.push(`complete -c backupctl -n '__fish_seen_subcommand_from ${first}' -a ${second} -d '${text}'`);
    for (const flag of flags)
      lines.push(`complete -c backupctl -n '__fish_seen_subcommand_from ${second ?? first}' -l ${flag.slice(2)}`);
  }
  for (const first of new Set(commands.filter(({ words }) => words.length > 1).map(({ words }) => words[0]!))) {
    lines.push(`complete -c backupctl -n __fish_use_subcommand -a ${first}`);
  }
  return lines.join("\n");
}
