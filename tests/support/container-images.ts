// Images for the compose files of deploy/ without a registry: deploy/Dockerfile over the compiled binary and programs of
// this machine, and servers of this machine in the places of the official images.

import { cp, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { binaryPath } from "./binary.ts";
import { importInstalled, type DockerEngine } from "./docker-engine.ts";
import { findTool } from "./tools.ts";

const source = join(import.meta.dir, "../..");

const postgresEntrypoint = `#!/bin/bash
set -eu
bin=$(echo /usr/lib/postgresql/*/bin)
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  printf '%s' "$POSTGRES_PASSWORD" >/tmp/password
  "$bin/initdb" -U "$POSTGRES_USER" --pwfile=/tmp/password --auth-host=scram-sha-256 --no-sync -E UTF8 --locale=C >/dev/null
  echo 'host all all all scram-sha-256' >>"$PGDATA/pg_hba.conf"
  echo "create database \\"$POSTGRES_DB\\"" | "$bin/postgres" --single -j postgres >/dev/null
fi
exec "$bin/postgres" -c listen_addresses='*' -c unix_socket_directories=/tmp -c jit=off
`;

/** The rights are those that the official image gives MYSQL_USER: everything in its own database. */
const mysqlEntrypoint = `#!/bin/bash
set -eu
program=@MYSQLD@
data=/var/lib/mysql/data
options="--no-defaults --datadir=$data --basedir=@BASE@ --mysqlx=OFF --secure-file-priv= --innodb-flush-log-at-trx-commit=0"
if [ ! -d "$data/mysql" ]; then
  "$program" $options --initialize-insecure
  cat >/tmp/init.sql <<SQL
create database \\\`$MYSQL_DATABASE\\\`;
create user '$MYSQL_USER'@'%' identified by '$MYSQL_PASSWORD';
grant all on \\\`$MYSQL_DATABASE\\\`.* to '$MYSQL_USER'@'%';
SQL
  set -- --init-file=/tmp/init.sql
fi
exec "$program" $options --socket=/tmp/mysql.sock --pid-file=/tmp/mysql.pid "$@"
`;

/** A copy of what the scripts of a host need, as a checkout has it, with the binary that is already compiled. */
export async function copyDeployment(folder: string): Promise<void> {
  await mkdir(join(folder, "dist"), { recursive: true });
  for (const name of ["deploy", "scripts", ".dockerignore"])
    await cp(join(source, name), join(folder, name), { recursive: true });
  await cp(binaryPath, join(folder, "dist/backupctl"));
}

/** Makes `local-programs` (for PROGRAMS), `postgres` and, where asked, `mysql`; then `backupctl` from deploy/Dockerfile. */
export async function buildImages(engine: DockerEngine, folder: string, mysql = false): Promise<void> {
  const restic = findTool("restic")!;
  const tini = join(findTool("docker")!, "../tini-static");
  const base = findTool("mysqld")?.replace(/\/usr\/s?bin\/mysqld$/, "") ?? "";
  const own = mysql ? [base] : [];
  await importInstalled(engine, "parts", installed, [restic.replace(/\/usr\/bin\/restic$/, ""), tini, ...own]);

  const standIns = join(folder, "stand-ins");
  await mkdir(standIns, { recursive: true });
  const make = async (name: string, dockerfile: string): Promise<void> => {
    await writeFile(join(standIns, name), dockerfile);
    await build(engine, ["-t", name, "-f", join(standIns, name), standIns]);
  };
  const links = [
    ["/usr/local/bin/tini", tini],
    ["/usr/local/bin/restic", restic],
    ...(mysql
      ? [
          ["/opt/mysql", base],
          [join(base, "bin"), "usr/bin"],
        ]
      : []),
  ];
  const linked = links.map(([place, target]) => `ln -sfn ${target} ${place}`).join(" && ");
  await make(
    "local-programs",
    `FROM parts\nRUN mkdir -p -m 1777 /tmp /run && mkdir -p /opt /usr/local/bin && ${linked}\n`,
  );
  await writeFile(join(standIns, "postgres-entrypoint"), postgresEntrypoint, { mode: 0o755 });
  await make(
    "postgres",
    "FROM local-programs\nRUN useradd --uid 999 server && install -d -o 999 -m 0700 /var/lib/postgresql/data\n" +
      "ENV PGDATA=/var/lib/postgresql/data\nENV PATH=/usr/lib/postgresql/15/bin:/usr/bin:/bin\n" +
      'COPY postgres-entrypoint /entrypoint\nUSER server\nENTRYPOINT ["/entrypoint"]\n',
  );
  if (mysql) {
    const entrypoint = mysqlEntrypoint.replace("@MYSQLD@", findTool("mysqld")!).replace("@BASE@", join(base, "usr"));
    await writeFile(join(standIns, "mysql-entrypoint"), entrypoint, { mode: 0o755 });
    await make(
      "mysql",
      "FROM local-programs\nRUN useradd --uid 999 server && install -d -o 999 -m 0700 /var/lib/mysql\n" +
        'COPY mysql-entrypoint /entrypoint\nUSER server\nENTRYPOINT ["/entrypoint"]\n',
    );
  }
  const args = ["--build-arg", "BINARY=prebuilt", "--build-arg", "PROGRAMS=local-programs"];
  await build(engine, ["-t", "backupctl", "-f", join(folder, "deploy/Dockerfile"), ...args, folder]);
}

const installed = [
  "bash",
  "dash",
  "coreutils",
  "findutils",
  "grep",
  "sed",
  "passwd",
  "login",
  "libc-bin",
  "postgresql-15",
  "openssh-client",
  "tzdata",
];

const build = (engine: DockerEngine, args: readonly string[]): Promise<string> =>
  engine.mustDocker("build", "-q", "--network", "none", ...args);
