// The user's own shell lines. This is the one place where a shell is used, because the line is the user's.

export interface HookRequest {
  readonly command: string;
  /** Added to the process environment: BACKUPCTL_PROJECT, BACKUPCTL_STATUS … */
  readonly env: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  /** Each line of stdout and stderr, without its line end. */
  onLine(line: string): void;
}

export interface HookResult {
  readonly exitCode: number;
  readonly durationMs: number;
}

export interface HookRunner {
  /** Resolves with any exit code; throws `timed_out` (the whole process group is killed) or the signal's reason. */
  run(request: HookRequest): Promise<HookResult>;
}
