// Our own connection to the server, for questions, counts and what the tools cannot do.

import { MongoClient, type Db } from "mongodb";
import type { MongodbConfig } from "./config.ts";
import { describeServer, formatConnectionString } from "./connection-string.ts";
import { translateError } from "./foreign-error.ts";

export interface Connection extends AsyncDisposable {
  readonly server: string;
  /** Runs one question; errors are translated, and an abort ends the wait with the signal's reason. */
  run<Result>(doing: string, ask: (database: (name: string) => Db) => Promise<Result>): Promise<Result>;
}

export interface ConnectOptions {
  readonly signal: AbortSignal;
  /** Default `source_failed`. */
  readonly errorCode?: "source_failed" | "restore_failed";
}

const connectTimeoutMs = 10_000;

export async function connect(config: MongodbConfig, options: ConnectOptions): Promise<Connection> {
  const { signal, errorCode = "source_failed" } = options;
  const server = `MongoDB server ${describeServer(config)}`;
  signal.throwIfAborted();
  let client: MongoClient | undefined;
  async function run<Result>(doing: string, ask: (database: (name: string) => Db) => Promise<Result>): Promise<Result> {
    try {
      return await untilAborted(
        ask((name) => client!.db(name)),
        signal,
      );
    } catch (error) {
      signal.throwIfAborted();
      throw translateError(error, doing, errorCode);
    }
  }
  const connection: Connection = {
    server,
    run,
    async [Symbol.asyncDispose]() {
      await client?.close().catch(() => {});
    },
  };
  try {
    client = new MongoClient(formatConnectionString(config), {
      appName: "backupctl",
      connectTimeoutMS: connectTimeoutMs,
      maxPoolSize: 4,
    });
    const connecting = client;
    await run(`connecting to ${server}`, () => connecting.connect());
    return connection;
  } catch (error) {
    await connection[Symbol.asyncDispose]();
    signal.throwIfAborted();
    throw translateError(error, `connecting to ${server}`, errorCode);
  }
}

async function untilAborted<Result>(work: Promise<Result>, signal: AbortSignal): Promise<Result> {
  signal.throwIfAborted();
  const stop = new AbortController();
  const aborted = new Promise<never>((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true, signal: stop.signal });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    stop.abort();
    work.catch(() => {});
  }
}
