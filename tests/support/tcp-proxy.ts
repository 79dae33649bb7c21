// Stands between a client and a server on loopback and spoils the connection on purpose.

import { connect, createServer, type AddressInfo, type Socket } from "node:net";

export interface ProxyFaults {
  /** Added to every piece, in both directions. */
  readonly latencyMs?: number;
  /** The connection is reset once the client has sent this many bytes on it. */
  readonly resetAfterSentBytes?: number;
  /** The same for bytes that the client received. */
  readonly resetAfterReceivedBytes?: number;
  /** Bytes pass no further, but nothing is closed. */
  readonly stall?: boolean;
  /** Each direction. */
  readonly bytesPerSecond?: number;
  /** An end of the server reaches the client this much later. */
  readonly slowCloseMs?: number;
  /** New connections are reset at once. */
  readonly refuse?: boolean;
}

export interface TcpProxy extends AsyncDisposable {
  readonly port: number;
  /** Connections made so far. */
  readonly connections: number;
  readonly sentBytes: number;
  readonly receivedBytes: number;
  /** Replaces what goes wrong from now on, also on open connections. */
  setFaults(faults: ProxyFaults): void;
  resetAll(): void;
}

export async function startTcpProxy(serverPort: number): Promise<TcpProxy> {
  const sockets = new Set<Socket>();
  let faults: ProxyFaults = {};
  let connections = 0;
  const total = { sent: 0, received: 0 };

  /** Pieces go one after the other, hence faults that begin meanwhile hold what is not through. */
  function forward(from: Socket, to: Socket, direction: "sent" | "received", reset: () => void): void {
    let bytes = 0;
    let chain: Promise<void> = Promise.resolve();
    from.on("data", (piece: Buffer) => {
      from.pause();
      chain = chain.then(async () => {
        if (faults.latencyMs !== undefined) await Bun.sleep(faults.latencyMs);
        if (faults.bytesPerSecond !== undefined) await Bun.sleep((piece.length / faults.bytesPerSecond) * 1000);
        while (faults.stall && !from.destroyed) await Bun.sleep(10);
        const limit = direction === "sent" ? faults.resetAfterSentBytes : faults.resetAfterReceivedBytes;
        const allowed = limit === undefined ? piece.length : Math.max(0, Math.min(piece.length, limit - bytes));
        bytes += allowed;
        total[direction] += allowed;
        if (!to.destroyed && allowed > 0) {
          const more = to.write(piece.subarray(0, allowed));
          if (!more) await new Promise((resolve) => to.once("drain", resolve).once("close", resolve));
        }
        if (allowed < piece.length) reset();
        else from.resume();
      });
    });
    from.on("end", () => {
      chain = chain.then(async () => {
        if (direction === "received" && faults.slowCloseMs !== undefined) await Bun.sleep(faults.slowCloseMs);
        to.end();
      });
    });
    from.on("error", () => to.destroy());
    from.on("close", () => to.destroy());
  }

  const server = createServer((client) => {
    connections++;
    sockets.add(client);
    client.on("close", () => sockets.delete(client));
    if (faults.refuse) return void client.resetAndDestroy();
    const upstream = connect(serverPort, "127.0.0.1");
    sockets.add(upstream);
    upstream.on("close", () => sockets.delete(upstream));
    const reset = (): void => {
      client.resetAndDestroy();
      upstream.destroy();
    };
    forward(client, upstream, "sent", reset);
    forward(upstream, client, "received", reset);
    return undefined;
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));

  const resetAll = (): void => {
    for (const socket of sockets) socket.resetAndDestroy();
  };
  return {
    port: (server.address() as AddressInfo).port,
    get connections() {
      return connections;
    },
    get sentBytes() {
      return total.sent;
    },
    get receivedBytes() {
      return total.received;
    },
    setFaults(next) {
      faults = next;
    },
    resetAll,
    async [Symbol.asyncDispose]() {
      faults = {};
      resetAll();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
