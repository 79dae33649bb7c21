// What the program wrote of a PostgreSQL database is opened without it: by node and a script, age, gpg, zstd and
// pg_restore; and files from outside are taken back.

import { afterAll, beforeAll, describe, expect } from "bun:test";
import { mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describeDatabase } from "../support/describe-postgres.ts";
import { oddName, openOddPostgres, type OddPostgres } from "../support/odd-postgres.ts";
import { needs } from "../support/requirement.ts";
import { binaryPath } from "../support/binary.ts";
import { canary, type RunsJson, type World } from "../support/world.ts";

const test = needs(binaryPath, "age", "age-keygen", "gpg", "zstd", "node");

let bed: OddPostgres;
let keys: string;
beforeAll(async () => {
  bed = await openOddPostgres();
  keys = await mkdtemp(join(tmpdir(), "bk-keys-"));
  shell(
    keys,
    `age-keygen -o age.key 2>/dev/null && age-keygen -y age.key > age.pub
     mkdir -m 700 gnupg && gpg --homedir gnupg --batch --quiet --passphrase '' --quick-gen-key stock@example.org default default never 2>/dev/null`,
  );
}, 90_000);
afterAll(async () => {
  shell(keys, "gpgconf --homedir gnupg --kill all");
  await rm(keys, { recursive: true, force: true });
  await bed[Symbol.asyncDispose]();
}, 60_000);

function shell(cwd: string, line: string): string {
  const done = Bun.spawnSync(["bash", "-e", "-o", "pipefail", "-c", line], { cwd, stderr: "pipe" });
  if (done.exitCode !== 0) throw new Error(`${line}: ${done.stderr.toString()}`);
  return done.stdout.toString();
}

/** The bucket's object as a file, as `aws s3 cp` would leave it. */
async function download(world: World, suffix: string): Promise<string> {
  const keysOfWorld = [...bed.storages.s3.objects.keys()].filter((key) => key.includes(world.dir.split("/").at(-1)!));
  const key = keysOfWorld.find((name) => name.endsWith(suffix))!;
  const file = join(world.dir, key.split("/").at(-1)!);
  const { bodies } = bed.storages.s3.objects.get(key)!;
  await writeFile(file, Buffer.concat(await Promise.all(bodies.map(({ file: body }) => readFile(body)))));
  return file;
}

const script = join(import.meta.dir, "../../scripts/decrypt-backup.mjs");

describe("without the program", () => {
  for (const [type, extension, settings, decrypt] of [
    [
      "aes-256-gcm",
      "enc",
      () => ({ password: "${TEST_PASSWORD}" }),
      (file: string) => `BACKUPCTL_PASSWORD='${canary}' node ${script} --keep-compressed '${file}' -`,
    ],
    [
      "age",
      "age",
      () => ({ recipients_file: join(keys, "age.pub"), identity_file: join(keys, "age.key") }),
      (file: string) => `age -d -i ${join(keys, "age.key")} '${file}'`,
    ],
    [
      "gpg",
      "gpg",
      () => ({ recipient: "stock@example.org", homedir: join(keys, "gnupg") }),
      (file: string) => `gpg --homedir ${join(keys, "gnupg")} --batch --quiet -d '${file}'`,
    ],
  ] as const) {
    test(`${type}: the object of a bucket goes through stock tools into a server, and through restore --from`, async () => {
      await using world = await bed.openWorld({}, { encryption: { enabled: true, type, ...settings() } });
      const { runs } = await world.json<RunsJson>("run", "shop");
      expect(runs[0]).toMatchObject({ status: "succeeded", error: null });
      const file = await download(world, `.dump.zst.${extension}`);
      const before = await describeDatabase(bed.old, oddName);
      const name = `stock_${extension}`;
      await bed.old.run("postgres", `CREATE DATABASE ${name} TEMPLATE template0`);
      const { host } = bed.old.admin;
      const restore = `${bed.old.binDir}/pg_restore -e -h ${host} -p ${bed.old.port} -U postgres -d ${name}`;
      shell(world.dir, `${decrypt(file)} | zstd -d | ${restore}`);
      expect(await describeDatabase(bed.old, name)).toBe(before);

      const from = await world.run("restore", "--from", file, "--db", "shop", "--into-database", `${name}_from`);
      expect(from).toMatchObject({ exitCode: 0 });
      expect(await describeDatabase(bed.old, `${name}_from`)).toBe(before);
      const left = await readdir(join(world.env["BACKUP_BASE_DIR"]!, ".tmp")).catch(() => []);
      expect(left).toEqual([]);
    }, 60_000);
  }

  test("a cut, a flipped and a foreign file are refused, and no database appears", async () => {
    await using world = await bed.openWorld({});
    await world.run("run", "shop");
    const file = await download(world, ".dump.zst.enc");
    const bytes = new Uint8Array(await Bun.file(file).arrayBuffer());
    const flipped = Uint8Array.from(bytes);
    flipped[bytes.length - 5_000]! ^= 1;
    const cases = {
      cut: bytes.subarray(0, bytes.length - 1),
      flipped,
      twice: Buffer.concat([bytes, bytes]),
      empty: new Uint8Array(0),
      random: crypto.getRandomValues(new Uint8Array(5_000)),
      html: new TextEncoder().encode("<html>503 try again</html>"),
    };
    for (const [name, content] of Object.entries(cases)) {
      await writeFile(join(world.dir, name), content);
      const outcome = await world.run("restore", "--from", name, "--into-database", `bad ${name}`);
      expect({ name, ...outcome }).toMatchObject({ exitCode: 1 });
      expect(outcome.stderr).toMatch(/^error: .*/m);
      expect(outcome.stderr).not.toMatch(/unexpected|    at /);
    }
    expect((await bed.old.listDatabases()).filter((name) => name.startsWith("bad"))).toEqual([]);
  }, 60_000);

  test("plain SQL from pg_dump is taken only when asked for", async () => {
    await using world = await bed.openWorld({});
    const { host } = bed.old.admin;
    const login = `-h ${host} -p ${bed.old.port} -U postgres`;
    shell(
      world.dir,
      `${bed.old.binDir}/pg_dump ${login} -n '"weird schema"' -d "dbname='${oddName.replaceAll("'", "\\'").replaceAll('"', '\\"').replaceAll("$", "\\$")}'" > old.sql`,
    );
    const refused = await world.run("restore", "--from", "old.sql", "--into-database", "from sql");
    expect(refused.exitCode).toBe(1);
    expect(refused.stderr).toContain("--allow-sql-fallback");
    const taken = await world.run(
      "restore",
      "--from",
      "old.sql",
      "--into-database",
      "from sql",
      "--allow-sql-fallback",
    );
    expect(taken).toMatchObject({ exitCode: 0 });
    expect(await bed.old.run("from sql", 'SELECT count(*)::int AS n FROM "weird schema"."we""ird"')).toEqual([
      { n: 3 },
    ]);
  }, 60_000);

  test("a drill on a server that is thrown away needs no right on the project's own", async () => {
    await using world = await bed.openWorld(
      { globals: true, parallel: 2 },
      { verification: { enabled: true, level: "restore", drill: { on: "throwaway" } } },
    );
    const { runs } = await world.json<RunsJson>("run", "shop");
    expect(runs[0]).toMatchObject({ status: "succeeded", error: null });
    const verified = await world.run("verify", "shop", "latest", "--level", "restore", "--storage", "box");
    expect(verified).toMatchObject({ exitCode: 0 });
  }, 90_000);
});
