#!/bin/sh
# The main job on real input: a SQLite database, a file tree and a throw-away PostgreSQL server are backed up encrypted,
# verified by a drill, destroyed, restored and compared. Everything happens in one temporary directory that is removed.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
backupctl="$root/dist/backupctl"

if [ "${DEMO_SKIP_BUILD:-}" != 1 ]; then
  "$root/scripts/setup" --demo
  "$root/node_modules/.bin/bun" "$root/scripts/build.ts"
fi

work=$(mktemp -d "${TMPDIR:-/tmp}/backupctl-demo.XXXXXX")
chmod 755 "$work"
pgdata="$work/postgres"
# shellcheck disable=SC2012 # names of Debian's own
pgbin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1)
owner=$(id -un)
if [ "$(id -u)" = 0 ]; then owner=postgres; fi

as_owner() {
  if [ "$(id -u)" = 0 ]; then setpriv --reuid="$owner" --regid="$owner" --clear-groups -- "$@"; else "$@"; fi
}

cleanup() {
  status=$?
  trap - EXIT INT TERM
  if [ -f "$pgdata/postmaster.pid" ]; then as_owner "$pgbin/pg_ctl" -D "$pgdata" -m immediate stop >/dev/null 2>&1 || true; fi
  rm -rf "$work"
  if [ "$status" -ne 0 ]; then echo "the demo failed (status $status)" >&2; fi
  exit "$status"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

step() { printf '\n== %s\n' "$1"; }
run() { printf '$ backupctl %s\n' "$*"; "$backupctl" "$@"; }

step "Sample data: a SQLite database, a file tree, a PostgreSQL server"
mkdir -p "$work/notes" "$work/uploads/2026/photos" "$work/backups" "$work/socket"
sqlite3 "$work/notes/notes.db" "
  PRAGMA journal_mode=WAL;
  CREATE TABLE notes(id INTEGER PRIMARY KEY, title TEXT NOT NULL, body BLOB);
  WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<2000)
  INSERT INTO notes SELECT i, 'note ' || i, randomblob(200) FROM n;" >/dev/null
i=0
while [ "$i" -lt 200 ]; do
  head -c $((i * 37)) /dev/urandom >"$work/uploads/2026/photos/photo $i.jpg"
  i=$((i + 1))
done
ln -s "photos/photo 7.jpg" "$work/uploads/2026/latest.jpg"
ln "$work/uploads/2026/photos/photo 8.jpg" "$work/uploads/2026/favourite.jpg"
chmod 600 "$work/uploads/2026/photos/photo 9.jpg"

mkdir "$pgdata"
if [ "$(id -u)" = 0 ]; then chown "$owner" "$pgdata" "$work/socket"; fi
as_owner "$pgbin/initdb" -D "$pgdata" -U shop -A trust -E UTF8 --no-sync >/dev/null
as_owner "$pgbin/pg_ctl" -D "$pgdata" -w -s -l "$pgdata/log" \
  -o "-c listen_addresses='' -c unix_socket_directories='$work/socket' -c fsync=off" start
sql() { "$pgbin/psql" -X -q -h "$work/socket" -U shop -v ON_ERROR_STOP=1 "$@"; }
sql -d postgres -c 'CREATE DATABASE shop'
sql -d shop -c "
  CREATE TABLE customers(id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL, joined date NOT NULL);
  CREATE TABLE orders(id bigserial PRIMARY KEY, customer int NOT NULL REFERENCES customers, total numeric(10,2) NOT NULL, note text);
  CREATE INDEX ON orders(customer);
  INSERT INTO customers(name, joined) SELECT 'customer ' || i, date '2020-01-01' + i % 2000 FROM generate_series(1, 5000) i;
  INSERT INTO orders(customer, total, note) SELECT 1 + i % 5000, i / 7.0, repeat(md5(i::text), 3) FROM generate_series(1, 60000) i;
  CREATE VIEW revenue AS SELECT customer, sum(total) FROM orders GROUP BY customer;"

DEMO_KEY=$(head -c 24 /dev/urandom | base64)
export DEMO_KEY
export BACKUP_BASE_DIR="$work/backups" HEALTH_DISK_MIN_FREE_GB=0
cat >"$work/backupctl.yml" <<EOF
version: 1
storage:
  - { name: disk, type: local, default: true, local: { path: $work/backups } }
projects:
  - name: shop
    database: { type: postgres, host: $work/socket, name: shop, user: shop }
    assets: { paths: [$work/uploads] }
    encryption: { enabled: true, type: aes-256-gcm, password: "\${DEMO_KEY}" }
    retention: { keep_daily: 7, keep_weekly: 4 }
    verification: { enabled: true, level: restore }
  - name: notes
    database: { type: sqlite, path: $work/notes/notes.db }
    encryption: { enabled: true, type: aes-256-gcm, password: "\${DEMO_KEY}" }
    retention: { keep_daily: 7, keep_weekly: 4 }
    verification: { enabled: true, level: restore }
EOF
export BACKUPCTL_CONFIG="$work/backupctl.yml"

tables() { sql -d shop -At -c 'SELECT * FROM customers ORDER BY id' -c 'SELECT * FROM orders ORDER BY id' -c 'SELECT * FROM revenue ORDER BY 1'; }
files() { (cd "$work/uploads" && find . -printf '%P %m %y %l %n %T@\n' | LC_ALL=C sort && find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum); }
notes() { sqlite3 "$work/notes/notes.db" 'SELECT id, title, hex(body) FROM notes ORDER BY id'; }
tables >"$work/tables.before"
files >"$work/files.before"
notes >"$work/notes.before"
echo "5,000 customers, 60,000 orders, 200 files, 2,000 notes"

step "Back up, encrypted; the drill restores each backup into a scratch place and compares the rows"
run config validate
run backup
run status
run snapshots shop

step "Disaster: the databases and the files are gone"
sql -d postgres -c 'DROP DATABASE shop'
rm -rf "$work/uploads" "$work/notes/notes.db" "$work/notes/notes.db-wal" "$work/notes/notes.db-shm"

step "Restore"
run restore shop latest --into-database shop
run restore shop latest --assets original
run restore notes latest --into-database "$work/notes/notes.db"

step "Compare with what was there"
tables >"$work/tables.after"
files >"$work/files.after"
notes >"$work/notes.after"
cmp "$work/tables.before" "$work/tables.after" && echo "PostgreSQL: every row of every table is back"
cmp "$work/files.before" "$work/files.after" && echo "files: every name, mode, time, link and byte is back"
cmp "$work/notes.before" "$work/notes.after" && echo "SQLite: every row is back"

step "Done: backed up, proven, lost, restored, compared"
