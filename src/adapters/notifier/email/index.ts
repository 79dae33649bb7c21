// Mail by SMTP. A login is only ever sent after TLS is up; the server's certificate is checked.

import { createHash } from "node:crypto";
import { createTransport } from "nodemailer";
import { AppError } from "../../../domain/error.ts";
import { titleOf, type Notice } from "../../../domain/notification/notice.ts";
import type { Notifier } from "../../../ports/notifier.ts";
import type { EmailConfig } from "./config.ts";

const timeoutMs = 10_000;

export function open(config: EmailConfig): Notifier {
  const server = `${config.smtp_host}:${config.smtp_port}`;
  return {
    type: "email",
    async send(notice, signal) {
      signal.throwIfAborted();
      const transport = createTransport(transportOptions(config));
      const aborted = rejectOnAbort(signal);
      try {
        await Promise.race([transport.sendMail(mailOf(config, notice)), aborted.promise]);
      } catch (error) {
        signal.throwIfAborted();
        throw translate(error, server);
      } finally {
        aborted.stop();
        transport.close();
      }
    },
  };
}

function transportOptions(config: EmailConfig) {
  const { smtp_tls: tls } = config;
  const implicitTls = config.smtp_secure && (tls === "auto" ? config.smtp_port === 465 : tls === "implicit");
  return {
    host: config.smtp_host,
    port: config.smtp_port,
    secure: implicitTls,
    requireTLS: config.smtp_secure && !implicitTls,
    ignoreTLS: !config.smtp_secure,
    connectionTimeout: timeoutMs,
    greetingTimeout: timeoutMs,
    socketTimeout: timeoutMs,
    dnsTimeout: timeoutMs,
    // The library may read files and addresses named in a message; ours has neither.
    disableFileAccess: true,
    disableUrlAccess: true,
    ...(config.password === undefined ? {} : { auth: { user: loginOf(config), pass: config.password } }),
  };
}

/** Document 1 gives a password only: the sender's address is the login then. */
function loginOf(config: EmailConfig): string {
  return config.user ?? config.username ?? (/<([^<>]+)>\s*$/.exec(config.from)?.[1] ?? config.from).trim();
}

function mailOf(config: EmailConfig, notice: Notice) {
  return {
    from: config.from,
    to: typeof config.to === "string" ? config.to : config.to.join(", "),
    subject: titleOf(notice).slice(0, 200),
    text: notice.text,
    // The same for every attempt: mail systems drop the second copy of a message.
    messageId: `<${createHash("sha256").update(notice.id).digest("hex").slice(0, 40)}@backupctl.invalid>`,
  };
}

function rejectOnAbort(signal: AbortSignal): { readonly promise: Promise<never>; stop(): void } {
  const { promise, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  promise.catch(() => {});
  return { promise, stop: () => signal.removeEventListener("abort", onAbort) };
}

const reasons: Readonly<Record<string, readonly [reason: string, hint: string]>> = {
  EAUTH: ["the login was refused", "check user and password"],
  ETLS: ["it offers no encrypted connection", "use a port with TLS, or set smtp_secure: false without a login"],
  EDNS: ["its name could not be resolved", "check smtp_host"],
  ETIMEDOUT: ["it did not answer in time", "check smtp_host, smtp_port and the firewall"],
  ECONNECTION: ["it could not be reached", "check smtp_host, smtp_port and the firewall"],
  ESOCKET: [
    "the connection could not be made or its certificate is not trusted",
    "check smtp_host, smtp_port and the certificate",
  ],
  EENVELOPE: ["it refused the sender or a receiver", "check from and to"],
  EMESSAGE: ["it refused the message", "look into the log of the mail server"],
};

/** The library's own message is left out: it may quote the whole conversation. */
function translate(error: unknown, server: string): AppError {
  const { code = "", responseCode } = error as { code?: string; responseCode?: number };
  const [reason, hint] = reasons[code] ?? ["the conversation failed", "check smtp_host, smtp_port and smtp_secure"];
  const answer = responseCode === undefined ? "" : ` (${responseCode})`;
  const temporary =
    responseCode !== undefined ? responseCode < 500 : ["ETIMEDOUT", "ECONNECTION", "ESOCKET", "EDNS"].includes(code);
  return new AppError("notification_failed", `could not send mail by ${server}: ${reason}${answer}`, {
    hint,
    retryable: temporary,
    details: { server },
  });
}
