// The log on disk: `backupctl-YYYY-MM-DD.log` in LOG_DIR, one JSON object per line. A file that is full is followed by
// `backupctl-YYYY-MM-DD.1.log` and so on; nothing is ever renamed, so that several processes can write at once. A disk that
// is full, slow or not writable costs log lines, never a run.

import { constants } from "node:fs";
import { mkdir, open, readdir, stat, unlink } from "node:fs/promises";
import { join } from "node:path";
import type { LogLevel, RunEvent } from "../../domain/run/run.ts";
import { dateText } from "../../domain/notification/words.ts";
import { createFormatter, type LogRecord } from "./format-record.ts";

export interface LogFilesOptions {
  readonly directory: string;
  readonly maxBytes: number;
  readonly maxFiles: number;
  readonly level: LogLevel;
  readonly timeZone: string;
  readonly now: () => number;
  /** Told once when the log cannot be written. */
  readonly onError: (error: unknown) => void;
}

export interface LogFiles {
  log(level: LogLevel, message: string): void;
  record(event: RunEvent): void;
  /** Waits for what was logged, but not for long. */
  flush(): Promise<void>;
}

const levels: readonly LogLevel[] = ["debug", "info", "warn", "error"];
const namePattern = /^backupctl-(\d{4}-\d{2}-\d{2})(?:\.(\d+))?\.log$/;
/** What waits for a slow disk; more is dropped. */
const mostWaitingBytes = 4 * 1024 * 1024;
const flushMs = 2_000;
const pauseAfterErrorMs = 30_000;

export function openLogFiles(options: LogFilesOptions): LogFiles {
  const format = createFormatter(options.timeZone);
  let waiting: { readonly at: number; readonly line: string }[] = [];
  let waitingBytes = 0;
  let writing: Promise<void> | undefined;
  let failedAt = Number.NEGATIVE_INFINITY;
  let wasTold = false;
  let current = "";

  function write(level: LogLevel, record: LogRecord): void {
    if (levels.indexOf(level) < levels.indexOf(options.level)) return;
    const at = record.at ?? options.now();
    const line = format(at, level, record);
    if (waitingBytes + line.length > mostWaitingBytes) return;
    waiting.push({ at, line });
    waitingBytes += line.length;
    writing ??= drain().finally(() => (writing = undefined));
  }

  async function drain(): Promise<void> {
    // Lines that are logged in one go are written in one go.
    await Promise.resolve();
    while (waiting.length > 0) {
      const batch = waiting;
      waiting = [];
      waitingBytes = 0;
      if (options.now() - failedAt < pauseAfterErrorMs && failedAt <= options.now()) continue;
      try {
        await append(batch);
      } catch (error) {
        failedAt = options.now();
        if (!wasTold) options.onError(error);
        wasTold = true;
      }
    }
  }

  async function append(batch: readonly { readonly at: number; readonly line: string }[]): Promise<void> {
    const byDate = Map.groupBy(batch, ({ at }) => dateText(at, options.timeZone));
    for (const [date, lines] of byDate) {
      await mkdir(options.directory, { recursive: true, mode: 0o700 });
      const path = join(options.directory, await chooseName(date));
      if (path !== current) await removeOldest(path);
      current = path;
      const handle = await open(path, constants.O_APPEND | constants.O_CREAT | constants.O_WRONLY, 0o600);
      try {
        // One call: the kernel does not mix what two processes append.
        const bytes = Buffer.from(lines.map(({ line }) => line).join(""));
        const { bytesWritten } = await handle.write(bytes);
        if (bytesWritten < bytes.length) throw new Error(`only part of a line went to ${path}`);
      } finally {
        await handle.close();
      }
    }
  }

  /** The last file of the day that is not full, or the next. */
  async function chooseName(date: string): Promise<string> {
    const numbers = (await readdir(options.directory)).flatMap((name) => {
      const found = namePattern.exec(name);
      return found?.[1] === date ? [Number(found[2] ?? 0)] : [];
    });
    const last = Math.max(0, ...numbers);
    const name = (number: number): string => `backupctl-${date}${number === 0 ? "" : `.${number}`}.log`;
    const size = (await stat(join(options.directory, name(last))).catch(() => undefined))?.size ?? 0;
    return size >= options.maxBytes ? name(last + 1) : name(last);
  }

  async function removeOldest(next: string): Promise<void> {
    const files = (await readdir(options.directory)).flatMap((name) => {
      const found = namePattern.exec(name);
      return found === null ? [] : [{ name, order: `${found[1]}.${(found[2] ?? "0").padStart(9, "0")}` }];
    });
    const isNew = !files.some(({ name }) => join(options.directory, name) === next);
    const oldestFirst = files.toSorted((a, b) => (a.order < b.order ? -1 : 1));
    const excess = oldestFirst.length + (isNew ? 1 : 0) - options.maxFiles;
    for (const { name } of oldestFirst.slice(0, Math.max(0, excess))) {
      const path = join(options.directory, name);
      if (path !== next) await unlink(path).catch(() => {});
    }
  }

  return {
    log: (level, message) => write(level, { message }),
    record(event) {
      switch (event.type) {
        case "started": {
          const { id, project, kind, trigger } = event.run;
          write("info", { message: `${kind} begins`, run: id, project, kind, trigger });
          return;
        }
        case "stage": {
          const { stage, outcome, message } = event.record;
          const text = message === null ? `stage ${outcome}` : `stage ${outcome}: ${message}`;
          write(outcome === "failed" ? "warn" : "debug", { message: text, run: event.runId, stage });
          return;
        }
        case "log": {
          const { at, level, message, stage } = event.line;
          write(level, { at, message, run: event.runId, stage });
          return;
        }
        case "finished": {
          const { id, project, kind, status, partial, backupId, bytes, error, startedAt, finishedAt } = event.run;
          const durationMs = startedAt === null || finishedAt === null ? null : finishedAt - startedAt;
          const facts = { run: id, project, kind, status, partial, backupId, bytes, durationMs, error };
          write(status === "succeeded" ? "info" : "error", { message: `${kind} ${status}`, ...facts });
          return;
        }
        default:
      }
    },
    async flush() {
      if (writing !== undefined)
        await Promise.race([writing, new Promise((resolve) => setTimeout(resolve, flushMs).unref())]);
    },
  };
}
