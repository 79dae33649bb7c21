// The connection of a store: made when it is first needed, shared by all, made again after it was lost.

import type { SFTPWrapper } from "ssh2";
import type { SftpStoreConfig } from "./config.ts";
import { openConnection, type ConnectionTimes, type SftpConnection } from "./connection.ts";

export interface SftpSession {
  readonly location: string;
  /** The live connection, or a new one. */
  connect(signal: AbortSignal | undefined): Promise<SftpConnection>;
  /** True when a connection was made earlier; it may have died since without a sign. */
  readonly hasConnection: boolean;
  /**
   * One request on whichever connection lives. When an older connection turns out to be dead, once more on a new one,
   * unless it may only be done once.
   */
  call<T>(
    signal: AbortSignal | undefined,
    invoke: (sftp: SFTPWrapper, done: (error?: Error | null, value?: T) => void) => void,
    options?: { readonly once?: boolean },
  ): Promise<T>;
  close(): Promise<void>;
}

export function openSession(config: SftpStoreConfig, location: string, times: ConnectionTimes): SftpSession {
  let current: Promise<SftpConnection> | undefined;
  let live: SftpConnection | undefined;

  function connectOnce(): Promise<SftpConnection> {
    if (current !== undefined && !live?.isLost) return current;
    live = undefined;
    const opening = openConnection(config, location, times);
    current = opening;
    opening.then(
      (connection) => {
        if (current === opening) live = connection;
        else connection.close();
      },
      () => {
        if (current === opening) current = undefined;
      },
    );
    return opening;
  }

  async function connect(signal: AbortSignal | undefined): Promise<SftpConnection> {
    signal?.throwIfAborted();
    if (signal === undefined) return connectOnce();
    // Others may wait for the same connection: an abort ends the waiting, not the connecting.
    const { promise: aborted, reject } = Promise.withResolvers<never>();
    const onAbort = (): void => reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      return await Promise.race([connectOnce(), aborted]);
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }

  return {
    location,
    connect,
    get hasConnection() {
      return live !== undefined;
    },
    async call(signal, invoke, { once = false } = {}) {
      const older = live;
      const connection = await connect(signal);
      try {
        return await connection.call(signal, invoke);
      } catch (error) {
        if (once || connection !== older || !connection.isLost || signal?.aborted) throw error;
      }
      return (await connect(signal)).call(signal, invoke);
    },
    async close() {
      const opening = current;
      current = undefined;
      live = undefined;
      await opening?.then(
        (connection) => connection.close(),
        () => {},
      );
    },
  };
}
