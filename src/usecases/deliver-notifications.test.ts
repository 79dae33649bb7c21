import { expect, test } from "bun:test";
import type { ChannelSpec } from "../domain/project/project.ts";
import type { Notice } from "../domain/notification/notice.ts";
import { sendNotice } from "./deliver-notifications.ts";

const channel: ChannelSpec = { name: "ops", type: "webhook", settings: {}, on: ["all"], projects: [] };
const notice: Notice = { id: "a", event: "test", project: null, subject: "test", text: "hello", data: {} };

test("a receiver that never answers is tried again like one that is away, and is no refusal", async () => {
  const openNotifier = async () => ({
    type: "webhook",
    send: (_notice: Notice, signal: AbortSignal) =>
      new Promise<void>((_, reject) => signal.addEventListener("abort", () => reject(signal.reason))),
  });
  const error = await sendNotice({ openNotifier }, channel, notice, 20);
  expect(error).toMatchObject({
    code: "notification_failed",
    retryable: true,
    message: "the receiver did not answer within 0.02 s",
  });
});

test("a notifier that breaks by itself is not taken for a slow receiver", async () => {
  const openNotifier = async () => ({ type: "webhook", send: () => Promise.reject(new TypeError("odd")) });
  expect(await sendNotice({ openNotifier }, channel, notice)).toMatchObject({ code: "internal", retryable: false });
});
