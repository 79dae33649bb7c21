// `key recovery-kit`: one text to print or to lock away, enough to open every backup on a bare machine.

import type { KeyUse } from "./list-keys.ts";

export interface RecoveryKit {
  readonly createdAt: string;
  readonly host: string;
  readonly version: string;
  readonly keys: readonly KeyUse[];
  readonly storages: readonly { readonly name: string; readonly location: string }[];
  /** Text of scripts/decrypt-backup.mjs, which goes into the kit. */
  readonly decryptScript: string;
}

const rule = "=".repeat(78);

export function formatRecoveryKit(kit: RecoveryKit): string {
  const sections = [
    `BACKUPCTL RECOVERY KIT\nmade ${kit.createdAt} on ${kit.host} by backupctl ${kit.version}\n\n${warning}`,
    `1. WHERE THE BACKUPS ARE\n\n${formatStorages(kit)}`,
    `2. THE KEYS\n\n${kit.keys.length === 0 ? "No project is encrypted." : kit.keys.map(formatKey).join("\n\n")}`,
    `3. RESTORE WITH BACKUPCTL\n\n${withBackupctl}`,
    `4. RESTORE WITH NODE ALONE (files that end in .enc)\n\n${withNode}`,
    `5. RESTORE WITH STOCK TOOLS\n\n${withStockTools}`,
    `6. decrypt-backup.mjs\n\n${scriptBegin}\n${kit.decryptScript.trimEnd()}\n${scriptEnd}`,
  ];
  return `${sections.join(`\n\n${rule}\n\n`)}\n`;
}

export const scriptBegin = "// ---- begin decrypt-backup.mjs: save all lines between the marks as a file ----";
export const scriptEnd = "// ---- end decrypt-backup.mjs ----";

const warning = `Whoever holds this text can read every backup. Print it or store it offline, away from the
machine and from the backups. Make a new one when a key or password changes.`;

function formatStorages({ storages }: RecoveryKit): string {
  if (storages.length === 0) return "No storage is configured.";
  const lines = storages.map(({ name, location }) => `  ${name}: ${location}`);
  return `${lines.join("\n")}\n\n${layout}`;
}

const layout = `Below each of them: PROJECT/YYYY/MM/PROJECT_TYPE_DATE_TIME_ID.manifest.json says what a backup
holds and which key (key id) its parts need; the parts lie beside it under the same name.`;

function formatKey(key: KeyUse): string {
  const lines = [`  ${key.scheme}, key id ${key.keyId} (${key.kind}), used by ${key.usedBy.join(", ")}`];
  if (key.note !== null) lines.push(`  ${key.note}`);
  if (key.secret !== null)
    lines.push(
      ...key.secret
        .trimEnd()
        .split(/\r?\n/)
        .map((line) => `    ${line}`),
    );
  return lines.join("\n");
}

const withBackupctl = `A password: set it as ENCRYPTION_KEY when it has 32 characters or more, else as encryption.password of
the project. A key that begins with bkk1_: write the line into a file of mode 0600 and set
ENCRYPTION_KEY_FILE to its path.

  backupctl restore --from FILE --into-database NEW_NAME      one file, nothing else needed
  backupctl catalog rebuild                                   all backups of a storage, then:
  backupctl restore PROJECT latest --into-database NEW_NAME`;

const withNode = `Save part 6 as decrypt-backup.mjs; any Node from version 20 on runs it, without packages.

  node decrypt-backup.mjs shop_daily_20260101_020000_k3v9q2xa.dump.zst.enc

It asks for the password or the bkk1_ line (or takes --password-file PATH, --key-file PATH), checks
every byte, and leaves no file behind when one is wrong. A Node without zstd leaves the .zst file:
zstd -d FILE.zst opens it.`;

const withStockTools = `Encrypted with age or gpg (no part of backupctl is needed):
  age -d -i IDENTITY_FILE x.dump.zst.age | zstd -d > x.dump
  gpg -d x.dump.zst.gpg | zstd -d > x.dump

What lies inside, by the end of the name:
  .dump         pg_restore --exit-on-error --create -d postgres x.dump
  .dir.tar      tar -xf x.dir.tar, then pg_restore -j 4 -d NAME on the directory
  .globals.sql  psql -v ON_ERROR_STOP=1 -d postgres -f x.globals.sql     (roles; before the database)
  .sql          mysql NAME < x.sql   or   mariadb NAME < x.sql
  .sqlite       the database file itself
  .archive      mongorestore --archive=x.archive
  .files.tar    tar -xpf x.files.tar -C /some/place
  .zst, .gz     zstd -d, gunzip`;
