// One self-contained program from src/main.ts. Each command and adapter is a chunk of its own, loaded when first used.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { stubOptionalNatives } from "./stub-optional-natives.ts";

export const root: string = join(import.meta.dir, "../..");

const ownTarget = `bun-${process.platform}-${process.arch}`;

export interface CompileRequest {
  readonly outfile: string;
  readonly entry?: string;
  /** The Bun runtime of another platform, and Bun's name for that platform. */
  readonly platform?: { readonly target: Bun.Build.CompileTarget; readonly executablePath: string };
}

export async function compileBinary({ outfile, entry, platform }: CompileRequest): Promise<void> {
  await Bun.build({
    // Threads are programs of their own, found by their path in the compiled one (adapters/thread/worker-url.ts).
    entrypoints: [entry ?? join(root, "src/main.ts"), ...(await findWorkers())],
    root: join(root, "src"),
    target: "bun",
    format: "esm",
    splitting: true,
    // Halves the time to start. Bytecode made for another platform has crashed there, so that only the builder's own
    // platform, where the tests run the program, gets it.
    bytecode: platform === undefined || platform.target === ownTarget,
    // Names stay as they are: a stack trace that a user sends in is worth more than a percent of the size.
    minify: { whitespace: true, syntax: true, identifiers: false },
    sourcemap: "none",
    env: "disable",
    define: await buildConstants(),
    plugins: [stubOptionalNatives],
    compile: {
      outfile,
      ...platform,
      // What lies in the directory where the program happens to be started must never become part of it.
      autoloadDotenv: false,
      autoloadBunfig: false,
      autoloadTsconfig: false,
      autoloadPackageJson: false,
      execArgv: [],
    },
  });
}

async function findWorkers(): Promise<string[]> {
  const found = new Bun.Glob("src/**/*-worker.ts").scan({ cwd: root, absolute: true });
  return (await Array.fromAsync(found)).toSorted();
}

async function buildConstants(): Promise<Record<string, string>> {
  const { version } = JSON.parse(await readFile(join(root, "package.json"), "utf8")) as { version: string };
  return {
    BACKUPCTL_VERSION: JSON.stringify(version),
    BACKUPCTL_COMMIT: JSON.stringify(currentCommit()),
    BACKUPCTL_RELEASE: "true",
    "process.env.NODE_ENV": '"production"',
  };
}

/** Empty outside a Git checkout: a build from a source archive is fine. */
function currentCommit(): string {
  const git = Bun.which("git");
  if (git === null) return "";
  const { exitCode, stdout } = Bun.spawnSync([git, "rev-parse", "--short=12", "HEAD"], { cwd: root, stderr: "ignore" });
  return exitCode === 0 ? stdout.toString().trim() : "";
}
