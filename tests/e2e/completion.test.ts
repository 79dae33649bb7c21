// The completion scripts in the shells themselves: what somebody sees who types the beginning of a line and Tab.

import { describe, expect } from "bun:test";
import { Glob } from "bun";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { commandSpecs } from "../../src/cli/commands.ts";
import { binaryPath, runBinary } from "../support/binary.ts";
import { needs } from "../support/requirement.ts";
import { runOnTerminal, type Typing } from "../support/terminal.ts";
import { toolPath } from "../support/tools.ts";

const limitMs = 60_000;
const firsts = [...new Set(commandSpecs.map(({ name }) => name.split(" ")[0]!))];
const control = { tab: "\t", clear: "\u0015" };

/** A directory with one file, and the script of the shell beside it. */
async function openPlace(shell: string): Promise<{ dir: string; script: string } & AsyncDisposable> {
  const dir = await mkdtemp(join(tmpdir(), "bk-completion-"));
  const { exitCode, stdout } = await runBinary(["completion", shell], { cwd: dir });
  expect(exitCode).toBe(0);
  await writeFile(join(dir, "_backupctl"), stdout);
  await writeFile(join(dir, "file-in-here.pub"), "");
  return {
    dir,
    script: join(dir, "_backupctl"),
    [Symbol.asyncDispose]: () => rm(dir, { recursive: true, force: true }),
  };
}

function ask(command: readonly string[], cwd: string): readonly string[] {
  const done = Bun.spawnSync([...command], { cwd, env: { HOME: cwd, PATH: "/usr/bin:/bin" }, stderr: "pipe" });
  expect(done.stderr.toString()).toBe("");
  return done.stdout
    .toString()
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => line.split("\t")[0]!);
}

interface Expected {
  readonly line: string;
  readonly has: readonly string[];
  readonly lacks?: readonly string[];
}

const expected: readonly Expected[] = [
  { line: "", has: firsts, lacks: ["validate"] },
  { line: "config ", has: ["validate", "reload", "import-gpg-key"], lacks: ["rotate", "run"] },
  { line: "run --st", has: ["--storage"], lacks: ["--all"] },
  { line: "storage check --f", has: ["--full"] },
  { line: "restore shop latest --only ", has: ["db", "assets"], lacks: ["file-in-here.pub"] },
  { line: "verify shop latest --level ", has: ["checksum", "structure", "restore"] },
  { line: "--config x.yml sn", has: ["snapshots"], lacks: ["status"] },
  { line: "notify list --", has: ["--json"], lacks: ["--full"] },
];

describe("bash", () => {
  needs(binaryPath, "bash")("completes commands, options and choices", async () => {
    await using place = await openPlace("bash");
    const complete = (line: string): readonly string[] => {
      const words = ["backupctl", ...line.split(" ")];
      const list = words.map((word) => `'${word}'`).join(" ");
      const script = `source ${place.script}; COMP_WORDS=(${list}); COMP_CWORD=${words.length - 1}; _backupctl; printf '%s\\n' "\${COMPREPLY[@]}"`;
      return ask(["bash", "--norc", "-uc", script], place.dir);
    };
    for (const { line, has, lacks = [] } of expected) {
      const found = complete(line);
      expect({ line, found }).toEqual({ line, found: expect.arrayContaining([...has]) as string[] });
      for (const word of lacks) expect(found).not.toContain(word);
    }
  });
});

describe("fish", () => {
  needs(binaryPath, toolPath("fish"))(
    "completes commands, options and choices, and files where files are meant",
    async () => {
      await using place = await openPlace("fish");
      const functions = join(dirname(toolPath("fish")), "../share/fish/functions");
      const complete = (line: string): readonly string[] => {
        const script = `set fish_function_path ${functions}; source ${place.script}; complete -C 'backupctl ${line}'`;
        return ask([toolPath("fish"), "--no-config", "-c", script], place.dir);
      };
      for (const { line, has, lacks = [] } of expected) {
        const found = complete(line);
        expect({ line, found }).toEqual({ line, found: expect.arrayContaining([...has]) as string[] });
        for (const word of lacks) expect(found).not.toContain(word);
      }
      expect(complete("config import-gpg-key f")).toEqual(["file-in-here.pub"]);
      expect(complete("status -c f")).toContain("file-in-here.pub");
      expect(complete("pin f")).toEqual([]);
    },
    limitMs,
  );
});

describe("zsh", () => {
  needs(binaryPath, toolPath("zsh"))(
    "completes commands, options and choices, and files where files are meant",
    async () => {
      await using place = await openPlace("zsh");
      const root = join(dirname(toolPath("zsh")), "..");
      const [line] = [...new Glob("lib/*/zsh/*/zsh/zle.so").scanSync({ cwd: root })];
      const modules = join(root, line!, "../..");
      // The quotes keep what is typed here from being taken for the prompt.
      const preparation = [
        `module_path=(${modules}); zmodload zsh/zle`,
        `fpath=(${place.dir} ${root}/share/zsh/functions ${root}/share/zsh/functions/{,**/}*(/N))`,
        "autoload -Uz compinit; compinit -u -D; LISTMAX=0; PROMPT='REA''DY> '",
      ].join("; ");
      const lines = [
        ...expected.filter(({ line: text }) => text !== ""),
        { line: "config import-gpg-key f", has: ["file-in-here.pub"] },
      ];
      const typing: Typing[] = [
        { after: "START> ", keys: `${preparation}\r` },
        ...lines.flatMap(({ line: text }) => [
          { after: "READY> ", keys: `print 'asked'\r` },
          { after: "READY> ", keys: `backupctl ${text}${control.tab}` },
          { after: "", keys: `${control.clear}\r`, meanwhile: () => Bun.sleep(1_000) },
        ]),
        { after: "READY> ", keys: "exit\r" },
      ];
      const { text } = await runOnTerminal([toolPath("zsh"), "-f", "-i"], {
        cwd: place.dir,
        env: { HOME: place.dir, PATH: "/usr/bin:/bin", PS1: "START> " },
        typing,
      });
      expect(text).not.toMatch(/command not found|_arguments:|_describe:|bad /);
      const answers = text.split("\nasked\n").slice(1);
      expect(answers).toHaveLength(lines.length);
      for (const [at, { line: typed, has, ...rest }] of lines.entries()) {
        const answer = answers[at]!;
        for (const word of has)
          expect({ typed, answer }).toEqual({ typed, answer: expect.stringContaining(word) as string });
        for (const word of "lacks" in rest ? rest.lacks! : []) expect(answer).not.toContain(word);
      }
    },
    limitMs,
  );
});
