import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { createSandbox, loadText, testRegistries } from "../../../tests/support/configuration.ts";
import { cipherDefinitions } from "../cipher/index.ts";
import { notifierDefinitions } from "../notifier/index.ts";
import { objectStoreDefinitions } from "../object-store/index.ts";
import { repositoryDefinitions } from "../repository/index.ts";
import { sourceDefinitions } from "../source/index.ts";
import { configJsonSchema } from "./json-schema.ts";
import { loadSettingsOnly } from "./load-configuration.ts";
import { initQuestions } from "./init-questions.ts";
import { renderInitialConfiguration } from "./render-initial-configuration.ts";

const root = join(import.meta.dir, "..", "..", "..");
const text = await Bun.file(join(root, "docs", "configuration.md")).text();
const registries = {
  sources: sourceDefinitions,
  objectStores: objectStoreDefinitions,
  repositories: repositoryDefinitions,
  ciphers: cipherDefinitions,
  notifiers: notifierDefinitions,
};
const examples = [...text.matchAll(/<!-- full example -->\s*```yaml\n([\s\S]*?)```/g)].map((match) => match[1]!);

/** Every variable that a text names, each set to something that fits. */
function variablesOf(yaml: string): Record<string, string> {
  const names = [...yaml.matchAll(/\$\{(\w+)\}/g)].map((match) => match[1]!);
  return Object.fromEntries(
    names.map((name) => [name, name.endsWith("_URL") ? "https://hooks.example.test/x" : "value"]),
  );
}

describe("docs/configuration.md", () => {
  test("has examples, and every YAML block is one", () => {
    expect(examples.length).toBeGreaterThanOrEqual(3);
    expect(text.split("```yaml").length - 1).toBe(examples.length);
  });

  test.each(examples.map((example, index) => [index + 1, example] as const))(
    "example %d is valid in this build, without a warning about itself",
    async (_, example) => {
      const { problems } = await loadText(example, { env: variablesOf(example), registries });
      expect(
        problems.filter(
          ({ message }) =>
            !message.includes("not available in this build") && !message.includes("nothing is ever deleted"),
        ),
      ).toEqual([]);
    },
  );

  test("names every key of the file", () => {
    const keys = new Set<string>();
    const walk = (value: unknown): void => {
      if (typeof value !== "object" || value === null) return;
      const { properties } = value as { properties?: Record<string, unknown> };
      for (const key of Object.keys(properties ?? {})) keys.add(key);
      Object.values(value).forEach(walk);
    };
    walk(configJsonSchema(testRegistries));
    walk(configJsonSchema(registries));
    expect([...keys].filter((key) => !text.includes(key))).toEqual([]);
  });
});

test(".env.example is valid, and sets Europe/Berlin", async () => {
  await using sandbox = await createSandbox();
  await sandbox.write(".env", await Bun.file(join(root, ".env.example")).text());
  const { configuration } = await loadSettingsOnly({ cwd: sandbox.cwd, env: {}, registries });
  expect(configuration.settings).toMatchObject({ baseDir: "/data/backups", timeZone: "Europe/Berlin", retryCount: 3 });
  expect(configuration.warnings).toEqual([]);
});

test.each([
  { engine: "postgres", password: "p" },
  { engine: "mysql", password: "p" },
  { engine: "mariadb" },
  { engine: "mongodb", user: "u", password: "p" },
  { engine: "sqlite", path: "/data/app.db" },
  { engine: "none", assets: "/data/a,/data/b" },
  { storages: "s3", s3_bucket: "b", s3_access_key: "a", s3_secret_key: "s", s3_endpoint: "http://127.0.0.1:9000" },
  { storages: "s3", s3_bucket: "b" },
  { storages: "sftp", sftp_host: "h", sftp_user: "u", sftp_password: "p" },
  { storages: "local,sftp", sftp_host: "h", sftp_user: "u", sftp_key_path: "/root/.ssh/id_ed25519" },
  { encryption: "no", schedule: "none", retention: "none" },
] as Record<string, string>[])("what init writes for %p is valid in this build", async (answers) => {
  const { yaml, env } = renderInitialConfiguration(answers, (length) => new Uint8Array(length));
  const { configuration } = await loadText(yaml, { envFile: env, registries });
  expect(configuration.projects.length).toBe(1);
  expect(configuration.warnings.filter(({ message }) => message.includes("stands in the file"))).toEqual([]);
});

test("every question of init has a text of its own", () => {
  expect(new Set(initQuestions.map((question) => question.text)).size).toBe(initQuestions.length);
});
