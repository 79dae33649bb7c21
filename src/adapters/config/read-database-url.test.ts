import { expect, test } from "bun:test";
import { loadText, problemsOf, projectWith } from "../../../tests/support/configuration.ts";

const load = async (env: Record<string, string>, envFile?: string) =>
  (await loadText(projectWith(), { env, ...(envFile === undefined ? {} : { envFile }) })).configuration;

test.each([
  [{}, "sqlite:/data/backups/.backupctl/state.db", null, []],
  [{ DATABASE_PATH: "/d" }, "sqlite:/d", "DATABASE_PATH", []],
  [
    { AUDIT_DB_HOST: "h", DATABASE_PATH: "/d" },
    "postgres://audit_user@h:5432/backup_audit",
    "AUDIT_DB_HOST",
    ["DATABASE_PATH"],
  ],
  [
    { DATABASE_URL: "sqlite:/u.db", AUDIT_DB_HOST: "h", DATABASE_PATH: "/d" },
    "sqlite:/u.db",
    "DATABASE_URL",
    ["AUDIT_DB_HOST", "DATABASE_PATH"],
  ],
  [{ DATABASE_URL: "", AUDIT_DB_HOST: " ", DATABASE_PATH: "/d" }, "sqlite:/d", "DATABASE_PATH", []],
] as [Record<string, string>, string, string | null, string[]][])(
  "%p is the state store %p by %p",
  async (env, databaseUrl, setBy, ignored) => {
    const { settings } = await load(env);
    expect(settings).toMatchObject({ databaseUrl, databaseChoice: { setBy, ignored } });
  },
);

test("the order of the names comes before the order of their places", async () => {
  const { settings } = await load({ AUDIT_DB_HOST: "h" }, "DATABASE_URL=sqlite:/file.db\n");
  expect(settings.databaseUrl).toBe("sqlite:/file.db");
  expect((await load({ DATABASE_URL: "sqlite:/p.db" }, "DATABASE_URL=sqlite:/f.db\n")).settings.databaseUrl).toBe(
    "sqlite:/p.db",
  );
});

test("parts of a server's address without its host are told, for the state store is not there", async () => {
  const warned = async (env: Record<string, string>) => (await load(env)).warnings.map(({ path }) => path);
  expect(await warned({ AUDIT_DB_PASSWORD: "canary" })).toContain("AUDIT_DB_PASSWORD");
  expect(await warned({ AUDIT_DB_PASSWORD: "canary", AUDIT_DB_HOST: "h" })).not.toContain("AUDIT_DB_PASSWORD");
  expect(await warned({ AUDIT_DB_NAME: "n", DATABASE_URL: "sqlite:/x.db" })).not.toContain("AUDIT_DB_NAME");
});

test("a mode of encryption that may go on without it is refused", async () => {
  for (const mode of ["prefer", "allow", "no-verify"]) {
    const problems = await problemsOf(projectWith(), {
      env: { DATABASE_URL: `postgres://u:canary@h/n?sslmode=${mode}` },
    });
    expect(problems.filter(({ severity }) => severity === "error").map(({ path }) => path)).toEqual(["DATABASE_URL"]);
    expect(JSON.stringify(problems)).not.toContain("canary");
  }
});
