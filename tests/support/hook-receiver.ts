// A receiver of webhooks that keeps what it accepted, and fails, hangs or refuses when it is told to.

export interface HookReceiver extends AsyncDisposable {
  readonly url: string;
  /** Events that were answered 200, in order. */
  readonly accepted: readonly Accepted[];
  /** Requests, however they were answered. */
  readonly requests: number;
  /** How the next requests are answered, one entry each; after that 200. */
  readonly faults: (number | "hang")[];
  /** Answers every request like this until it is cleared. */
  standing: number | "hang" | null;
}

export interface Accepted {
  readonly key: string | null;
  readonly event: string;
  readonly body: Readonly<Record<string, any>>;
}

/** The path holds `secret`, as a hook's address does. */
export function startHookReceiver(secret: string): HookReceiver {
  const accepted: Accepted[] = [];
  const faults: (number | "hang")[] = [];
  let requests = 0;
  const receiver = { standing: null as number | "hang" | null };
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    idleTimeout: 60,
    async fetch(request) {
      requests += 1;
      const body = (await request.json()) as Readonly<Record<string, any>>;
      const fault = receiver.standing ?? faults.shift() ?? 200;
      if (fault === "hang") return new Promise<Response>(() => {});
      if (fault === 200) accepted.push({ key: request.headers.get("idempotency-key"), event: body["event"], body });
      return new Response("", { status: fault });
    },
  });
  return {
    url: `http://127.0.0.1:${server.port}/hook/${secret}`,
    accepted,
    faults,
    get requests() {
      return requests;
    },
    get standing() {
      return receiver.standing;
    },
    set standing(value) {
      receiver.standing = value;
    },
    async [Symbol.asyncDispose]() {
      await server.stop(true);
    },
  };
}
