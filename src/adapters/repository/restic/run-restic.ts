// One call of restic: the password in a file of mode 0600 that is gone afterwards, nothing of our environment but what it
// needs, ended by SIGTERM so that it can take its lock away, and only late by SIGKILL.

import { AppError } from "../../../domain/error.ts";
import type { ByteStream } from "../../../ports/byte-stream.ts";
import type { RepositoryContext } from "../../../ports/repository.ts";
import { openSecretDirectory, type SecretDirectory } from "../../process/secret-file.ts";
import { spawnTool, type ToolExit } from "../../process/spawn-tool.ts";
import { isSecretVariable } from "./complete-config.ts";
import type { ResticConfig } from "./config.ts";
import { keepLines } from "./kept-lines.ts";
import { openMessageReader, textOf, type Message } from "./read-messages.ts";
import { sshOptions } from "./ssh-options.ts";
import { exitCodes, resticError } from "./restic-error.ts";
import { describeError, isSkippedPath, tellingLines } from "./restic-words.ts";

export interface Restic {
  readonly program: string;
  readonly location: string;
  readonly calls: { count: number };
  /** What every call begins with. */
  readonly globalArgs: readonly string[];
  run(call: ResticCall): Promise<ResticOutcome>;
  stream(command: string, args: readonly string[], signal: AbortSignal): ByteStream;
  /** For a call on the caller's own terminal. */
  environment(secrets: SecretDirectory): Promise<Readonly<Record<string, string>>>;
}

export interface ResticCall {
  readonly command: string;
  readonly args: readonly string[];
  readonly signal: AbortSignal;
  onMessage?(message: Message): void;
}

export interface ResticOutcome {
  readonly code: number;
  /** Lines of stdout that were no messages: a document of JSON, or text. */
  readonly text: string;
  readonly warnings: readonly string[];
}

/** How long restic may take to put its lock away. */
const killGraceMs = 60_000;
/** What could not be read, told one by one; the others are counted. */
const toldWarnings = 100;
/** What restic said, of which the beginning and the end tell what happened. */
const keptErrors = { first: 100, last: 50 } as const;

export function openRestic(config: ResticConfig, context: RepositoryContext): Restic {
  const { tmpDir, limits } = context;
  const program = context.program ?? "restic";
  const location = withoutSecrets(config.repository);
  const calls = { count: 0 };
  const lockWait = `${Math.round(config.lock_wait_minutes * 60)}s`;
  const globalArgs = [
    ...sshOptions(config),
    ...(limits?.uploadKbps === undefined ? [] : ["--limit-upload", String(limits.uploadKbps)]),
    ...(limits?.downloadKbps === undefined ? [] : ["--limit-download", String(limits.downloadKbps)]),
  ];

  async function environment(secrets: SecretDirectory): Promise<Readonly<Record<string, string>>> {
    if (config.password === undefined) {
      throw new AppError("config_invalid", `the repository at ${location} has no password`, {
        hint: "give its storage a password, or set RESTIC_PASSWORD",
      });
    }
    const { XDG_CACHE_HOME: cacheHome, RESTIC_CACHE_DIR: cacheDir } = process.env;
    return {
      ...(cacheHome === undefined ? {} : { XDG_CACHE_HOME: cacheHome }),
      ...(cacheDir === undefined ? {} : { RESTIC_CACHE_DIR: cacheDir }),
      TMPDIR: tmpDir,
      RESTIC_PROGRESS_FPS: "1",
      ...config.env,
      RESTIC_REPOSITORY_FILE: await secrets.write("repository", config.repository),
      RESTIC_PASSWORD_FILE: await secrets.write("password", config.password),
    };
  }

  async function attempt(call: ResticCall, extra: readonly string[] = [], waited?: string): Promise<ResticOutcome> {
    call.signal.throwIfAborted();
    await using secrets = await openSecretDirectory(tmpDir);
    calls.count += 1;
    const warnings = keepLines(toldWarnings);
    const texts: string[] = [];
    const errors = keepLines(keptErrors.first, keptErrors.last);
    const note = (message: Message): void => {
      const type = textOf(message, "message_type");
      if (type === "error") warnings.add(describeError(message));
      if (type === "exit_error") errors.add(textOf(message, "message"));
      call.onMessage?.(message);
    };
    const stdout = openMessageReader(note, (line) => texts.push(line));
    const stderr = openMessageReader(note, (line) => {
      errors.add(line);
      if (isSkippedPath(line)) warnings.add(line);
      context.log("debug", `restic: ${line}`);
    });
    const stop = stopGently(call.signal);
    let exit: ToolExit | undefined;
    await using tool = spawnTool({
      command: program,
      args: [call.command, "--json", ...globalArgs, ...extra, ...call.args],
      env: await environment(secrets),
      signal: stop.signal,
      onStderrLine: (line) => stderr.push(`${line}\n`),
      succeeded: (ended) => {
        exit = ended;
        return ended.code === exitCodes.success || ended.code === exitCodes.incomplete;
      },
      fail: (ended) =>
        resticError({
          exit: ended,
          command: call.command,
          location,
          program,
          said: shorten([...warnings.kept().slice(0, 2), ...errors.kept()], config),
          heard: errors.kept().join("\n"),
          waited,
        }),
    });
    stop.watch(tool.pid);
    try {
      const decoder = new TextDecoder();
      for await (const chunk of tool.stdout) stdout.push(decoder.decode(chunk, { stream: true }));
      stdout.end();
      if (stdout.isCut) throw new AppError("storage_failed", `restic ${call.command} printed a line that is too long`);
    } catch (error) {
      call.signal.throwIfAborted();
      throw error;
    } finally {
      stop.end();
    }
    call.signal.throwIfAborted();
    const code = exit?.code ?? 0;
    // With exit code 3 older versions say what they could not read in plain words only.
    const unread = code === exitCodes.incomplete && warnings.count === 0 ? errors : warnings;
    return { code, text: texts.join("\n"), warnings: unread.told().map((line) => hide(line, config)) };
  }

  return {
    program,
    location,
    calls,
    globalArgs,
    environment,
    async run(call) {
      try {
        return await attempt(call);
      } catch (error) {
        if (!(error instanceof AppError && error.code === "lock_held") || call.command === "unlock") throw error;
        // restic removes locks of dead processes only; a live one's is waited for.
        const limit = describeWait(config.lock_wait_minutes);
        context.log("info", `${error.message}; it is removed if its owner is dead, else waited for, up to ${limit}`);
        await attempt({ command: "unlock", args: [], signal: call.signal });
        return await attempt(call, ["--retry-lock", lockWait], limit);
      }
    },
    async *stream(command, args, signal) {
      signal.throwIfAborted();
      await using secrets = await openSecretDirectory(tmpDir);
      calls.count += 1;
      const errors = keepLines(keptErrors.first, keptErrors.last);
      const stop = stopGently(signal);
      const tool = spawnTool({
        command: program,
        args: [command, ...globalArgs, "--retry-lock", lockWait, ...args],
        env: await environment(secrets),
        signal: stop.signal,
        onStderrLine: (line) => errors.add(line),
        fail: (exit) =>
          resticError({
            exit,
            command,
            location,
            program,
            said: shorten(errors.kept(), config),
            heard: errors.kept().join("\n"),
            waited: describeWait(config.lock_wait_minutes),
          }),
      });
      stop.watch(tool.pid);
      try {
        yield* tool.stdout;
      } catch (error) {
        signal.throwIfAborted();
        throw error;
      } finally {
        stop.end();
        await tool[Symbol.asyncDispose]();
      }
    },
  };
}

/** SIGTERM when the caller's signal aborts; the signal that it gives aborts only when that did not help. */
function stopGently(signal: AbortSignal) {
  const late = new AbortController();
  let pid: number | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const terminate = (): void => {
    if (pid === undefined || timer !== undefined) return;
    timer = setTimeout(() => late.abort(signal.reason), killGraceMs);
    try {
      process.kill(process.platform === "win32" ? pid : -pid, "SIGTERM");
    } catch {
      // It has ended already.
    }
  };
  signal.addEventListener("abort", terminate, { once: true });
  return {
    signal: late.signal,
    watch(started: number | undefined): void {
      pid = started;
      if (signal.aborted) terminate();
    },
    end(): void {
      clearTimeout(timer);
      signal.removeEventListener("abort", terminate);
    },
  };
}

function shorten(lines: readonly string[], config: ResticConfig): string {
  const telling = lines.flatMap((line) => tellingLines(line));
  // What went wrong first, and what restic made of it.
  const [first, second, ...others] = new Set(telling);
  const chosen = [first, second, others.at(-1)].filter((line) => line !== undefined);
  return hide(chosen.join("; "), config).slice(0, 600);
}

function describeWait(minutes: number): string {
  return minutes < 2 ? `${Math.round(minutes * 60)} s` : `${Math.round(minutes * 10) / 10} min`;
}

function hide(text: string, config: ResticConfig): string {
  const variables = Object.entries(config.env).flatMap(([name, value]) => (isSecretVariable(name) ? [value] : []));
  const secrets = [config.password ?? "", ...variables].filter((value) => value.length > 3);
  return secrets.reduce(
    (clean, secret) => clean.replaceAll(secret, "***"),
    text.replaceAll(config.repository, withoutSecrets(config.repository)),
  );
}

/** `rest:https://user:password@host/` without what stands before the at sign's colon. */
export function withoutSecrets(repository: string): string {
  return repository.replace(/(:\/\/[^:@/]*):[^@/]*@/, "$1:***@");
}
