import { describe, expect, test } from "bun:test";
import { errorsOf, loadText } from "../../../tests/support/configuration.ts";

const example = `version: 1
storage:
  - { name: local,   type: local,  local:  { path: /data/backups } }
  - { name: offsite, type: s3, default: true, s3: { bucket: b, region: eu-central-1, endpoint: "http://s3", prefix: p,
      access_key: "\${S3_ACCESS_KEY_ID}", secret_key: "\${S3_SECRET_ACCESS_KEY}", force_path_style: true,
      storage_class: STANDARD_IA, sse: AES256, sse_kms_key_id: k, tags: { team: db } } }
  - { name: box,     type: sftp,   sftp:   { host: h, port: 23, user: u, private_key_path: /k, known_hosts_path: /h, path: /backups } }
  - { name: vault,   type: restic, restic: { repository: "rest:https://host/r", password: "\${P}", env: {} } }

projects:
  - name: shop
    cron: "0 2 * * *"
    timeout_minutes: 30
    database: { type: postgres, host: db, port: 5432, name: shop, user: backup, password: "\${SHOP_DB_PASSWORD}",
                tls: { mode: require, ca_path: /ca },
                options: { schema_only: false, include_tables: [a], parallel: 4, globals: true } }
    assets: { paths: [/data/shop/uploads], exclude: ["*.tmp"] }
    storage: [local, offsite]
    restic: { repository_path: /backups/shop, password: "\${P}", snapshot_mode: combined }
    compression: { enabled: true, algorithm: zstd, level: 3 }
    encryption: { enabled: true, type: aes-256-gcm, password: "\${P}" }
    retention: { local_days: 7, keep_last: 3, keep_hourly: 24, keep_daily: 7, keep_weekly: 4, keep_monthly: 12,
                 keep_yearly: 0, max_age_days: 365, max_total_size: 500GB }
    hooks: { pre_backup: "echo \${NOT_OURS}", post_backup: "…", timeout_seconds: 300 }
    verification: { enabled: true, level: structure }
    notification: { type: slack, config: { webhook_url: "\${U}" } }

databases:
  - { name: app_db, type: postgres, connection: { host: h, port: 5432, database: app, user: u, password: "\${P}" },
      backup: { schedule: "0 2 * * *", storage: local, compression: true, encryption: { enabled: true, password: "\${P}" } },
      retention: { keep_daily: 7, keep_weekly: 4, keep_monthly: 3 } }
notifications:
  - { type: webhook, on: [failure], projects: [], config: { url: "\${U}", headers: {} } }
`;

const env = {
  S3_ACCESS_KEY_ID: "canary-access",
  S3_SECRET_ACCESS_KEY: "canary-secret",
  P: "canary-password",
  SHOP_DB_PASSWORD: "canary-shop",
  U: "https://hooks.example.test/services/canary-hook",
  HETZNER_SSH_HOST: "box.example.test",
  HETZNER_SSH_USER: "u1",
};

describe("the example of the product", () => {
  test("is read whole, both dialects in one file", async () => {
    const { configuration } = await loadText(example, { env });
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
    const broken = example.replace("timeout_minutes", "timout_minutes").replace("port: 5432", "prt: 1");
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
