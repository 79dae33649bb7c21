// The TLS modes of PostgreSQL mean the same for our own connection and for pg_dump.

import { afterAll, beforeAll, expect } from "bun:test";
import { chmod, chown, copyFile, mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PostgresConfig } from "../../src/adapters/source/postgres/config.ts";
import { open } from "../../src/adapters/source/postgres/index.ts";
import { connect } from "../../src/adapters/source/postgres/connection.ts";
import type { PostgresTls } from "../../src/adapters/source/postgres/config.ts";
import { expectCode, takeDump } from "../../src/ports/source.contract.ts";
import { createTestDatabase, startTestServer, type TestServer } from "../support/postgres-server.ts";
import { needs } from "../support/requirement.ts";

const test = needs("pg_dump", "psql", "openssl");
const never = new AbortController().signal;
const password = "canary-tls";
let server: TestServer;
let plain: TestServer;
let dir: string;

async function openssl(...args: string[]): Promise<void> {
  const child = Bun.spawn(["openssl", ...args], { cwd: dir, stdout: "ignore", stderr: "pipe" });
  const words = await new Response(child.stderr).text();
  if ((await child.exited) !== 0) throw new Error(words);
}

async function issue(name: string, subject: string, extensions: string): Promise<void> {
  await Bun.write(join(dir, `${name}.ext`), extensions);
  await openssl(
    "req",
    "-new",
    "-newkey",
    "rsa:2048",
    "-nodes",
    "-subj",
    subject,
    "-keyout",
    `${name}.key`,
    "-out",
    `${name}.csr`,
  );
  await openssl(
    "x509",
    "-req",
    "-in",
    `${name}.csr`,
    "-CA",
    "ca.crt",
    "-CAkey",
    "ca.key",
    "-CAcreateserial",
    "-days",
    "2",
    "-extfile",
    `${name}.ext`,
    "-out",
    `${name}.crt`,
  );
  await chmod(join(dir, `${name}.key`), 0o600);
}

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "bk-tls-"));
  await chmod(dir, 0o755);
  for (const ca of ["ca", "other"]) {
    await openssl(
      "req",
      "-x509",
      "-newkey",
      "rsa:2048",
      "-nodes",
      "-subj",
      `/CN=${ca}`,
      "-days",
      "2",
      "-keyout",
      `${ca}.key`,
      "-out",
      `${ca}.crt`,
    );
  }
  await issue("server", "/CN=localhost", "subjectAltName=DNS:localhost\n");
  await issue("client", "/CN=certified", "extendedKeyUsage=clientAuth\n");
  plain = await startTestServer();
  server = await startTestServer({
    hba: [
      "local all all trust",
      "hostssl all certified 127.0.0.1/32 cert",
      "hostnossl all only_plain 127.0.0.1/32 scram-sha-256",
      "hostssl all backup all scram-sha-256",
    ],
  });
  const owner = await stat(server.admin.host);
  await copyFile(join(dir, "server.key"), join(dir, "owned.key"));
  await chmod(join(dir, "owned.key"), 0o600);
  await chown(join(dir, "owned.key"), owner.uid, owner.gid);
  for (const [name, value] of [
    ["ssl_cert_file", join(dir, "server.crt")],
    ["ssl_key_file", join(dir, "owned.key")],
    ["ssl_ca_file", join(dir, "ca.crt")],
    ["ssl", "on"],
  ]) {
    await server.run("postgres", `ALTER SYSTEM SET ${name} = '${value}'`);
  }
  await server.run("postgres", "SELECT pg_reload_conf()");
  for (const each of [server, plain]) {
    for (const role of ["backup", "only_plain"]) {
      await each.run("postgres", `CREATE ROLE ${role} LOGIN SUPERUSER PASSWORD '${password}'`);
    }
    await each.run("postgres", "CREATE ROLE certified LOGIN SUPERUSER");
    await createTestDatabase(each, "shop", "CREATE TABLE t AS SELECT 1 AS a");
  }
  await Bun.sleep(300);
}, 60_000);
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await plain[Symbol.asyncDispose]();
  await rm(dir, { recursive: true });
}, 60_000);

function config(on: TestServer, tls: Partial<PostgresTls>, more: Record<string, unknown> = {}): PostgresConfig {
  return PostgresConfig.parse({
    host: "localhost",
    port: on.port,
    name: "shop",
    user: "backup",
    password,
    tls,
    ...more,
  });
}

async function isEncrypted(settings: PostgresConfig): Promise<boolean> {
  await using connection = await connect(settings, { database: "shop", signal: never });
  const [row] = await connection.query<{ ssl: boolean }>("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()");
  return row?.ssl === true;
}

/** Both ways in: our own connection (probe) and pg_dump. */
async function dumps(settings: PostgresConfig): Promise<void> {
  const tmpDir = await mkdtemp(join(tmpdir(), "bk-source-"));
  try {
    const { parts } = await takeDump(open(settings, { tmpDir, tools: {}, log: () => {} }));
    expect(parts).toHaveLength(1);
  } finally {
    await rm(tmpDir, { recursive: true });
  }
}

const ca = (): string => join(dir, "ca.crt");

test("prefer is encrypted where the server offers it, and plain where not", async () => {
  expect(await isEncrypted(config(server, { mode: "prefer" }))).toBe(true);
  expect(await isEncrypted(config(plain, { mode: "prefer" }))).toBe(false);
  expect(await isEncrypted(config(server, { mode: "prefer" }, { user: "only_plain" }))).toBe(false);
  await dumps(config(server, { mode: "prefer" }));
  await dumps(config(server, { mode: "prefer" }, { user: "only_plain" }));
});

test("disable is plain, and refused where only TLS is allowed", async () => {
  expect(await isEncrypted(config(server, { mode: "disable" }, { user: "only_plain" }))).toBe(false);
  await expectCode(dumps(config(server, { mode: "disable" })), "source_auth_failed");
});

test("require is encrypted with any certificate, and fails without TLS", async () => {
  expect(await isEncrypted(config(server, { mode: "require" }))).toBe(true);
  await dumps(config(server, { mode: "require" }));
  await expectCode(dumps(config(plain, { mode: "require" })), "source_unreachable");
});

test("require with an authority of one's own checks the chain, as libpq does", async () => {
  await dumps(config(server, { mode: "require", ca_path: ca() }));
  await expectCode(dumps(config(server, { mode: "require", ca_path: join(dir, "other.crt") })), "source_unreachable");
});

test("verify-ca accepts another host name but no other authority", async () => {
  await dumps(config(server, { mode: "verify-ca", ca_path: ca() }));
  await dumps(config(server, { mode: "verify-ca", ca_path: ca() }, { host: "127.0.0.1" }));
  const error = await expectCode(
    dumps(config(server, { mode: "verify-ca", ca_path: join(dir, "other.crt") })),
    "source_unreachable",
  );
  expect(error.retryable).toBe(false);
  expect(error.hint).toContain("tls.ca_path");
  await expectCode(dumps(config(server, { mode: "verify-ca" })), "source_unreachable");
});

test("verify-full refuses a host name that is not in the certificate", async () => {
  await dumps(config(server, { mode: "verify-full", ca_path: ca() }));
  const error = await expectCode(
    dumps(config(server, { mode: "verify-full", ca_path: ca() }, { host: "127.0.0.1" })),
    "source_unreachable",
  );
  expect(error.retryable).toBe(false);
});

test("verify modes never fall back to a plain connection", async () => {
  for (const mode of ["verify-ca", "verify-full"] as const) {
    await expectCode(dumps(config(plain, { mode, ca_path: ca() })), "source_unreachable");
  }
});

test("a client certificate logs in", async () => {
  const tls = {
    mode: "verify-full",
    ca_path: ca(),
    cert_path: join(dir, "client.crt"),
    key_path: join(dir, "client.key"),
  } as const;
  const settings = PostgresConfig.parse({ host: "localhost", port: server.port, name: "shop", user: "certified", tls });
  await dumps(settings);
  await expectCode(dumps({ ...settings, tls: { mode: "require" } }), "source_auth_failed");
});

test("a TLS file that cannot be read is named", async () => {
  const error = await expectCode(
    dumps(config(server, { mode: "verify-ca", ca_path: "/nonexistent/ca" })),
    "config_invalid",
  );
  expect(error.message).toContain("/nonexistent/ca");
});
