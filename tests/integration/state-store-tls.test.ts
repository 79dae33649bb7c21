// The state store on a PostgreSQL server that speaks TLS: what sslmode promises is kept, or nothing is written.

import { afterAll, beforeAll, expect } from "bun:test";
import type { AppError } from "../../src/domain/error.ts";
import { openStateStore } from "../../src/adapters/state-store/open-state-store.ts";
import { makeRun } from "../../src/ports/state-store-samples.contract.ts";
import { openCertificates, useTls, type Certificates } from "../support/certificates.ts";
import { findServerBinaries, startTestServer, type TestServer } from "../support/postgres-server.ts";
import { needs } from "../support/requirement.ts";

const canary = "canary-tls-71";
const installed = await findServerBinaries();
const test = installed === undefined ? needs("initdb") : needs("openssl");
let server: TestServer;
let certificates: Certificates;

beforeAll(async () => {
  if (installed === undefined) return;
  certificates = await openCertificates();
  await certificates.issue("server", "/CN=localhost", "subjectAltName=DNS:localhost\n");
  await certificates.issue("client", "/CN=certified", "extendedKeyUsage=clientAuth\n");
  server = await startTestServer({
    hba: [
      "local all all trust",
      "hostssl all certified 127.0.0.1/32 cert",
      "hostssl all store 127.0.0.1/32 scram-sha-256",
      "hostnossl all plain 127.0.0.1/32 scram-sha-256",
    ],
  });
  for (const role of ["store", "plain"]) {
    await server.run("postgres", `CREATE ROLE ${role} LOGIN SUPERUSER PASSWORD '${canary}'`);
  }
  await server.run("postgres", "CREATE ROLE certified LOGIN SUPERUSER", "CREATE DATABASE audit");
  await useTls(server, certificates);
}, 60_000);
afterAll(async () => {
  await server?.[Symbol.asyncDispose]();
  await certificates?.[Symbol.asyncDispose]();
}, 60_000);

interface Way {
  readonly user?: string;
  readonly host?: string;
  readonly port?: number;
}

function urlOf(parameters: string, { user = `store:${canary}`, host = "localhost", port = server.port }: Way = {}) {
  return `postgres://${user}@${host}:${port}/audit${parameters}`;
}

const authority = (name: string): string => `sslrootcert=${certificates.path(name)}`;

/** Whether the session that the store works in is encrypted, by the server's own word. */
async function isEncrypted(url: string): Promise<boolean> {
  await using store = await openStateStore(url);
  await store.migrate();
  await store.createRun(makeRun(crypto.randomUUID()));
  const rows = await server.run(
    "postgres",
    `SELECT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE datname = 'audit'`,
  );
  expect(rows.length).toBeGreaterThan(0);
  return rows.every(({ ssl }) => ssl === true);
}

async function refusal(url: string): Promise<AppError> {
  await using store = await openStateStore(url);
  const error = (await store.migrate().catch((caught: unknown) => caught)) as AppError;
  expect(error).toMatchObject({ code: "state_failed" });
  expect(JSON.stringify([error.message, error.hint, Bun.inspect(error.cause)])).not.toContain(canary);
  return error;
}

test("every mode that asks for encryption gets it", async () => {
  for (const parameters of [
    "?sslmode=require",
    `?sslmode=require&${authority("ca.crt")}`,
    `?sslmode=verify-ca&${authority("ca.crt")}`,
    `?sslmode=verify-full&${authority("ca.crt")}`,
  ]) {
    expect(await isEncrypted(urlOf(parameters))).toBe(true);
  }
});

test("without sslmode, and with disable, nothing is encrypted", async () => {
  for (const parameters of ["", "?sslmode=disable"]) {
    expect(await isEncrypted(urlOf(parameters, { user: `plain:${canary}` }))).toBe(false);
    expect((await refusal(urlOf(parameters))).message).toContain("no encryption");
  }
});

test("a certificate of another authority is refused with a hint, and is not tried again", async () => {
  for (const mode of ["require", "verify-ca", "verify-full"]) {
    const error = await refusal(urlOf(`?sslmode=${mode}&${authority("other.crt")}`));
    expect(error.hint).toContain("sslrootcert");
    expect(error.retryable).toBe(false);
  }
});

test("the system's authorities do not know the server's", async () => {
  for (const mode of ["verify-ca", "verify-full"]) {
    expect((await refusal(urlOf(`?sslmode=${mode}`))).hint).toContain("sslrootcert");
  }
});

test("verify-full refuses a server of another name, verify-ca does not", async () => {
  const byAddress = { host: "127.0.0.1" };
  expect(await isEncrypted(urlOf(`?sslmode=verify-ca&${authority("ca.crt")}`, byAddress))).toBe(true);
  const error = await refusal(urlOf(`?sslmode=verify-full&${authority("ca.crt")}`, byAddress));
  expect(error.hint).toContain("sslmode");
  expect(error.retryable).toBe(false);
});

test("a client certificate is a login", async () => {
  const own = `sslcert=${certificates.path("client.crt")}&sslkey=${certificates.path("client.key")}`;
  const parameters = `?sslmode=verify-full&${authority("ca.crt")}`;
  expect(await isEncrypted(urlOf(`${parameters}&${own}`, { user: "certified" }))).toBe(true);
  expect((await refusal(urlOf(parameters, { user: "certified" }))).message).toContain("certificate");
});

test("a server that cannot encrypt is refused where encryption is asked for", async () => {
  await using plain = await startTestServer();
  const error = await refusal(urlOf("?sslmode=require", { port: plain.port }));
  expect(error.message).toContain("SSL");
}, 60_000);

test("a file that is not there is named", async () => {
  expect(() => openStateStore(urlOf(`?sslmode=verify-ca&${authority("absent.crt")}`))).toThrow("absent.crt");
});
