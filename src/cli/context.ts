// What a command may use: terminal, settings of the call, and what the composition root provides.

import type { UnknownHost } from "../domain/health/unknown-host.ts";
import type { Configuration, ConfigProblem, Project, SourceSpec } from "../domain/project/project.ts";
import type { RunEvent } from "../domain/run/run.ts";
import type { LogLevel } from "../domain/run/run.ts";
import type { Deps } from "../usecases/deps.ts";

export interface GlobalOptions {
  readonly config: string | undefined;
  readonly json: boolean;
  readonly verbose: boolean;
  readonly quiet: boolean;
  readonly color: boolean;
}

export interface Terminal {
  /** Progress may be drawn on stderr. */
  readonly isOutputTerminal: boolean;
  /** Results and logs both go to a terminal that knows colours. */
  readonly isColored: boolean;
  readonly isInputTerminal: boolean;
  readonly columns: number;
  /** Results. */
  print(text: string): void;
  /** Logs, progress and questions: stderr, without the secrets that it was told to hide. */
  note(text: string): void;
  /** From now on these are hidden, beside those of before. */
  hide(secrets: readonly string[]): void;
  /** A text without what is hidden, for results. */
  mask(text: string): string;
  /** Writes to stderr without a line end. */
  draw(text: string): void;
  /** Asks on the terminal; secret answers are not echoed. */
  ask(question: string, options?: { readonly secret?: boolean }): Promise<string>;
}

/** The program put together around one configuration. */
export interface App extends AsyncDisposable {
  readonly configuration: Configuration;
  readonly deps: Deps;
  redact(text: string): string;
  /** The state store as a source, for a copy of it. */
  stateSource(): SourceSpec;
  /** To the log files; what is of a run goes there by its events. */
  log(level: LogLevel, message: string): void;
  /** Waits until all events are stored. */
  flush(): Promise<void>;
  /** Sends messages that are still waiting from earlier and due now; never throws. */
  sendWaiting(): Promise<void>;
  /** Gives the state store what was kept while it was down; never throws. */
  replayKept(): Promise<void>;
}

export interface AppOptions {
  /** `optional`: commands that work without a configuration get an empty one. */
  readonly configuration: "required" | "optional";
  /**
   * `required` (the default): fails without the state store. `preferred`: a store that is down is a warning and the work goes
   * on, for a backup must not fail because its record does: it is kept in the fallback journal. `kept`: the same for a process
   * that stays, whose questions to a store that is down fail. `none`: nothing is opened or stored.
   */
  readonly state?: "required" | "preferred" | "kept" | "none";
  /** A configuration that is not valid is told to its channels as a failed backup of this project; null: of all. */
  readonly failsBackupOf?: string | null;
  /** The same fault is told once a day, however often it is met. */
  readonly isStartedAgain?: boolean;
  /** Shown what runs do, in place of the terminal's own progress. */
  readonly show?: (event: RunEvent) => void;
}

export interface DaemonOptions {
  /** 0: a run may take as long as it does. */
  readonly runTimeoutMs: number;
  /** How long a stop waits for what runs. */
  readonly stopTimeoutMs: number;
}

export interface DaemonTools {
  /** Runs until a signal ends it; the result is the exit code. */
  run(options: DaemonOptions): Promise<number>;
  /** Where a daemon of this configuration listens; needs no valid configuration. */
  socketPath(): Promise<string>;
}

export interface ConfigTools {
  /** Never throws for problems in the file: they are the result. */
  validate(): Promise<{
    readonly path: string | null;
    readonly configuration: Configuration | null;
    readonly problems: readonly ConfigProblem[];
  }>;
  render(configuration: Configuration, project: Project | null): Promise<string>;
  schema(): Promise<unknown>;
}

export interface ListedKey {
  readonly keyId: string;
  readonly scheme: string;
  readonly usedBy: readonly string[];
  readonly isActive: boolean;
}

export interface RotatedKey {
  readonly path: string;
  readonly keyId: string;
  readonly retired: readonly string[];
}

export interface KeyTools {
  /** Adds public keys to every keyring that the configuration's projects use with this scheme, or to the user's own. */
  importKey(
    configuration: Configuration,
    scheme: string,
    file: string,
  ): Promise<readonly { readonly fingerprint: string; readonly userIds: readonly string[] }[]>;
  /** The keys in GPG_KEYS_DIR. */
  importDirectory(configuration: Configuration, log: (level: LogLevel, message: string) => void): Promise<void>;
  generate(path: string): Promise<{ readonly path: string; readonly keyId: string }>;
  /** Without secrets; `isActive`: new backups are made with it. */
  list(configuration: Configuration): Promise<readonly ListedKey[]>;
  /** A new key for the installation, or for the project that has a key file of its own; the old ones stay readable. */
  rotate(configuration: Configuration, project: Project | null): Promise<RotatedKey>;
  /** 0600, never over another file. */
  writeRecoveryKit(
    configuration: Configuration,
    storages: readonly { readonly name: string; readonly location: string }[],
    file: string,
  ): Promise<void>;
}

export interface InitQuestion {
  readonly key: string;
  readonly text: string;
  readonly secret?: true;
  readonly fallback?: (answers: Readonly<Record<string, string>>) => string;
  readonly isAsked?: (answers: Readonly<Record<string, string>>) => boolean;
  readonly findFault: (answer: string, answers: Readonly<Record<string, string>>) => string | undefined;
}

export interface InitTools {
  questions(): Promise<readonly InitQuestion[]>;
  /** Writes the file and `.env` beside it; refuses to replace either without `force`. */
  write(request: {
    readonly answers: Readonly<Record<string, string>>;
    readonly output: string;
    readonly force: boolean;
  }): Promise<{ readonly files: readonly string[]; readonly generated: string | null }>;
}

export interface CliContext {
  readonly globals: GlobalOptions;
  readonly terminal: Terminal;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly version: string;
  /** Aborted with `cancelled` at the first SIGINT or SIGTERM. */
  readonly signal: AbortSignal;
  readonly config: ConfigTools;
  readonly keys: KeyTools;
  readonly init: InitTools;
  readonly daemon: DaemonTools;
  /** Saves the key of a host that a person has agreed to. */
  trustHost(host: UnknownHost): Promise<void>;
  openApp(options: AppOptions): Promise<App>;
}
