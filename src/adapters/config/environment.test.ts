import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { join } from "node:path";
import { AppError, toAppError } from "../../domain/error.ts";
import { routesOf } from "../../domain/notification/route.ts";
import type { ConfigProblem } from "../../domain/project/project.ts";
import { createSandbox, errorsOf, loadText, problemsOf, testRegistries } from "../../../tests/support/configuration.ts";
import { notifierDefinitions } from "../notifier/index.ts";
import { loadConfiguration, loadSettingsOnly } from "./load-configuration.ts";
import { formatEnvValue, parseEnvFile } from "./parse-env-file.ts";

const registries = testRegistries;
const file = (name: string): string =>
  `projects:\n  - { name: ${name}, database: { type: postgres, name: x, password: "\${P}" } }\n`;

describe("the file", () => {
  test("is looked for in the order of the product", async () => {
    await using sandbox = await createSandbox();
    const { cwd } = sandbox;
    const nameOf = async (env: Record<string, string>, explicitPath?: string): Promise<string | undefined> =>
      (await loadConfiguration({ cwd, env: { P: "x", ...env }, explicitPath, registries })).configuration.projects[0]
        ?.name;
    await sandbox.write("config/projects.yml", file("from-config"));
    expect(await nameOf({})).toBe("from-config");
    await sandbox.write("backupctl.yml", file("from-cwd"));
    expect(await nameOf({})).toBe("from-cwd");
    await sandbox.write("other.yml", file("from-variable"));
    expect(await nameOf({ BACKUPCTL_CONFIG: "other.yml" })).toBe("from-variable");
    await sandbox.write("third.yml", file("from-flag"));
    expect(await nameOf({ BACKUPCTL_CONFIG: "other.yml" }, join(cwd, "third.yml"))).toBe("from-flag");
  });

  test("that was named must exist", async () => {
    await using sandbox = await createSandbox();
    await sandbox.write("backupctl.yml", file("shop"));
    const loading = loadConfiguration({ cwd: sandbox.cwd, env: {}, explicitPath: "absent.yml", registries });
    await expect(loading).rejects.toMatchObject({
      code: "config_invalid",
      message: expect.stringContaining("absent.yml: it does not exist"),
    });
    await expect(loadConfiguration({ cwd: sandbox.cwd, env: {}, explicitPath: ".", registries })).rejects.toMatchObject(
      { message: expect.stringContaining("it is a directory") },
    );
  });

  test("is absent: the hint names init, and settings can be had without one", async () => {
    await using sandbox = await createSandbox();
    const { cwd } = sandbox;
    const error = await loadConfiguration({ cwd, env: {}, registries }).then(() => undefined, toAppError);
    expect(error).toMatchObject({ code: "config_invalid", hint: expect.stringContaining("backupctl init") });
    const { configuration } = await loadSettingsOnly({
      cwd,
      env: { BACKUP_BASE_DIR: "/b", BACKUP_RETRY_COUNT: "1" },
      registries,
    });
    expect(configuration).toMatchObject({
      path: null,
      projects: [],
      channels: [],
      settings: { baseDir: "/b", retryCount: 1 },
    });
    expect(configuration.storages).toEqual([
      { name: "local", type: "local", isDefault: false, settings: { path: "/b" } },
    ]);
  });
});

describe(".env", () => {
  test("is read from the working directory, else beside the file, else from above config/", async () => {
    await using sandbox = await createSandbox();
    const path = await sandbox.write("deploy/config/projects.yml", file("shop"));
    const load = async (env: Record<string, string> = {}) => {
      const { configuration } = await loadConfiguration({ cwd: sandbox.cwd, env, explicitPath: path, registries });
      return (configuration.projects[0]?.sources[0]?.settings as { password: string } | undefined)?.password;
    };
    await sandbox.write("deploy/.env", "P=above\n");
    expect(await load()).toBe("above");
    await sandbox.write("deploy/config/.env", "P=beside\n");
    expect(await load()).toBe("beside");
    await sandbox.write(".env", "P=here\n");
    expect(await load()).toBe("here");
    expect(await load({ P: "process" })).toBe("process");
  });

  test("a line that is none is told with its place", async () => {
    const all = await problemsOf(file("shop"), { envFile: "P=x\nnot a setting\nQ='open\n" });
    const problems = all.filter(({ severity }) => severity === "error");
    expect(problems.map(({ file: name, line, message }) => [name.split("/").at(-1), line, message])).toEqual([
      [".env", 2, "this line is not NAME=value"],
      [".env", 3, "the value of Q has no closing quote"],
    ]);
  });

  test("knows quotes, comments, export and values over several lines", () => {
    const { entries, faults } = parseEnvFile(
      '\uFEFF# c\r\nA=1 # c\r\nexport B = two words \nC="x\\n\\"y\\" $Z # no" # c\nD=\'raw \\n\'\nE="one\ntwo"\nF=\nG=a#b\nCRON=0 8 * * *\nH=#x\n',
    );
    const values = Object.fromEntries([...entries].map(([name, { value }]) => [name, value]));
    expect(values).toEqual({
      A: "1",
      B: "two words",
      C: 'x\n"y" $Z # no',
      D: "raw \\n",
      E: "one\ntwo",
      F: "",
      G: "a#b",
      CRON: "0 8 * * *",
      H: "",
    });
    expect(entries.get("F")?.line).toBe(8);
    expect(faults).toEqual([]);
  });

  test("a value that is written reads back as itself", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.string(), (value, other) => {
        const { entries, faults } = parseEnvFile(`A=${formatEnvValue(value)}\nB=${formatEnvValue(other)}\n`);
        expect([entries.get("A")?.value, entries.get("B")?.value, faults]).toEqual([value, other, []]);
      }),
      { numRuns: 2000 },
    );
  });
});

describe("settings", () => {
  const settingsOf = async (env: Record<string, string>) =>
    (await loadSettingsOnly({ cwd: "/work-dir", env, registries })).configuration.settings;

  test("have the product's defaults", async () => {
    expect(await settingsOf({})).toMatchObject({
      baseDir: "/data/backups",
      tmpDir: "/data/backups/.tmp",
      timeZone: "UTC",
      databaseUrl: "sqlite:/data/backups/.backupctl/state.db",
      encryptionKey: null,
      diskMinFreeBytes: 5e9,
      retryCount: 3,
      retryDelayMs: 5000,
      stallTimeoutMs: 300_000,
      safetyBackupDays: 7,
      maxRetentionDays: null,
      logLevel: "info",
      tools: {},
    });
  });

  test.each([
    [{ BACKUP_STORAGE_PATH: "/s" }, { baseDir: "/s", tmpDir: "/s/.tmp" }],
    [{ BACKUP_BASE_DIR: "rel", BACKUP_STORAGE_PATH: "/s" }, { baseDir: "/work-dir/rel" }],
    [{ TZ: ":Europe/Berlin" }, { timeZone: "Europe/Berlin" }],
    [{ TIMEZONE: "America/New_York", TZ: "UTC" }, { timeZone: "America/New_York" }],
    [{ TIMEZONE: "", TZ: "" }, { timeZone: "UTC" }],
    [{ DATABASE_PATH: "/d/app.db" }, { databaseUrl: "sqlite:/d/app.db" }],
    [{ DATABASE_URL: "sqlite:state.db", DATABASE_PATH: "/d" }, { databaseUrl: "sqlite:/work-dir/state.db" }],
    [{ DATABASE_URL: "sqlite:///d/x.db" }, { databaseUrl: "sqlite:/d/x.db" }],
    [{ DATABASE_URL: "postgres://u:p@h/n?sslmode=require" }, { databaseUrl: "postgres://u:p@h/n?sslmode=require" }],
    [
      { AUDIT_DB_HOST: "h", AUDIT_DB_USER: "u@x", AUDIT_DB_PASSWORD: "p:/@#", AUDIT_DB_NAME: "n", DATABASE_PATH: "/d" },
      { databaseUrl: "postgres://u%40x:p%3A%2F%40%23@h:5432/n" },
    ],
    [{ HEALTH_DISK_MIN_FREE_GB: "0.5" }, { diskMinFreeBytes: 5e8 }],
    [{ RM_SECRET_KEY_FILE: "/k" }, { encryptionKeyFile: "/k" }],
    [{ LOG_LEVEL: "WARNING" }, { logLevel: "warn" }],
    [{ APP_PORT: "3100" }, { listen: ":3100" }],
    [{ APP_PORT: "tcp://10.0.0.1:80", PORT: "8080" }, { listen: ":8080" }],
    [{ LISTEN: "[::1]:80" }, { listen: "[::1]:80" }],
    [{ PG_BIN_DIR: "/pg", RESTIC_BINARY: "/r" }, { tools: { pgBinDir: "/pg", resticBinary: "/r" } }],
    [{ MAX_BACKUP_RETENTION_DAYS: "365" }, { maxRetentionDays: 365 }],
  ] as [Record<string, string>, object][])("%p give %p", async (env, wanted) => {
    expect(await settingsOf(env)).toMatchObject(wanted);
  });

  test.each([
    ["BACKUP_RETRY_COUNT", "three"],
    ["BACKUP_RETRY_COUNT", "-1"],
    ["BACKUP_RETRY_COUNT", "1.5"],
    ["BACKUP_RETRY_DELAY_MS", "1e3"],
    ["BACKUP_STALL_TIMEOUT_SECONDS", "0"],
    ["HEALTH_DISK_MIN_FREE_GB", "NaN"],
    ["SAFETY_BACKUP_DAYS", "0x7"],
    ["MAX_BACKUP_RETENTION_DAYS", "0"],
    ["TIMEZONE", "Mars/Olympus"],
    ["TZ", "nowhere"],
    ["LOG_LEVEL", "loud"],
    ["LOG_MAX_SIZE", "big"],
    ["DATABASE_URL", "mysql://h/x"],
    ["DATABASE_URL", "sqlite:"],
    ["ENCRYPTION_KEY", "short"],
    ["DAILY_SUMMARY_CRON", "0 8 * *"],
    ["LISTEN", "everywhere"],
    ["ENCRYPTION_ENABLED", "perhaps"],
    ["NOTIFICATION_TYPE", "pigeon"],
  ])("%s=%s is an error at its place", async (name, value) => {
    const fromFile = await problemsOf(file("shop"), { envFile: `P=x\n${name}=${value}\n` });
    const place = ({ file: path, line, path: key }: ConfigProblem) => [path.split("/").at(-1), line, key];
    expect(fromFile.filter(({ severity }) => severity === "error").map(place)).toEqual([[".env", 2, name]]);
    const fromProcess = await problemsOf(file("shop"), { env: { P: "x", [name]: value } });
    expect(fromProcess.find(({ severity }) => severity === "error")).toMatchObject({ file: "environment", path: name });
  });

  test("tools of the file come before the environment's", async () => {
    const { configuration } = await loadText("tools: { pg_bin_dir: /file }\n", {
      env: { PG_BIN_DIR: "/env", MYSQL_BIN_DIR: "/my" },
    });
    expect(configuration.settings.tools).toEqual({ pgBinDir: "/file", mysqlBinDir: "/my" });
  });
});

describe("fallbacks of the environment", () => {
  const only = (more = ""): string =>
    `projects:\n  - name: shop\n    database: { type: postgres, name: x }\n    retention: { keep_last: 1 }\n${more}`;
  const load = async (env: Record<string, string>, text = only()) => (await loadText(text, { env })).configuration;

  test("without any storage the base directory is one, called local", async () => {
    const { projects, storages } = await load({ BACKUP_BASE_DIR: "/b" });
    expect(projects[0]?.storages).toEqual(["local"]);
    expect(storages).toEqual([{ name: "local", type: "local", isDefault: false, settings: { path: "/b" } }]);
  });

  test("S3_BUCKET makes s3-default, which comes before the base directory and after a marked default", async () => {
    const env = { S3_BUCKET: "b", S3_ACCESS_KEY_ID: "a", S3_SECRET_ACCESS_KEY: "canary", S3_FORCE_PATH_STYLE: "true" };
    const { projects, storages, secrets } = await load(env);
    expect(projects[0]?.storages).toEqual(["s3-default"]);
    expect(storages[0]).toMatchObject({
      name: "s3-default",
      type: "s3",
      settings: { bucket: "b", region: "us-east-1", force_path_style: true },
    });
    expect(secrets).toContain("canary");
    const marked = await load(env, only("storage: [{ name: a, type: local, default: true, local: { path: /a } }]\n"));
    expect(marked.projects[0]?.storages).toEqual(["a"]);
  });

  test("a storage called local at another place does not take the base directory's place", async () => {
    const { projects, storages } = await load(
      {},
      only("storage: [{ name: local, type: local, local: { path: /elsewhere } }]\n"),
    );
    expect(projects[0]?.storages).toEqual(["base-dir"]);
    expect(storages.map(({ name }) => name)).toEqual(["local", "base-dir"]);
  });

  test.each([
    [
      { ENCRYPTION_ENABLED: "true", ENCRYPTION_TYPE: "gpg", GPG_RECIPIENT: "r@x" },
      "",
      { type: "gpg", settings: { recipient: "r@x" } },
    ],
    [{ ENCRYPTION_ENABLED: "true" }, "", { type: "aes-256-gcm", settings: {} }],
    [{ ENCRYPTION_ENABLED: "true", GPG_RECIPIENT: "r@x" }, "", { type: "gpg", settings: { recipient: "r@x" } }],
    [{ ENCRYPTION_ENABLED: "false", ENCRYPTION_TYPE: "gpg" }, "", null],
    [{}, "", null],
    [{ ENCRYPTION_ENABLED: "true", GPG_RECIPIENT: "r@x" }, "    encryption: { enabled: false }\n", null],
    [
      { ENCRYPTION_TYPE: "gpg", GPG_RECIPIENT: "r@x" },
      "    encryption: { enabled: true }\n",
      { type: "gpg", settings: { recipient: "r@x" } },
    ],
    [
      { ENCRYPTION_TYPE: "gpg", X: "pw" },
      '    encryption: { enabled: true, password: "${X}" }\n',
      { type: "aes-256-gcm", settings: { password: "pw" } },
    ],
    [{}, "    encryption: { recipients: [age1x] }\n", { type: "age", settings: { recipients: ["age1x"] } }],
    [
      { GPG_RECIPIENT: "r@x" },
      "    encryption: { type: gpg, recipient: own@x }\n",
      { type: "gpg", settings: { recipient: "own@x" } },
    ],
  ] as [Record<string, string>, string, object | null][])("encryption with %p and %p", async (env, more, wanted) => {
    expect((await load(env, only(more))).projects[0]?.encryption).toEqual(wanted as never);
  });

  test("encryption is switched by a variable as by true and false", async () => {
    const text = only('    encryption: { enabled: "${E}", password: "${X}" }\n');
    expect((await load({ E: "false", X: "canary" }, text)).projects[0]?.encryption).toBeNull();
    expect((await load({ E: "true", X: "canary" }, text)).projects[0]?.encryption?.type).toBe("aes-256-gcm");
    const errors = await errorsOf(text, { env: { E: "of", X: "canary" } });
    expect(errors).toEqual(["5:28 enabled must be true or false, not a text"]);
  });

  test("NOTIFICATION_TYPE gives a channel to projects without one", async () => {
    const env = {
      NOTIFICATION_TYPE: "slack",
      SLACK_WEBHOOK_URL: "https://hooks.example.test/canary",
      U: "https://example.test",
    };
    const { projects, secrets } = await load(env);
    expect(projects[0]?.channels).toEqual([
      {
        name: "default",
        type: "slack",
        settings: { webhook_url: env.SLACK_WEBHOOK_URL },
        on: ["all"],
        projects: ["shop"],
      },
    ]);
    expect(secrets).toContain(env.SLACK_WEBHOOK_URL);
    const own = await load(env, only('    notification: { type: webhook, config: { url: "${U}" } }\n'));
    expect(own.projects[0]?.channels.map(({ type }) => type)).toEqual(["webhook"]);
    expect(await errorsOf(only(), { env: { NOTIFICATION_TYPE: "slack" } })).toEqual([
      '1:1 the key "webhook_url" is missing',
    ]);
  });

  test("a project's own channel wins, then those of the file that speak of it, then NOTIFICATION_TYPE", async () => {
    const env = { NOTIFICATION_TYPE: "slack", SLACK_WEBHOOK_URL: "https://hooks.example.test/x", U: "https://e.test" };
    const shared = (projects: string): string =>
      `notifications:\n  - { type: webhook, on: both, projects: ${projects}, config: { url: "\${U}" } }\n`;
    const channelsOf = async (text: string): Promise<readonly string[]> => {
      const { projects, channels } = await load(env, text);
      return routesOf(projects[0]!, channels).map(({ key, channel }) => `${key} ${channel.type}`);
    };
    const own = '    notification: { type: webhook, config: { url: "${U}" } }\n';
    expect(await channelsOf(only(own) + shared("[]"))).toEqual(["shop/webhook webhook"]);
    expect(await channelsOf(only() + shared("[]"))).toEqual(["*/webhook webhook"]);
    expect(await channelsOf(only() + shared("[shop]"))).toEqual(["*/webhook webhook"]);
    const two =
      only() + "  - { name: blog, assets: { paths: [/srv] }, retention: { keep_last: 1 } }\n" + shared("[blog]");
    expect(await channelsOf(two)).toEqual(["shop/default slack"]);
  });

  test.each([
    ["email", { SMTP_PASSWORD: "canary-one" }, "canary-one"],
    ["email", { EMAIL_PASSWORD: "canary-two" }, "canary-two"],
    ["email", { SMTP_PASSWORD: "canary-one", EMAIL_PASSWORD: "canary-two" }, "canary-one"],
  ])("mail by %s takes its password from %p", async (type, passwords, expected) => {
    const mail = { SMTP_HOST: "h", SMTP_PORT: "587", SMTP_USER: "u", EMAIL_FROM: "a@b.test", EMAIL_TO: "c@d.test" };
    const { configuration } = await loadText(only(), {
      env: { NOTIFICATION_TYPE: type, ...mail, ...passwords },
      registries: { ...testRegistries, notifiers: notifierDefinitions },
    });
    expect(configuration.projects[0]?.channels[0]).toMatchObject({
      type,
      on: ["all"],
      settings: { smtp_host: "h", smtp_port: 587, user: "u", password: expected, smtp_secure: true },
    });
    expect(configuration.secrets).toContain(expected);
  });

  test.each([
    ["discord", { DISCORD_WEBHOOK_URL: "https://d.test/canary" }],
    ["telegram", { TELEGRAM_BOT_TOKEN: "1:canary", TELEGRAM_CHAT_ID: "42" }],
    ["ntfy", { NTFY_TOPIC: "canary" }],
    ["pagerduty", { PAGERDUTY_ROUTING_KEY: "canary0123456789" }],
    ["heartbeat", { HEARTBEAT_URL: "https://h.test/canary" }],
  ])("NOTIFICATION_TYPE=%s", async (type, env) => {
    const { configuration } = await loadText(only(), {
      env: { NOTIFICATION_TYPE: type, ...env },
      registries: { ...testRegistries, notifiers: notifierDefinitions },
    });
    expect(configuration.projects[0]?.channels[0]).toMatchObject({ type, name: "default" });
    expect(configuration.secrets.some((secret) => secret.includes("canary"))).toBe(true);
  });

  test("a channel that follows a state needs no on, and failures may have to come in a row", async () => {
    const text =
      only() +
      'notifications:\n  - { type: heartbeat, config: { url: "${U}" } }\n' +
      '  - { type: webhook, on: failure, after_failures: 3, config: { url: "${U}" } }\n';
    const registries = { ...testRegistries, notifiers: notifierDefinitions };
    const { configuration } = await loadText(text, { env: { U: "https://e.test" }, registries });
    expect(configuration.channels).toMatchObject([{ on: ["all"] }, { on: ["failure"], afterFailures: 3 }]);
  });

  test("every secret is known for redaction, also as part of an address", async () => {
    const { secrets } = await load({ DATABASE_URL: "postgres://u:p%40canary@h/n", ENCRYPTION_KEY: "k".repeat(32) });
    expect(secrets).toEqual(expect.arrayContaining(["p%40canary", "p@canary", "k".repeat(32)]));
    expect(secrets.toSorted((a, b) => b.length - a.length)).toEqual([...secrets]);
  });

  test("an error that is thrown is ours and lists all problems", async () => {
    const error = await loadText("projcts: []\ntols: {}\n").then(() => undefined, toAppError);
    expect(error).toBeInstanceOf(AppError);
    expect(error).toMatchObject({ code: "config_invalid", message: expect.stringContaining("and 1 more") });
  });
});
