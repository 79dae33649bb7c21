// Where `npm run setup` unpacks the servers and programs that are newer than the system's (scripts/unpack-beside).

import { existsSync } from "node:fs";
import { join } from "node:path";

const root = process.env["BACKUPCTL_TOOLS"] ?? "/opt/backupctl-tools";

const directories = {
  mysql: join(root, "mysql/usr/bin"),
  "postgresql-17": join(root, "postgresql-17/usr/lib/postgresql/17/bin"),
  mongo: join(root, "mongo"),
} as const;

const programs = {
  mysqld: join(root, "mysql/usr/sbin/mysqld"),
  mysql: join(directories.mysql, "mysql"),
  mysqldump: join(directories.mysql, "mysqldump"),
  mysqladmin: join(directories.mysql, "mysqladmin"),
  "initdb-17": join(directories["postgresql-17"], "initdb"),
  "postgres-17": join(directories["postgresql-17"], "postgres"),
  "pg_ctl-17": join(directories["postgresql-17"], "pg_ctl"),
  "psql-17": join(directories["postgresql-17"], "psql"),
  "pg_dump-17": join(directories["postgresql-17"], "pg_dump"),
  "pg_dumpall-17": join(directories["postgresql-17"], "pg_dumpall"),
  "pg_restore-17": join(directories["postgresql-17"], "pg_restore"),
  restic: join(root, "restic/usr/bin/restic"),
  fusermount: join(root, "fuse/usr/bin/fusermount"),
  zsh: join(root, "shells/usr/bin/zsh"),
  fish: join(root, "shells/usr/bin/fish"),
  /** Loaded before a program, it moves its clock. The folder below `lib` is named after the processor. */
  libfaketime: join(
    root,
    `faketime/usr/lib/${process.arch === "arm64" ? "aarch64" : "x86_64"}-linux-gnu/faketime/libfaketime.so.1`,
  ),
  docker: join(root, "docker/usr/bin/docker"),
  dockerd: join(root, "docker/usr/sbin/dockerd"),
  "rest-server": join(root, "rest-server/usr/bin/restic-rest-server"),
  /** Only on machines with Go. */
  mongodump: join(directories.mongo, "mongodump"),
  mongorestore: join(directories.mongo, "mongorestore"),
  ferretdb: join(directories.mongo, "ferretdb"),
  /** Only on machines with Go; a test that can do without it uses our own S3 server instead. */
  minio: join(root, "minio/minio"),
} as const;

export type ToolName = keyof typeof programs;

/** The path where setup puts the program, whether or not it is there: what `needs(...)` takes. */
export function toolPath(name: ToolName): string {
  return programs[name];
}

/** The program, or undefined where setup has not brought it. */
export function findTool(name: ToolName): string | undefined {
  return existsSync(programs[name]) ? programs[name] : undefined;
}

/** The folder of client tools, as `PG_BIN_DIR` or `MYSQL_BIN_DIR` takes it; undefined where setup has not brought it. */
export function findToolDirectory(name: keyof typeof directories): string | undefined {
  return existsSync(directories[name]) ? directories[name] : undefined;
}

/** The prefix that MySQL's server needs as `--basedir` (messages and character sets lie below it). */
export const mysqlBaseDirectory: string = join(root, "mysql/usr");
