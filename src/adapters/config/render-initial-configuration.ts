// Writes the first configuration from the answers of `init`: settings into the file, secrets only into `.env`.

import { AppError } from "../../domain/error.ts";
import { completeAnswers, listOf, type InitAnswers } from "./init-questions.ts";
import { formatEnvValue } from "./parse-env-file.ts";

export interface InitialConfiguration {
  readonly yaml: string;
  readonly env: string;
  /** The variable that holds a password made here: without a copy of it elsewhere the backups are lost with the machine. */
  readonly generated: string | null;
}

/** `random` gives cryptographically random bytes. Throws `usage` with every answer that will not do. */
export function renderInitialConfiguration(
  given: InitAnswers,
  random: (length: number) => Uint8Array,
): InitialConfiguration {
  const { answers, faults } = completeAnswers(given);
  if (faults.length > 0) {
    throw new AppError(
      "usage",
      `these answers will not do: ${faults.map(({ key, message }) => `${key} (${message})`).join(", ")}`,
      {
        hint: "give each as --answer key=value, or run init on a terminal",
        details: { faults },
      },
    );
  }
  const secrets = new Map<string, string>();
  const keep = (name: string, value: string): string => {
    secrets.set(name, value);
    return `"\${${name}}"`;
  };
  const prefix = variablePrefix(answers["name"] ?? "app");
  const isGenerated = answers["encryption"] === "yes" && answers["encryption_password"] === "";
  const password = isGenerated ? Buffer.from(random(32)).toString("base64url") : (answers["encryption_password"] ?? "");
  const encryptionVariable = `${prefix}_BACKUP_PASSWORD`;
  const sections = [
    "# Configuration of backupctl. `backupctl config validate` checks it, `backupctl test` tries the connections.",
    "# ${NAME} is read from the environment or from .env beside this file.",
    "version: 1",
    "",
    "storage:",
    ...storageLines(answers, keep),
    "",
    "projects:",
    `  - name: ${text(answers["name"])}`,
    ...scheduleLines(answers),
    ...databaseLines(answers, (value) => keep(`${prefix}_DB_PASSWORD`, value)),
    ...assetLines(answers),
    `    storage: [${listOf(answers["storages"]).map(text).join(", ")}]`,
    "    compression: { enabled: true, algorithm: zstd, level: 3 }",
    ...(answers["encryption"] === "yes"
      ? [
          "    encryption:",
          "      enabled: true",
          "      type: aes-256-gcm",
          `      password: ${keep(encryptionVariable, password)}`,
        ]
      : ["    encryption: { enabled: false }"]),
    ...retentionLines(answers),
    "    verification: { enabled: true, level: structure }",
  ];
  return {
    yaml: `${sections.join("\n")}\n`,
    env: envText(answers, secrets, encryptionVariable),
    generated: isGenerated ? encryptionVariable : null,
  };
}

function storageLines(answers: InitAnswers, keep: (name: string, value: string) => string): readonly string[] {
  const lines: string[] = [];
  const storage = (name: string, keys: readonly (readonly [key: string, value: string | undefined])[]): void => {
    lines.push(
      `  - name: ${name}`,
      `    type: ${name}`,
      ...(lines.length === 0 ? ["    default: true"] : []),
      `    ${name}:`,
    );
    for (const [key, value] of keys) if (value !== undefined) lines.push(`      ${key}: ${value}`);
  };
  const given = (key: string): string | undefined => (answers[key] === "" ? undefined : text(answers[key]));
  for (const name of listOf(answers["storages"])) {
    if (name === "local") storage(name, [["path", text(answers["local_path"])]]);
    if (name === "s3") {
      const accessKey = answers["s3_access_key"] ?? "";
      const hasKeys = accessKey !== "";
      storage(name, [
        ["bucket", text(answers["s3_bucket"])],
        ["region", text(answers["s3_region"])],
        ["endpoint", given("s3_endpoint")],
        ["access_key", hasKeys ? keep("S3_ACCESS_KEY_ID", accessKey) : undefined],
        ["secret_key", hasKeys ? keep("S3_SECRET_ACCESS_KEY", answers["s3_secret_key"] ?? "") : undefined],
        ["force_path_style", answers["s3_endpoint"] === "" ? undefined : "true"],
      ]);
    }
    if (name === "sftp") {
      const password = answers["sftp_password"] ?? "";
      storage(name, [
        ["host", text(answers["sftp_host"])],
        ["port", answers["sftp_port"]],
        ["user", text(answers["sftp_user"])],
        ["private_key_path", given("sftp_key_path")],
        ["password", password === "" ? undefined : keep("SFTP_PASSWORD", password)],
        ["path", text(answers["sftp_path"])],
      ]);
    }
  }
  return lines;
}

function scheduleLines(answers: InitAnswers): readonly string[] {
  const cron = answers["schedule"] ?? "none";
  if (cron === "none") return ['    # cron: "0 2 * * *"   # by hand only: backupctl run'];
  return [`    cron: ${JSON.stringify(cron)}   # minute, hour, day of month, month, day of week; in TIMEZONE`];
}

function databaseLines(answers: InitAnswers, keepPassword: (value: string) => string): readonly string[] {
  const engine = answers["engine"] ?? "none";
  if (engine === "none") return [];
  if (engine === "sqlite") return ["    database:", "      type: sqlite", `      path: ${text(answers["path"])}`];
  const password = answers["password"] ?? "";
  return [
    "    database:",
    `      type: ${engine}`,
    `      host: ${text(answers["host"])}`,
    `      port: ${answers["port"]}`,
    `      name: ${text(answers["database"])}`,
    `      user: ${text(answers["user"])}`,
    ...(password === "" ? [] : [`      password: ${keepPassword(password)}`]),
  ];
}

function assetLines(answers: InitAnswers): readonly string[] {
  const paths = listOf(answers["assets"]);
  if (paths.length === 0) return [];
  return ["    assets:", "      paths:", ...paths.map((path) => `        - ${text(path)}`), "      exclude: []"];
}

function retentionLines(answers: InitAnswers): readonly string[] {
  if (answers["retention"] === "none") return ["    # Without retention nothing is ever deleted."];
  return [
    "    # Standard: the newest backup of each of so many hours, days, weeks and months stays.",
    "    retention: { keep_hourly: 24, keep_daily: 7, keep_weekly: 4, keep_monthly: 12 }",
  ];
}

function envText(answers: InitAnswers, secrets: ReadonlyMap<string, string>, encryptionVariable: string): string {
  const lines = ["# Secrets and settings of this machine. Keep it out of version control; only its owner may read it."];
  if (answers["local_path"] !== undefined) lines.push(`BACKUP_BASE_DIR=${formatEnvValue(answers["local_path"])}`);
  lines.push(`TIMEZONE=${answers["timezone"]}`);
  for (const [name, value] of secrets) {
    if (name === encryptionVariable)
      lines.push("# Without this password the backups cannot be read: keep a copy away from this machine.");
    lines.push(`${name}=${formatEnvValue(value)}`);
  }
  return `${lines.join("\n")}\n`;
}

/** A text as a YAML scalar that reads back as itself, variables of the file included. */
function text(value: string | undefined): string {
  const literal = (value ?? "").replaceAll("${", () => "$${");
  const isPlain = /^[A-Za-z/][\w./-]*$/.test(literal) && !/^(true|false|null|yes|no|on|off|y|n)$/i.test(literal);
  return isPlain ? literal : JSON.stringify(literal);
}

function variablePrefix(name: string): string {
  const prefix = name
    .toUpperCase()
    .replace(/[^A-Z0-9]+/g, "_")
    .replace(/^_+|_+$/g, "");
  return /^[A-Z]/.test(prefix) ? prefix : `P_${prefix}`;
}
