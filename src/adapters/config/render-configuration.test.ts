import { describe, expect, test } from "bun:test";
import { parse } from "yaml";
import { z } from "zod";
import { errorsOf, loadText, problemsOf, testRegistries } from "../../../tests/support/configuration.ts";
import { productEnvironment, productExample } from "../../../tests/support/product-example.ts";
import { configJsonSchema } from "./json-schema.ts";
import { renderConfiguration } from "./render-configuration.ts";
import { renderProblem } from "./render-problems.ts";

const registries = testRegistries;

describe("config show", () => {
  const env = {
    ...productEnvironment,
    ENCRYPTION_KEY: "canary-key".repeat(4),
    DATABASE_URL: "postgres://u:canary-db@h/n",
  };

  test("shows everything but the secrets", async () => {
    const { configuration } = await loadText(productExample, { env });
    const shown = renderConfiguration(configuration, { project: null, registries });
    expect(shown).not.toContain("canary");
    expect(shown).toContain('password: "********"');
    expect(shown).toContain("DATABASE_URL: postgres://u:********@h/n");
    const data = parse(shown);
    expect(data.projects.map(({ name }: { name: string }) => name)).toEqual(["shop", "app_db"]);
    expect(data.projects[0].database).toMatchObject({ type: "postgres", host: "db", port: 5432 });
    expect(data.settings.BACKUP_STALL_TIMEOUT_SECONDS).toBe(300);
  });

  test("of one project shows its storages and channels only", async () => {
    const { configuration } = await loadText(productExample, { env });
    const data = parse(renderConfiguration(configuration, { project: configuration.projects[1]!, registries }));
    expect(data.projects.length).toBe(1);
    expect(data.storage.map(({ name }: { name: string }) => name)).toEqual(["local"]);
  });

  test("hides a secret wherever its value turns up, and passwords of addresses", async () => {
    const text = `storage:
  - { name: r, type: restic, restic: { repository: "rest:https://u:canary-url@h/r", password: "\${P}", env: { AWS_SECRET: "\${Q}" } } }
projects:
  - name: a
    database: { type: mongodb, name: x, uri: "mongodb://u:\${P}@h", password: "\${Q}", note: "\${P} again" }
    hooks: { pre_backup: "curl -H canary-one https://u:canary-two@h" }
`;
    const { configuration } = await loadText(text, { env: { P: "canary-one", Q: "canary-three" } });
    expect(renderConfiguration(configuration, { project: null, registries })).not.toContain("canary");
  });
});

test("problems are lines that an editor can jump from", async () => {
  const problems = await problemsOf("projcts: []\n", { env: { BACKUP_RETRY_COUNT: "x" } });
  expect(problems.map((problem) => renderProblem(problem).replace(/^.*backupctl\.yml/, "backupctl.yml"))).toEqual([
    'backupctl.yml:1:1: error: projcts: unknown key "projcts" (did you mean projects?)',
    'environment: error: BACKUP_RETRY_COUNT: BACKUP_RETRY_COUNT must be a whole number from 0 to 100, not "x"',
  ]);
});

describe("config schema", () => {
  const schema = configJsonSchema(registries);
  const accepts = (text: string): boolean => z.fromJSONSchema(schema as never).safeParse(parse(text)).success;

  test("is JSON Schema 2020-12 with a description of every key of the file", () => {
    expect(schema["$schema"]).toBe("https://json-schema.org/draft/2020-12/schema");
    expect(JSON.parse(JSON.stringify(schema))).toEqual(schema);
    const project = (schema as any).properties.projects.items.properties;
    expect(Object.keys(project)).toEqual(
      expect.arrayContaining(["name", "database", "storage", "restic", "retention", "hooks", "verification"]),
    );
    for (const key of ["name", "cron", "storage", "retention", "hooks"]) expect(project[key].description).toBeString();
  });

  test("accepts the example of the product", () => {
    expect(accepts(productExample)).toBe(true);
  });

  test.each([
    ["timeout_minutes: 30", "timout_minutes: 30"],
    ["type: local,  local:", "type: local,  locl:"],
    ["path: /data/backups", "pth: /data/backups"],
    ["type: postgres, host", "type: postgre, host"],
    ["host: db,", "hst: db,"],
    ["level: structure", "level: struct"],
    ["keep_hourly: 24", "keep_hourly: some"],
    ["type: aes-256-gcm", "type: gpg"],
    ["on: [failure]", "on: [failed]"],
    ["database: app,", "databse: app,"],
  ])("refuses %p written as %p, as the loader does", async (right, wrong) => {
    expect(productExample).toContain(right);
    const text = productExample.replace(right, wrong);
    expect(accepts(text)).toBe(false);
    expect((await errorsOf(text, { env: productEnvironment })).length).toBeGreaterThan(0);
  });

  test("lets a variable stand where a number is wanted", () => {
    expect(
      accepts(
        'projects: [{ name: a, timeout_minutes: "${T}", database: { type: postgres, name: x, port: "${PORT}" } }]',
      ),
    ).toBe(true);
  });
});
