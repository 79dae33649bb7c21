// Every receiver against a server that answers as the real one does, and that can fail, hang and ask for time.

import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { toAppError } from "../../domain/error.ts";
import { noticeEvents, type Notice, type NoticeEvent } from "../../domain/notification/notice.ts";
import type { NotifierDefinition } from "./definition.ts";
import { notifierDefinitions } from "./index.ts";

interface Received {
  readonly path: string;
  readonly search: string;
  readonly headers: Headers;
  readonly text: string;
}

const canary = "canaryT0kenSecret";
const runId = "0f8fad5b-d9cb-469f-a165-70867728950e";
const received: Received[] = [];
let answer: () => Response | Promise<Response> = () => new Response("{}");
let server: ReturnType<typeof Bun.serve>;
beforeAll(() => {
  server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    async fetch(request) {
      const { pathname, search } = new URL(request.url);
      received.push({ path: pathname, search, headers: request.headers, text: await request.text() });
      return answer();
    },
  });
});
afterAll(() => server.stop(true));
beforeEach(() => {
  received.length = 0;
  answer = () => new Response("{}");
});

function noticeOf(event: NoticeEvent, more: Partial<Notice> = {}): Notice {
  const text = "❌ Backup failed — shop\nError: it *said* <b>`no`</b> @everyone";
  return {
    id: `${runId}/3-end`,
    event,
    project: "shop",
    subject: "shop/backup",
    text,
    data: { run_id: runId },
    ...more,
  };
}

/** Settings of each type that lead to the server of this test. */
const settings: Readonly<Record<string, (origin: string) => unknown>> = {
  slack: (origin) => ({ webhook_url: `${origin}/services/${canary}` }),
  webhook: (origin) => ({ url: `${origin}/hook/${canary}`, headers: { Authorization: `Bearer ${canary}` } }),
  discord: (origin) => ({ webhook_url: `${origin}/api/webhooks/1/${canary}` }),
  telegram: (origin) => ({ api_url: origin, bot_token: `123:${canary}`, chat_id: "-100" }),
  ntfy: (origin) => ({ url: origin, topic: canary, token: canary }),
  pagerduty: (origin) => ({ url: origin, routing_key: canary }),
  heartbeat: (origin) => ({ url: `${origin}/ping/${canary}?x=1` }),
};
const byHttp = notifierDefinitions.filter(({ type }) => type !== "email");

async function send(definition: NotifierDefinition | string, notice: Notice, signal = AbortSignal.timeout(5_000)) {
  const found =
    typeof definition === "string" ? notifierDefinitions.find(({ type }) => type === definition)! : definition;
  const config = found.config.parse(settings[found.type]!(`http://127.0.0.1:${server.port}`));
  const { open } = await found.load();
  await open(config).send(notice, signal);
}

const bodies = (): readonly Record<string, any>[] => received.map(({ text }) => JSON.parse(text));

describe.each(byHttp.map((definition) => [definition.type, definition] as const))("%s", (type, definition) => {
  test("takes every kind of message", async () => {
    for (const event of noticeEvents) await send(definition, noticeOf(event));
    expect(received.length).toBeGreaterThan(3);
  });

  test.each([
    [500, true],
    [429, true],
    [408, true],
    [404, false],
    [401, false],
    [302, false],
  ])("an answer of %d is an error without the secret; retryable: %p", async (status, retryable) => {
    answer = () => new Response(canary, { status, headers: { location: "http://127.0.0.1:1/" } });
    const error = await send(definition, noticeOf("backup_failed")).then(() => undefined, toAppError);
    expect(error).toMatchObject({ code: "notification_failed", retryable });
    expect(error?.message).toContain(`127.0.0.1:${server.port}`);
    expect(Bun.inspect(error, { depth: 9 })).not.toContain(canary);
  });

  test("the time that a busy server asks for is kept", async () => {
    answer = () => new Response("", { status: 429, headers: { "retry-after": "7" } });
    const error = await send(definition, noticeOf("backup_failed")).then(() => undefined, toAppError);
    expect(error?.details["retryAfterMs"]).toBe(7_000);
  });

  test("a server that does not answer is left when the signal says so", async () => {
    answer = () => new Promise(() => {});
    await expect(send(definition, noticeOf("backup_failed"), AbortSignal.timeout(50))).rejects.toThrow();
  });

  test("its secret is marked as one", () => {
    const parsed = definition.config.safeParse(settings[type]!("https://example.test"));
    expect(parsed.success).toBe(true);
    expect(definition.config.safeParse({}).success).toBe(false);
  });
});

test.each([
  ["0.25", 250],
  ["soon", undefined],
  ["-3", undefined],
])("Retry-After: %s", async (header, expected) => {
  answer = () => new Response("", { status: 429, headers: { "retry-after": header } });
  const error = await send("webhook", noticeOf("backup_failed")).then(() => undefined, toAppError);
  expect(error?.details["retryAfterMs"]).toBe(expected);
});

test("Retry-After as a date", async () => {
  const date = new Date(Date.now() + 60_000).toUTCString();
  answer = () => new Response("", { status: 503, headers: { "retry-after": date } });
  const error = await send("webhook", noticeOf("backup_failed")).then(() => undefined, toAppError);
  expect(error?.details["retryAfterMs"]).toBeGreaterThan(55_000);
});

test("Discord mentions nobody, shows text as it is, and takes no more than 2000 characters", async () => {
  await send("discord", noticeOf("backup_failed"));
  await send("discord", noticeOf("backup_failed", { text: "💥".repeat(3_000) }));
  expect(bodies()[0]).toEqual({
    content: "❌ Backup failed — shop\nError: it \\*said\\* <b\\>\\`no\\`</b\\> @everyone",
    allowed_mentions: { parse: [] },
    flags: 4,
  });
  expect([...bodies()[1]!["content"]].length).toBe(2_000);
});

test("Telegram gets plain text, silent when it is good news", async () => {
  await send("telegram", noticeOf("backup_failed"));
  await send("telegram", noticeOf("backup_success"));
  expect(received[0]?.path).toBe(`/bot123:${canary}/sendMessage`);
  expect(bodies()[0]).toMatchObject({ chat_id: "-100", text: noticeOf("test").text, disable_notification: false });
  expect(bodies()[0]).not.toHaveProperty("parse_mode");
  expect(bodies()[1]).toMatchObject({ disable_notification: true });
});

test("ntfy gets topic, title, message and priority, and the token as a header", async () => {
  await send("ntfy", noticeOf("backup_failed"));
  expect(received[0]?.path).toBe("/");
  expect(received[0]?.headers.get("authorization")).toBe(`Bearer ${canary}`);
  expect(bodies()[0]).toEqual({
    topic: canary,
    title: "❌ Backup failed — shop",
    message: "Error: it *said* <b>`no`</b> @everyone",
    priority: 4,
  });
});

test("PagerDuty opens an incident and resolves the same one", async () => {
  await send("pagerduty", noticeOf("backup_started"));
  expect(received).toEqual([]);
  await send("pagerduty", noticeOf("backup_failed"));
  await send("pagerduty", noticeOf("backup_success"));
  expect(received[0]?.path).toBe("/v2/enqueue");
  expect(bodies()).toMatchObject([
    {
      routing_key: canary,
      event_action: "trigger",
      dedup_key: "backupctl/shop/backup",
      payload: { summary: "❌ Backup failed — shop", source: "backupctl", severity: "critical", component: "shop" },
    },
    { routing_key: canary, event_action: "resolve", dedup_key: "backupctl/shop/backup" },
  ]);
});

test("a heartbeat is pinged at start, success and failure, with the run's id", async () => {
  for (const event of ["backup_started", "backup_success", "backup_failed", "restore_failed", "daily_summary"] as const)
    await send("heartbeat", noticeOf(event));
  await send("heartbeat", noticeOf("backup_success", { data: { run_id: "odd" } }));
  expect(received.map(({ path, search }) => path + search)).toEqual([
    `/ping/${canary}/start?x=1&rid=${runId}`,
    `/ping/${canary}?x=1&rid=${runId}`,
    `/ping/${canary}/fail?x=1&rid=${runId}`,
    `/ping/${canary}?x=1`,
  ]);
  expect(received[2]?.text).toBe(noticeOf("test").text);
});
