// A configuration with every key that the product promises, and the variables it needs.

/** The example of the product, whole: both dialects in one file. */
export const productExample = `version: 1
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

export const productEnvironment = {
  S3_ACCESS_KEY_ID: "canary-access",
  S3_SECRET_ACCESS_KEY: "canary-secret",
  P: "canary-password",
  SHOP_DB_PASSWORD: "canary-shop",
  U: "https://hooks.example.test/services/canary-hook",
  HETZNER_SSH_HOST: "box.example.test",
  HETZNER_SSH_USER: "u1",
};
