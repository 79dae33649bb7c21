import { describe, expect, test } from "bun:test";
import { productEnvironment, productExample } from "../../../tests/support/product-example.ts";
import { errorsOf, loadText } from "../../../tests/support/configuration.ts";

describe("the example of the product", () => {
  test("is read whole, both dialects in one file", async () => {
    const { configuration } = await loadText(productExample, { env: productEnvironment });
    expect(configuration.projects.map(({ name }) => name)).toEqual(["shop", "app_db"]);
    expect(configuration.projects[0]).toMatchObject({
      storages: ["local", "offsite", "shop-restic"],
      timeoutMs: 1_800_000,
      retention: { localDays: 7, keepLast: 3, keepYearly: 0, maxTotalSizeBytes: 500e9 },
      encryption: { type: "aes-256-gcm", settings: { password: "canary-password" } },
      hooks: { preBackup: "echo ${NOT_OURS}", timeoutMs: 300_000 },
    });
    expect(configuration.projects[1]?.sources).toMatchObject([
      { name: "database", settings: { name: "app", host: "h" } },
    ]);
    expect(configuration.storages.map(({ name }) => name)).toEqual(["local", "offsite", "box", "vault", "shop-restic"]);
  });

  test("tells every fault at once", async () => {
    const broken = productExample.replace("timeout_minutes", "timout_minutes").replace("port: 5432", "prt: 1");
    expect(await errorsOf(broken)).toEqual([
      "5:19 the variable S3_ACCESS_KEY_ID is not set",
      "5:54 the variable S3_SECRET_ACCESS_KEY is not set",
      "8:91 the variable P is not set",
      '13:5 unknown key "timout_minutes"',
      '14:43 unknown key "prt"',
      "14:87 the variable SHOP_DB_PASSWORD is not set",
      "19:57 the variable P is not set",
      "21:63 the variable P is not set",
      "26:57 the variable U is not set",
      "29:106 the variable P is not set",
      "30:114 the variable P is not set",
      "33:66 the variable U is not set",
    ]);
  });
});

/** The three projects of document 1, as it has them. */
const documentOne = `projects:
  - name: locaboo
    enabled: true
    cron: "0 0 * * *"
    timeout_minutes: 30
    database:
      type: postgres
      host: postgres-locaboo
      port: 5432
      name: locaboo_db
      user: backup_user
      password: \${LOCABOO_DB_PASSWORD}
    compression:
      enabled: true # per-project override (default: true)
    assets:
      paths:
        - /data/locaboo/uploads
        - /data/locaboo/assets
    restic:
      repository_path: /backups/locaboo
      password: \${LOCABOO_RESTIC_PASSWORD}
      snapshot_mode: combined
    retention:
      local_days: 7
      keep_daily: 7
      keep_weekly: 4
      keep_monthly: 0
    encryption:
      enabled: true
      type: gpg
      recipient: locaboo-backup@company.com
    hooks:
      pre_backup: "curl -s http://locaboo-app:3000/maintenance/on"
      post_backup: "curl -s http://locaboo-app:3000/maintenance/off"
    verification:
      enabled: true
    notification:
      type: slack
      config:
        webhook_url: https://hooks.slack.com/services/LOCABOO/SPECIFIC/HOOK
  - name: project-x
    enabled: true
    cron: "30 1 * * *"
    database: { type: mysql, host: mysql-projectx, port: 3306, name: projectx_db, user: backup_user, password: "\${PROJECTX_DB_PASSWORD}" }
    assets: { paths: [/data/projectx/storage] }
    restic: { repository_path: /backups/project-x, snapshot_mode: separate }
    retention: { local_days: 14, keep_daily: 14, keep_weekly: 8 }
    notification:
      type: email
      config:
        smtp_host: smtp.gmail.com
        smtp_port: 587
        smtp_secure: true
        to: devops@company.com
        from: backup@company.com
        password: \${EMAIL_PASSWORD}
  - name: project-y
    cron: "0 2 * * *"
    database: { type: postgres, host: postgres-projecty, port: 5432, name: projecty_db, user: backup_user, password: "\${PROJECTY_DB_PASSWORD}" }
    assets:
      paths: []
    restic: { repository_path: /backups/project-y, snapshot_mode: combined }
    retention: { local_days: 7, keep_daily: 7, keep_weekly: 4 }
`;

const documentOneEnv = `HETZNER_SSH_HOST=u123456.your-storagebox.de
HETZNER_SSH_USER=u123456
RESTIC_PASSWORD=default-restic-repo-password
NOTIFICATION_TYPE=slack
SLACK_WEBHOOK_URL=https://hooks.slack.com/services/DEFAULT/WEBHOOK/URL
ENCRYPTION_ENABLED=false
DAILY_SUMMARY_CRON=0 8 * * *
LOG_MAX_SIZE=10m
TIMEZONE=Europe/Berlin
LOCABOO_DB_PASSWORD=secret-l
LOCABOO_RESTIC_PASSWORD=restic-secret
PROJECTX_DB_PASSWORD=secret-x
PROJECTY_DB_PASSWORD=secret-y
EMAIL_PASSWORD=smtp-secret
`;

describe("document 1", () => {
  test("its projects are read as it describes them", async () => {
    const { configuration } = await loadText(documentOne, { envFile: documentOneEnv });
    const [locaboo, x, y] = configuration.projects;
    expect(locaboo).toMatchObject({
      storages: ["locaboo-restic"],
      encryption: { type: "gpg", settings: { recipient: "locaboo-backup@company.com" } },
      verification: { enabled: true, level: "structure" },
      schedules: [{ cron: "0 0 * * *", timeZone: "Europe/Berlin", type: "custom" }],
    });
    expect(locaboo?.sources.map(({ name }) => name)).toEqual(["database", "assets"]);
    expect(x).toMatchObject({ snapshotMode: "separate", encryption: null, channels: [{ type: "email" }] });
    expect(y?.sources.map(({ name }) => name)).toEqual(["database"]);
    expect(y?.channels).toMatchObject([{ name: "default", type: "slack" }]);
    expect(configuration.storages.find(({ name }) => name === "project-x-restic")).toMatchObject({
      settings: {
        repository: "sftp:u123456@u123456.your-storagebox.de:/backups/project-x",
        password: "default-restic-repo-password",
      },
    });
  });
});

describe("document 4", () => {
  test("an empty schedule means by hand only, and compression may be switched off", async () => {
    const text = `storage: [{ name: local, type: local, local: { path: /b } }]
databases:
  - { name: app, type: postgres, connection: { database: a }, backup: { schedule: "", storage: local, compression: false } }
`;
    const { configuration } = await loadText(text);
    expect(configuration.projects[0]).toMatchObject({
      schedules: [],
      compression: { algorithm: "none", explicit: true },
      encryption: null,
    });
  });
});

describe("schedules", () => {
  test("have the usual times of their types, and a time zone, storages, limits and retention of their own", async () => {
    const text = `storage: [{ name: a, type: local, local: { path: /a } }, { name: b, type: local, local: { path: /b } }]
projects:
  - name: shop
    database: { type: postgres, name: x }
    storage: [a, b]
    cron: "5 5 * * *"
    schedules:
      - { type: hourly, storage: b, retention: { keep_hourly: 24 }, options: { limit_upload_kbps: 100 } }
      - { type: daily }
      - { type: weekly, timezone: America/New_York, enabled: false }
      - { type: monthly }
      - { name: proof, kind: verify, type: custom, cron: "0 5 * * 0" }
      - { kind: prune, type: daily }
`;
    const { configuration } = await loadText(text, { env: { TIMEZONE: "Europe/Berlin" } });
    const schedules = configuration.projects[0]?.schedules ?? [];
    expect(schedules.map(({ name, kind, cron }) => `${name} ${kind} ${cron}`)).toEqual([
      "default backup 5 5 * * *",
      "hourly backup 0 * * * *",
      "daily backup 0 2 * * *",
      "weekly backup 0 3 * * 0",
      "monthly backup 0 4 1 * *",
      "proof verify 0 5 * * 0",
      "prune-daily prune 0 2 * * *",
    ]);
    expect(schedules[1]).toMatchObject({
      storages: ["b"],
      retention: { keepHourly: 24 },
      limits: { uploadKbps: 100 },
      timeZone: "Europe/Berlin",
    });
    expect(schedules[3]).toMatchObject({ timeZone: "America/New_York", enabled: false });
  });
});

describe("verification", () => {
  test.each([
    ["{ level: restore }", { enabled: true, level: "restore", rowCounts: "exact", drillOn: "project" }],
    ["{ enabled: false, level: restore }", { enabled: false, rowCounts: "off" }],
    ["{ row_counts: lock }", { level: "structure", rowCounts: "lock" }],
    ["{ level: restore, row_counts: false }", { rowCounts: "off" }],
    ["{ level: restore, row_counts: off }", { rowCounts: "off" }],
    ["{ level: restore, drill: { on: throwaway } }", { drillOn: "throwaway" }],
    [
      "{ level: restore, drill: { server: { host: drill, port: 6000 } } }",
      { drillOn: "server", drillServer: { host: "drill", port: 6000, name: "x", password: "pw" } },
    ],
  ])("%s", async (block, wanted) => {
    const text = `projects:\n  - { name: a, database: { type: postgres, name: x, host: db, password: "\${P}" }, verification: ${block} }\n`;
    const { configuration } = await loadText(text, { env: { P: "pw" } });
    expect(configuration.projects[0]?.verification).toMatchObject(wanted);
  });
});
