// A host on which the management scripts run: a copy of them in a folder of its own, and a `docker` on the PATH that
// records what it is asked and answers by rules.

import { cp, mkdir, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { typeOnTerminal } from "./type-on-terminal.ts";

const source = join(import.meta.dir, "../..");

export interface Answer {
  /** Shell pattern over all arguments, joined by spaces. The first rule that matches answers. */
  readonly call: string;
  readonly exitCode?: number;
  readonly prints?: string;
}

export interface ScriptOutcome {
  readonly exitCode: number | null;
  /** Both streams, as somebody at the terminal sees them. */
  readonly output: string;
}

export interface ManagedHost extends AsyncDisposable {
  readonly root: string;
  readonly dataPath: string;
  path(name: string): string;
  write(name: string, text: string, mode?: number): Promise<void>;
  read(name: string): Promise<string>;
  modeOf(name: string): Promise<string>;
  /** Replaces every rule. A call that no rule matches succeeds and prints nothing. */
  answer(...rules: readonly Answer[]): Promise<void>;
  /** Every call of docker since the last time, one line each. */
  calls(): Promise<readonly string[]>;
  run(...args: string[]): Promise<ScriptOutcome>;
  deploy(...args: string[]): Promise<ScriptOutcome>;
  /** On a terminal: waits for each text in turn and types its reply. */
  type(
    args: readonly string[],
    replies: readonly (readonly [expected: string, reply: string])[],
  ): Promise<ScriptOutcome>;
}

export const runningContainer: readonly Answer[] = [
  { call: "inspect*.State.Running*", prints: "true" },
  { call: "inspect*.State.Status*.State.Health.Status*", prints: "running healthy" },
  { call: "inspect*", prints: "healthy" },
];

const fakeDocker = `#!/bin/sh
printf '%s\\n' "$*" >>"$FAKE_DOCKER/calls"
index=0
while [ -f "$FAKE_DOCKER/rule.$index" ]; do
  pattern=$(cat "$FAKE_DOCKER/rule.$index")
  case "$*" in
    $pattern) cat "$FAKE_DOCKER/rule.$index.out"; exit "$(cat "$FAKE_DOCKER/rule.$index.exit")" ;;
  esac
  index=$((index + 1))
done
`;

export async function openManagedHost(env: Readonly<Record<string, string>> = {}): Promise<ManagedHost> {
  const folder = await mkdtemp(join(tmpdir(), "backupctl-host-"));
  const root = join(folder, "backupctl");
  const dataPath = join(folder, "data");
  const rules = join(folder, "docker");
  await mkdir(join(root, "scripts"), { recursive: true });
  for (const name of ["deploy", "scripts/deploy.sh", "scripts/backupctl-manage.sh", "scripts/host-settings.sh"])
    await cp(join(source, name), join(root, name), { recursive: true });
  await mkdir(rules);
  await mkdir(join(folder, "bin"));
  await writeFile(join(folder, "bin/docker"), fakeDocker, { mode: 0o755 });
  const environment = {
    PATH: `${join(folder, "bin")}:${process.env["PATH"] ?? "/usr/bin:/bin"}`,
    HOME: folder,
    LANG: "C.UTF-8",
    FAKE_DOCKER: rules,
    BACKUPCTL_DATA: dataPath,
    // A port that nothing listens on, whatever else runs here.
    APP_PORT: "1",
    ...env,
  };

  async function runScript(command: readonly string[]): Promise<ScriptOutcome> {
    const child = Bun.spawn([...command], {
      cwd: folder,
      env: environment,
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
    const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
    return { exitCode: child.exitCode, output: stdout + stderr };
  }

  return {
    root,
    dataPath,
    path: (name) => join(root, name),
    async write(name, text, mode = 0o600) {
      await mkdir(join(root, name, ".."), { recursive: true });
      await writeFile(join(root, name), text, { mode });
    },
    read: (name) => readFile(join(root, name), "utf8"),
    modeOf: async (name) => ((await stat(join(root, name))).mode & 0o777).toString(8),
    async answer(...answers) {
      await rm(rules, { recursive: true });
      await mkdir(rules);
      for (const [index, { call, exitCode = 0, prints = "" }] of answers.entries()) {
        await writeFile(join(rules, `rule.${index}`), call);
        await writeFile(join(rules, `rule.${index}.out`), prints === "" ? "" : `${prints}\n`);
        await writeFile(join(rules, `rule.${index}.exit`), `${exitCode}`);
      }
    },
    async calls() {
      const file = join(rules, "calls");
      const text = await readFile(file, "utf8").catch(() => "");
      await rm(file, { force: true });
      return text.split("\n").filter((line) => line !== "");
    },
    run: (...args) => runScript([join(root, "scripts/backupctl-manage.sh"), ...args]),
    deploy: (...args) => runScript([join(root, "scripts/deploy.sh"), ...args]),
    type: (args, replies) =>
      typeOnTerminal(
        [join(root, "scripts/backupctl-manage.sh"), ...args].join(" "),
        { cwd: folder, env: environment },
        replies,
      ),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}
