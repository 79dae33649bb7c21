// A server with a small database, and sources over it whose tools can be replaced by scripts; after each test nothing
// may be left in the temporary directory, among the databases, or in the log.

import { afterAll, afterEach, beforeAll, beforeEach, expect } from "bun:test";
import { chmod, mkdtemp, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PostgresOptions } from "../../src/adapters/source/postgres/config.ts";
import { open } from "../../src/adapters/source/postgres/index.ts";
import type { Source } from "../../src/ports/source.ts";
import { createTestDatabase, loginAs, startTestServer, type TestServer } from "./postgres-server.ts";

export const canary = "canary-4711-password";

export interface SourceChoice {
  readonly options?: Partial<PostgresOptions>;
  readonly pgBinDir?: string;
  readonly database?: string;
  readonly user?: string;
}

export interface PostgresBed {
  readonly server: TestServer;
  readonly tmpDir: string;
  readonly toolDir: string;
  readonly logged: readonly string[];
  source(choice?: SourceChoice): Source;
  /** A directory of tools in which `name` is a shell script; `$REAL` is the real programs' directory. */
  fakeTools(name: string, script: string): Promise<string>;
  newName(): string;
}

/** Registers the hooks of one test file; the bed may be used inside tests only. */
export function usePostgresBed(): PostgresBed {
  let server: TestServer;
  let tmpDir: string;
  let toolDir: string;
  let logged: string[] = [];
  let count = 0;

  beforeAll(async () => {
    server = await startTestServer();
    await server.run("postgres", `CREATE ROLE backup LOGIN SUPERUSER PASSWORD '${canary}'`);
    await createTestDatabase(
      server,
      "shop",
      "CREATE TABLE orders (id int PRIMARY KEY, note text)",
      "INSERT INTO orders SELECT i, repeat(md5(i::text), 30) FROM generate_series(1, 20000) AS i",
      "CREATE TABLE customers AS SELECT i AS id FROM generate_series(1, 100) AS i",
    );
  }, 60_000);
  afterAll(async () => {
    await server[Symbol.asyncDispose]();
  }, 60_000);
  beforeEach(async () => {
    tmpDir = await mkdtemp(join(tmpdir(), "bk-fault-"));
    toolDir = await mkdtemp(join(tmpdir(), "bk-tools-"));
    logged = [];
  });
  afterEach(async () => {
    expect(await readdir(tmpDir)).toEqual([]);
    expect(logged.join("\n")).not.toContain(canary);
    const databases = await server.listDatabases();
    expect(databases.filter((name) => /_(restore|old|drill)_/.test(name))).toEqual([]);
    await rm(tmpDir, { recursive: true });
    await rm(toolDir, { recursive: true });
  });

  return {
    get server() {
      return server;
    },
    get tmpDir() {
      return tmpDir;
    },
    get toolDir() {
      return toolDir;
    },
    get logged() {
      return logged;
    },
    newName: () => `target_${++count}`,
    source(choice = {}) {
      const login = loginAs(server, choice.user ?? "backup", canary, choice.database ?? "shop");
      const config = { ...login, options: { ...PostgresOptions.parse({}), ...choice.options } };
      const tools = choice.pgBinDir === undefined ? {} : { pgBinDir: choice.pgBinDir };
      return open(config, { tmpDir, tools, log: (_, message) => void logged.push(message) });
    },
    async fakeTools(name, script) {
      for (const real of await readdir(server.binDir)) {
        if (real !== name) await symlink(join(server.binDir, real), join(toolDir, real));
      }
      const version = `if [ "$1" = --version ]; then exec ${join(server.binDir, name)} --version; fi`;
      await writeFile(join(toolDir, name), `#!/bin/sh\n${version}\nREAL=${server.binDir}\n${script}\n`);
      await chmod(join(toolDir, name), 0o755);
      return toolDir;
    },
  };
}
