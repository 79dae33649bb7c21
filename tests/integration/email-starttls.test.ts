// A login by mail is sent once TLS is up and the certificate is trusted, and never before.

import { expect } from "bun:test";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { needs } from "../support/requirement.ts";
import { startSmtpServer } from "../support/smtp-server.ts";

const test = needs("openssl");
const canary = "canary-mail-password";

async function makeCertificate(
  folder: string,
): Promise<{ readonly key: string; readonly cert: string; readonly path: string }> {
  const key = join(folder, "key.pem");
  const path = join(folder, "cert.pem");
  const command = [
    "openssl",
    "req",
    "-x509",
    "-newkey",
    "rsa:2048",
    "-nodes",
    "-days",
    "2",
    "-keyout",
    key,
    "-out",
    path,
  ];
  const made = Bun.spawn([...command, "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"], {
    stderr: "ignore",
  });
  expect(await made.exited).toBe(0);
  return { key: await readFile(key, "utf8"), cert: await readFile(path, "utf8"), path };
}

/** Sends one mail from a process of its own, which trusts `authority` if given; prints the error's code and message. */
async function send(port: number, authority?: string, tls = "auto"): Promise<string> {
  const adapter = join(import.meta.dir, "../../src/adapters/notifier/email/index.ts");
  const script = `
    const { open } = await import(${JSON.stringify(adapter)});
    const mail = { smtp_host: "localhost", smtp_port: ${port}, smtp_secure: true, smtp_tls: ${JSON.stringify(tls)}, to: "a@b.test", from: "c@d.test", password: process.env.MAIL_PASSWORD };
    const notice = { id: "1", event: "test", project: null, subject: "test", text: "hello", data: {} };
    await open(mail).send(notice, new AbortController().signal).then(() => console.log("sent"), (error) => console.log(error.code + " " + error.message));
  `;
  const env = {
    PATH: process.env["PATH"] ?? "",
    MAIL_PASSWORD: canary,
    ...(authority === undefined ? {} : { NODE_EXTRA_CA_CERTS: authority }),
  };
  const child = Bun.spawn([process.execPath, "-e", script], { env, stdout: "pipe", stderr: "pipe" });
  const [out, errors] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  expect(out + errors).not.toContain(canary);
  return out.trim() + errors;
}

test("a mail login goes over STARTTLS only, as the sender when no user is given", async () => {
  const folder = await mkdtemp(join(tmpdir(), "backupctl-mail-"));
  try {
    const certificate = await makeCertificate(folder);
    await using server = await startSmtpServer({ tls: certificate });
    expect(await send(server.port, certificate.path)).toBe("sent");
    expect(server.plainLines.some((line) => line.startsWith("AUTH"))).toBe(false);
    const login = server.lines.find((line) => line.startsWith("AUTH PLAIN "))?.slice(11) ?? "";
    expect(Buffer.from(login, "base64").toString("utf8")).toBe(`\0c@d.test\0${canary}`);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}, 30_000);

test("a mail server with a certificate that nobody vouches for never sees the login", async () => {
  const folder = await mkdtemp(join(tmpdir(), "backupctl-mail-"));
  try {
    await using server = await startSmtpServer({ tls: await makeCertificate(folder) });
    expect(await send(server.port)).toStartWith("notification_failed could not send mail by localhost:");
    expect(server.lines.some((line) => line.startsWith("AUTH") || line.startsWith("MAIL"))).toBe(false);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}, 30_000);

test("a mail server with TLS from the start gets the login and the message, and nothing in plain", async () => {
  const folder = await mkdtemp(join(tmpdir(), "backupctl-mail-"));
  try {
    const certificate = await makeCertificate(folder);
    await using server = await startSmtpServer({ tls: certificate, implicit: true });
    expect(await send(server.port, certificate.path, "implicit")).toBe("sent");
    expect(server.plainLines).toEqual([]);
    expect(server.lines.some((line) => line.startsWith("AUTH PLAIN "))).toBe(true);
    expect(server.lines).toContain("hello");
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}, 30_000);

test("a mail server with TLS from the start whose certificate nobody vouches for never sees the login", async () => {
  const folder = await mkdtemp(join(tmpdir(), "backupctl-mail-"));
  try {
    await using server = await startSmtpServer({ tls: await makeCertificate(folder), implicit: true });
    expect(await send(server.port, undefined, "implicit")).toStartWith("notification_failed");
    expect(server.lines).toEqual([]);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}, 30_000);

test("a refused login is named, without the password", async () => {
  const folder = await mkdtemp(join(tmpdir(), "backupctl-mail-"));
  try {
    const certificate = await makeCertificate(folder);
    await using server = await startSmtpServer({ tls: certificate, refuseLogin: true });
    expect(await send(server.port, certificate.path)).toContain("the login was refused (535)");
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}, 30_000);
