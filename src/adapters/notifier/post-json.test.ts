import { describe, expect, test } from "bun:test";
import { toAppError, type AppError } from "../../domain/error.ts";
import type { Notice } from "../../domain/notification/notice.ts";
import type { Notifier } from "../../ports/notifier.ts";
import { postJson } from "./post-json.ts";
import { SlackConfig } from "./slack/config.ts";
import { open as openSlack } from "./slack/index.ts";
import { WebhookConfig } from "./webhook/config.ts";
import { open as openWebhook } from "./webhook/index.ts";

const never = new AbortController().signal;
const notice: Notice = {
  id: "run-1/end",
  event: "backup_failed",
  project: "shop",
  subject: "shop/backup",
  text: "❌ Backup failed <shop>",
  data: { run_id: "1" },
};
const secretPath = "/services/T000/canary-hook-secret";

interface Received {
  readonly path: string;
  readonly headers: Headers;
  readonly body: unknown;
}

async function withServer(
  answer: (request: Request) => Response | Promise<Response>,
  use: (origin: string, received: Received[]) => Promise<void>,
) {
  const received: Received[] = [];
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    async fetch(request) {
      received.push({ path: new URL(request.url).pathname, headers: request.headers, body: await request.json() });
      return answer(request);
    },
  });
  try {
    await use(`http://127.0.0.1:${server.port}`, received);
  } finally {
    await server.stop(true);
  }
}

async function failureOf(notifier: Notifier): Promise<AppError> {
  const error = await notifier.send(notice, never).then(() => undefined, toAppError);
  if (error === undefined) throw new Error("the notice was sent");
  return error;
}

const slack = (url: string) => openSlack(SlackConfig.parse({ webhook_url: url }));

describe("hooks", () => {
  test("Slack receives the text, with its markup escaped", async () => {
    await withServer(
      () => new Response("ok"),
      async (origin, received) => {
        await slack(origin + secretPath).send(notice, never);
        expect(received).toMatchObject([{ path: secretPath, body: { text: "❌ Backup failed &lt;shop&gt;" } }]);
      },
    );
  });

  test("a webhook receives the outcome of a run beside the rest, and the same key at every attempt", async () => {
    await withServer(
      () => new Response(null, { status: 204 }),
      async (origin, received) => {
        const outcome = { db: "shop", status: "failure", bytes: 0, dest: "", duration: 1.5, error: "no" } as const;
        const notifier = openWebhook(WebhookConfig.parse({ url: origin }));
        await notifier.send({ ...notice, outcome }, never);
        await notifier.send({ ...notice, outcome }, never);
        const { event, project, text, data } = notice;
        expect(received[0]?.body).toEqual({ event, project, text, data, ...outcome });
        expect(received.map(({ headers }) => headers.get("idempotency-key"))).toEqual(["run-1/end", "run-1/end"]);
      },
    );
  });

  test("a webhook receives event, project, text and data, with the headers and the login of its address", async () => {
    await withServer(
      () => new Response(null, { status: 204 }),
      async (origin, received) => {
        const url = origin.replace("//", "//me:p%40ss@");
        await openWebhook(WebhookConfig.parse({ url, headers: { "X-Team": "db" } })).send(notice, never);
        const { event, project, text, data } = notice;
        expect(received[0]?.body).toEqual({ event, project, text, data });
        expect(received[0]?.headers.get("x-team")).toBe("db");
        expect(received[0]?.headers.get("authorization")).toBe(`Basic ${btoa("me:p@ss")}`);
      },
    );
  });

  test.each([
    [404, false],
    [403, false],
    [429, true],
    [500, true],
  ])("an answer of %d is an error; retryable: %p", async (status, retryable) => {
    await withServer(
      () => new Response("canary-body", { status }),
      async (origin) => {
        const error = await failureOf(slack(origin + secretPath));
        expect(error).toMatchObject({ code: "notification_failed", retryable, details: { status } });
        expect(error.message).toContain(String(status));
        expect(Bun.inspect(error, { depth: 9 })).not.toContain("canary");
      },
    );
  });

  test("a redirect is not followed", async () => {
    await withServer(
      () => Response.redirect("http://127.0.0.1:1/elsewhere", 307),
      async (origin, received) => {
        expect((await failureOf(slack(origin + secretPath))).message).toContain("307");
        expect(received.length).toBe(1);
      },
    );
  });

  test("a host that is not there is named without the secret part of the address", async () => {
    const error = await failureOf(slack(`http://127.0.0.1:1${secretPath}`));
    expect(error).toMatchObject({ code: "notification_failed", retryable: true });
    expect(Bun.inspect(error, { depth: 9 })).not.toContain("canary");
  });

  test("a host that does not answer is given up", async () => {
    await withServer(
      () => new Promise(() => {}),
      async (origin) => {
        const sending = postJson({ url: origin, headers: {}, body: {}, signal: never, timeoutMs: 60 });
        await expect(sending).rejects.toMatchObject({ code: "notification_failed", retryable: true });
      },
    );
  });

  test("cancelling throws the signal's reason", async () => {
    await withServer(
      () => new Promise(() => {}),
      async (origin) => {
        const abort = new AbortController();
        setTimeout(() => abort.abort(new Error("enough")), 30);
        await expect(slack(origin).send(notice, abort.signal)).rejects.toThrow("enough");
      },
    );
  });

  test("a header that would break the request is refused by the settings", () => {
    const headers = { "X-A": "one\r\nX-B: two" };
    expect(WebhookConfig.safeParse({ url: "https://example.test", headers }).success).toBe(false);
  });
});
