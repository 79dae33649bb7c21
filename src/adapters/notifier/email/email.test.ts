import { describe, expect, test } from "bun:test";
import { startSmtpServer } from "../../../../tests/support/smtp-server.ts";
import type { Notice } from "../../../domain/notification/notice.ts";
import { toAppError, type AppError } from "../../../domain/error.ts";
import { EmailConfig } from "./config.ts";
import { open } from "./index.ts";

const canary = "canary-mail-password";
const notice: Notice = {
  id: "1",
  event: "test",
  project: null,
  subject: "test",
  text: "✅ It works\nsecond line",
  data: {},
};
const base = {
  smtp_host: "127.0.0.1",
  to: "ops@example.test, dev@example.test",
  from: "Backups <backup@example.test>",
};
const never = new AbortController().signal;

async function failureOf(config: unknown): Promise<AppError> {
  const error = await open(EmailConfig.parse(config))
    .send(notice, never)
    .then(() => undefined, toAppError);
  if (error === undefined) throw new Error("the mail was sent");
  return error;
}

describe("mail", () => {
  test("goes to every receiver, with the first line as its subject", async () => {
    await using server = await startSmtpServer();
    const config = EmailConfig.parse({ ...base, smtp_port: server.port, smtp_secure: false });
    await open(config).send(notice, never);
    expect(server.lines).toContain("MAIL FROM:<backup@example.test>");
    expect(server.lines).toContain("RCPT TO:<ops@example.test>");
    expect(server.lines).toContain("RCPT TO:<dev@example.test>");
    expect(server.lines.find((line) => line.startsWith("Subject:"))).toContain("It_works");
    expect(server.lines.some((line) => line.startsWith("AUTH"))).toBe(false);
  });

  test("the same message has the same id at every attempt, another one another", async () => {
    await using server = await startSmtpServer();
    const mail = open(EmailConfig.parse({ ...base, smtp_port: server.port, smtp_secure: false }));
    await mail.send(notice, never);
    await mail.send(notice, never);
    await mail.send({ ...notice, id: "2" }, never);
    const ids = server.lines.filter((line) => line.startsWith("Message-ID: <"));
    expect(ids).toHaveLength(3);
    expect(ids[0]).toBe(ids[1]!);
    expect(new Set(ids).size).toBe(2);
  });

  test("a login is never sent to a server without TLS", async () => {
    await using server = await startSmtpServer();
    const error = await failureOf({ ...base, smtp_port: server.port, user: "u", password: canary });
    expect(error.code).toBe("notification_failed");
    expect(server.lines.some((line) => line.startsWith("AUTH") || line.startsWith("MAIL"))).toBe(false);
    expect(JSON.stringify([server.lines, error.message, error.hint, error.details])).not.toContain(canary);
  });

  test("a plain connection with a login is refused before anything is sent", () => {
    const result = EmailConfig.safeParse({ ...base, smtp_port: 25, smtp_secure: false, user: "u", password: canary });
    expect(result.error?.issues.map(({ path }) => path)).toEqual([["smtp_secure"]]);
  });

  test("a server that is not there is an error that may be tried again", async () => {
    const server = await startSmtpServer();
    await server[Symbol.asyncDispose]();
    const error = await failureOf({ ...base, smtp_port: server.port, smtp_secure: false });
    expect(error).toMatchObject({ code: "notification_failed", retryable: true });
    expect(error.message).toContain(`127.0.0.1:${server.port}`);
  });

  test("cancelling ends the wait for a silent server", async () => {
    await using server = await startSmtpServer({ silent: true });
    const abort = new AbortController();
    const sending = open(EmailConfig.parse({ ...base, smtp_port: server.port, smtp_secure: false })).send(
      notice,
      abort.signal,
    );
    setTimeout(() => abort.abort(new Error("enough")), 50);
    await expect(sending).rejects.toThrow("enough");
  });

  test.each([
    ["a line break in the subject's text", { text: "one\r\nBcc: evil@example.test" }],
    ["a bare carriage return", { text: "one\rBcc: evil@example.test" }],
  ])("%s adds no header", async (_, change) => {
    await using server = await startSmtpServer();
    const config = EmailConfig.parse({ ...base, smtp_port: server.port, smtp_secure: false });
    await open(config).send({ ...notice, ...change }, never);
    const headers = server.lines.slice(0, server.lines.indexOf(""));
    expect(headers.some((line) => /^Bcc/i.test(line))).toBe(false);
    expect(server.lines.some((line) => line.startsWith("RCPT TO:<evil"))).toBe(false);
  });
});
