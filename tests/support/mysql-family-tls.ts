// The TLS modes against a server with a certificate for `localhost` from an authority of our own. Each case goes through
// our own connection and through the dump program.

import { afterAll, beforeAll, expect, type test as bunTest } from "bun:test";
import { chmod, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openSource } from "../../src/adapters/source/shared-mysql/open-source.ts";
import { expectCode, takeDump } from "../../src/ports/source.contract.ts";
import { createTestDatabase, createUser, loginAs, type FamilyServer } from "./mysql-family-server.ts";
import { findProgram } from "./requirement.ts";

type Mode = "disable" | "prefer" | "require" | "verify-ca" | "verify-full";

interface Case {
  readonly host: "localhost" | "127.0.0.1";
  readonly mode: Mode;
  readonly ca?: "own" | "other";
  /** Undefined: it works. */
  readonly code?: "source_auth_failed" | "source_unreachable";
}

const cases: readonly Case[] = [
  { host: "127.0.0.1", mode: "disable", code: "source_auth_failed" },
  { host: "127.0.0.1", mode: "prefer" },
  { host: "127.0.0.1", mode: "require" },
  { host: "127.0.0.1", mode: "require", ca: "own" },
  { host: "127.0.0.1", mode: "require", ca: "other", code: "source_unreachable" },
  { host: "127.0.0.1", mode: "verify-ca", ca: "own" },
  { host: "127.0.0.1", mode: "verify-ca", ca: "other", code: "source_unreachable" },
  { host: "localhost", mode: "verify-ca", code: "source_unreachable" },
  { host: "localhost", mode: "verify-full", ca: "own" },
  { host: "127.0.0.1", mode: "verify-full", ca: "own", code: "source_unreachable" },
  { host: "localhost", mode: "verify-full", ca: "other", code: "source_unreachable" },
];

export function describeTls(
  label: string,
  programs: readonly string[],
  start: (...args: string[]) => Promise<FamilyServer>,
  test: typeof bunTest,
): void {
  let dir = "";
  let server: FamilyServer | undefined;
  const isMissing = programs.some((program) => findProgram(program) === undefined);

  beforeAll(async () => {
    if (isMissing && process.env["CI"] !== "true") return;
    dir = await mkdtemp(join(tmpdir(), "bk-tls-"));
    await chmod(dir, 0o755);
    await makeCertificates(dir);
    server = await start(`--ssl-ca=${dir}/own.pem`, `--ssl-cert=${dir}/server.pem`, `--ssl-key=${dir}/server.key`);
    await createTestDatabase(server, "d", "CREATE TABLE t (a INT)", "INSERT INTO t VALUES (1)");
    await createUser(server, "encrypted", "pw", "ALL PRIVILEGES ON *.*");
    await server.run(undefined, "ALTER USER encrypted@'%' REQUIRE SSL");
  }, 90_000);
  afterAll(async () => {
    await server?.[Symbol.asyncDispose]();
    if (dir !== "") await rm(dir, { recursive: true, force: true });
  });

  for (const { host, mode, ca, code } of cases) {
    const authority = ca === undefined ? "" : ` and ${ca === "own" ? "the right" : "another"} authority`;
    test(`${label}: TLS mode ${mode} to ${host}${authority} ${code === undefined ? "works" : `is ${code}`}`, async () => {
      const tmpDir = await mkdtemp(join(dir, "tmp-"));
      const tls = { mode, ...(ca === undefined ? {} : { ca_path: `${dir}/${ca}.pem` }) };
      const config = { ...loginAs(server!, "encrypted", "pw", "d"), host, tls };
      const source = openSource(server!.flavour, config, { tmpDir, tools: server!.tools, log() {} });
      if (code === undefined) expect((await takeDump(source)).summary.rowCounts!.tables[0]!.rows).toBe(1);
      else expect((await expectCode(takeDump(source), code)).retryable).toBe(false);
      expect(await readdir(tmpDir)).toEqual([]);
    });
  }
}

async function makeCertificates(dir: string): Promise<void> {
  const key = "-newkey rsa:2048 -nodes";
  const lines = [
    `openssl req -x509 ${key} -keyout own.key -out own.pem -days 2 -subj /CN=own`,
    `openssl req -x509 ${key} -keyout other.key -out other.pem -days 2 -subj /CN=other`,
    `openssl req ${key} -keyout server.key -out server.csr -subj /CN=localhost`,
    "printf subjectAltName=DNS:localhost > extensions",
    "openssl x509 -req -in server.csr -CA own.pem -CAkey own.key -CAcreateserial -out server.pem -days 2 -extfile extensions",
    "chmod 644 *.pem *.key",
  ];
  await Bun.$`sh -c ${lines.join(" && ")}`.cwd(dir).quiet();
}
