import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { toAppError } from "../../domain/error.ts";
import { loadText } from "../../../tests/support/configuration.ts";
import { completeAnswers, initQuestions, type InitAnswers } from "./init-questions.ts";
import { renderInitialConfiguration } from "./render-initial-configuration.ts";

const random = (length: number): Uint8Array => new Uint8Array(length).fill(7);
const load = async (answers: InitAnswers) => {
  const written = renderInitialConfiguration(answers, random);
  return { ...written, ...(await loadText(written.yaml, { envFile: written.env })) };
};

const line = fc
  .string({ minLength: 1, maxLength: 20, unit: "grapheme" })
  .filter((text) => text.trim() === text && !/[\p{Cc}\u2028\u2029]/u.test(text));
const secret = fc.oneof(
  line,
  fc.constantFrom("a'b\"c", "$HOME", "${X}", "$${Y}", "#no", "p ss", "\\n", "`id`", "!x", "ünï😀"),
);
const path = line.filter((text) => !text.includes(",")).map((text) => `/data/${text}`);

/** Answers that a person could give; what does not arise is left out. */
const anyAnswers = fc
  .record({
    name: fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,20}$/),
    engine: fc.constantFrom("postgres", "mysql", "sqlite", "none"),
    host: line,
    port: fc.integer({ min: 1, max: 65_535 }).map(String),
    database: line,
    user: line,
    password: fc.oneof(fc.constant(""), secret),
    path,
    assets: fc.array(path, { minLength: 1, maxLength: 3 }).map((paths) => paths.join(",")),
    storages: fc.subarray(["local", "s3", "sftp"], { minLength: 1 }).map((names) => names.join(",")),
    local_path: path,
    s3_bucket: line,
    s3_region: fc.constantFrom("", "eu-central-1"),
    s3_endpoint: fc.constantFrom("", "https://minio.example.test:9000"),
    s3_access_key: fc.oneof(fc.constant(""), secret),
    s3_secret_key: secret,
    sftp_host: line,
    sftp_user: line,
    sftp_path: path,
    sftp_key_path: fc.oneof(fc.constant(""), path),
    sftp_password: secret,
    encryption: fc.constantFrom("yes", "no"),
    encryption_password: fc.oneof(
      fc.constant(""),
      secret.map((text) => `${text}-long-enough-now`),
    ),
    schedule: fc.constantFrom("", "none", "*/5 * * * *"),
    timezone: fc.constantFrom("", "Europe/Berlin"),
    retention: fc.constantFrom("standard", "none"),
  })
  .map(dropUnasked);

function dropUnasked(all: InitAnswers): InitAnswers {
  const answers: Record<string, string> = {};
  for (const { key, isAsked } of initQuestions) {
    if (Object.hasOwn(all, key) && isAsked?.(answers) !== false) answers[key] = all[key]!;
  }
  return answers;
}

describe("init", () => {
  test("with nothing but defaults writes a file that is valid", async () => {
    const { configuration, generated, env, yaml } = await load({});
    expect(generated).toBe("APP_BACKUP_PASSWORD");
    expect(configuration.projects[0]).toMatchObject({
      name: "app",
      storages: ["local"],
      schedules: [{ cron: "0 2 * * *" }],
      retention: { keepHourly: 24, keepDaily: 7, keepWeekly: 4, keepMonthly: 12 },
      encryption: { type: "aes-256-gcm", settings: { password: Buffer.alloc(32, 7).toString("base64url") } },
    });
    expect(configuration.warnings).toEqual([]);
    expect(configuration.settings).toMatchObject({ baseDir: "/data/backups", timeZone: "UTC" });
    expect(env).toContain("keep a copy away from this machine");
    expect(yaml).not.toContain(Buffer.alloc(32, 7).toString("base64url"));
  });

  test("whatever is answered, the file is valid, says what was answered, and holds no secret", async () => {
    await fc.assert(
      fc.asyncProperty(anyAnswers, async (answers) => {
        const { configuration, yaml } = await load(answers);
        const project = configuration.projects[0]!;
        expect(project.name).toBe(answers["name"]!);
        const database = project.sources.find(({ name }) => name === "database");
        if (answers["engine"] === "none") expect(database).toBeUndefined();
        else if (answers["engine"] === "sqlite") expect(database?.settings).toEqual({ path: answers["path"] });
        else {
          expect(database?.settings).toMatchObject({
            host: answers["host"],
            name: answers["database"],
            user: answers["user"],
          });
          expect((database?.settings as { password?: string } | undefined)?.password ?? "").toBe(answers["password"]!);
        }
        expect(project.storages.join(",")).toBe(answers["storages"]!);
        expect(project.encryption === null).toBe(answers["encryption"] === "no");
        if ((answers["encryption_password"] ?? "") !== "")
          expect(project.encryption?.settings).toEqual({ password: answers["encryption_password"] });
        const s3 = configuration.storages.find(({ type }) => type === "s3")?.settings as
          | { secret_key?: string }
          | undefined;
        if (s3 !== undefined && answers["s3_access_key"] !== "") expect(s3.secret_key).toBe(answers["s3_secret_key"]!);
        expect(configuration.warnings.filter(({ message }) => message.includes("secret that stands"))).toEqual([]);
        if ((answers["encryption_password"] ?? "") !== "") expect(yaml).not.toContain(answers["encryption_password"]!);
      }),
      { numRuns: 200 },
    );
  }, 60_000);

  test("answers that will not do are told all at once", () => {
    const answers = {
      engine: "oracle",
      port: "0",
      storages: "tape",
      schedule: "daily",
      colour: "blue",
      encryption: "no",
      encryption_password: "x",
    };
    const { faults } = completeAnswers(answers);
    expect(faults.map(({ key }) => key)).toEqual([
      "engine",
      "storages",
      "schedule",
      "port",
      "colour",
      "encryption_password",
    ]);
    let error;
    try {
      renderInitialConfiguration(answers, random);
    } catch (caught) {
      error = toAppError(caught);
    }
    expect(error).toMatchObject({ code: "usage", details: { faults } });
  });

  test.each([
    [{ engine: "sqlite" }, "path"],
    [{ engine: "none" }, "assets"],
    [{ storages: "s3" }, "s3_bucket"],
    [{ storages: "s3", s3_bucket: "b", s3_access_key: "a" }, "s3_secret_key"],
    [{ storages: "sftp", sftp_host: "h", sftp_user: "u" }, "sftp_password"],
    [{ host: "a\nb" }, "host"],
    [{ name: "../x" }, "name"],
    [{ encryption_password: "short" }, "encryption_password"],
    [{ timezone: "Mars" }, "timezone"],
    [{ assets: "relative/path" }, "assets"],
  ] as [InitAnswers, string][])("%p is not enough: %s", (answers, key) => {
    expect(completeAnswers(answers).faults.map((fault) => fault.key)).toEqual([key]);
  });

  test("a project whose name begins with a digit gets variables that a shell can set", async () => {
    const { env } = await load({ name: "9-lives.shop", password: "x" });
    expect(env).toContain("P_9_LIVES_SHOP_DB_PASSWORD=x");
  });
});
