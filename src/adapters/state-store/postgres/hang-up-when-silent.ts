// A connection that hangs up when an answer does not come: a network that swallows packets would keep it for a quarter of
// an hour, and with it the end of a backup.

import type { Socket } from "node:net";
import type { PoolClient } from "pg";

const answerWithinMs = 35_000;

type Query = (...args: unknown[]) => unknown;

export function hangUpWhenSilent(client: PoolClient): void {
  const ask = client.query.bind(client) as Query;
  // `pg` has many forms of this call; of all of them those that give a promise are in use here.
  const query: Query = (...args) => {
    const answer = ask(...args);
    if (!(answer instanceof Promise)) return answer;
    const timer = setTimeout(() => {
      const { stream } = (client as unknown as { readonly connection: { readonly stream: Socket } }).connection;
      stream.destroy(new Error(`no answer came within ${answerWithinMs / 1000} s`));
    }, answerWithinMs);
    return answer.finally(() => clearTimeout(timer));
  };
  Object.assign(client, { query });
}
