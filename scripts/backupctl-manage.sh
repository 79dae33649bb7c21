#!/bin/bash
# Sets up, checks and runs backupctl's containers. For the host; everything in the container is the program's own.
set -euo pipefail

# shellcheck source=scripts/host-settings.sh
source "$(dirname "${BASH_SOURCE[0]}")/host-settings.sh"
config_file=$root/config/projects.yml
key_file=$root/ssh-keys/id_ed25519
known_hosts=$root/ssh-keys/known_hosts
gpg_keys=$root/gpg-keys

usage() {
  cat <<'TEXT'
Usage: backupctl-manage <command>

Commands:
  setup              Interactive first-time setup (SSH keys, known_hosts, .env, GPG keys, restic init)
  check              Verify all prerequisites (Docker, restic, SSH, .env, YAML, GPG keys, disk space)
  deploy             Build and start containers
  deploy --rebuild   Rebuild image and restart
  update             Pull latest, rebuild, run migrations, restart
  logs               Tail container logs
  shell              Open shell inside backupctl container
  backup-dir         Show backup directory sizes
  status             Quick status overview (container + last backup per project)

setup may be run again at any time: it keeps what is there. Without a terminal it takes its answers from variables of the
same names as in .env, and trusts no host key that is not yet in ssh-keys/known_hosts.
TEXT
}

say() { printf '%s\n' "$*"; }
die() { # message hint
  printf 'backupctl-manage: %s\n' "$1" >&2
  [ -z "${2:-}" ] || printf '  hint: %s\n' "$2" >&2
  exit 1
}
on_terminal() { [ -t 0 ] && [ -t 1 ]; }
in_container() { docker exec backupctl backupctl "$@"; }

# --- .env: the file is replaced whole or not at all ------------------------------------------------------------------

set_env() { # name value
  local name=$1 value=$2 line placed='' new
  case $value in
    *\'* | *$'\n'*) die "the value of $name has a quote or a line break" "write it into $env_file by hand" ;;
    *[!A-Za-z0-9_./:@%+=,-]*) value="'$value'" ;;
  esac
  new=$(mktemp "$env_file.XXXXXX")
  if [ -f "$env_file" ]; then
    while IFS= read -r line || [ -n "$line" ]; do
      if [[ $line =~ ^[[:space:]]*(export[[:space:]]+)?$name= || ( -z $placed && $line =~ ^\#[[:space:]]*$name= ) ]]; then
        [ -n "$placed" ] || printf '%s=%s\n' "$name" "$value"
        placed=yes
      else
        printf '%s\n' "$line"
      fi
    done <"$env_file" >"$new"
  fi
  [ -n "$placed" ] || printf '%s=%s\n' "$name" "$value" >>"$new"
  chmod 600 "$new"
  mv "$new" "$env_file"
}

ask() { # name question default; sets the variable `answer`
  answer=$(env_value "$1" "$3")
  if on_terminal; then
    local typed
    read -r -p "$2${answer:+ [$answer]}: " typed || die "the input ended" "run setup again, it goes on where it was"
    answer=${typed:-$answer}
  fi
}

confirm() { # question; only a terminal can say yes
  local reply
  on_terminal || return 1
  read -r -p "$1 (yes/no): " reply || return 1
  [ "$reply" = yes ]
}

random_secret() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }

# --- the storage box --------------------------------------------------------------------------------------------------

box_host() { env_value HETZNER_SSH_HOST; }
# As the program has it: storage boxes take everything on port 23.
box_port() {
  local usual=22
  if [[ $(box_host) == *.your-storagebox.de ]]; then usual=23; fi
  env_value HETZNER_SSH_PORT "$usual"
}
known_name() { if [ "$(box_port)" = 22 ]; then box_host; else printf '[%s]:%s' "$(box_host)" "$(box_port)"; fi; }
host_is_known() { [ -f "$known_hosts" ] && ssh-keygen -F "$(known_name)" -f "$known_hosts" >/dev/null 2>&1; }
# SFTP, since a storage box offers no shell.
box_answers() {
  sftp -q -b /dev/null -P "$(box_port)" -i "$key_file" -o IdentitiesOnly=yes -o BatchMode=yes -o ConnectTimeout=15 \
    -o StrictHostKeyChecking=yes -o UserKnownHostsFile="$known_hosts" -o GlobalKnownHostsFile=/dev/null \
    "$(env_value HETZNER_SSH_USER)@$(box_host)" >/dev/null 2>"${1:-/dev/null}"
}

learn_host_key() {
  local host port scanned
  host=$(box_host) port=$(box_port)
  if host_is_known; then say "  host key of $(known_name): known"; return; fi
  on_terminal || die "the host key of $(known_name) is not in $known_hosts" \
    "run setup on a terminal to compare its fingerprint, or put the line that the provider publishes there"
  scanned=$(mktemp)
  if ! ssh-keyscan -T 15 -p "$port" -t ed25519,ecdsa,rsa "$host" >"$scanned" 2>/dev/null || [ ! -s "$scanned" ]; then
    rm -f "$scanned"
    die "no host key could be read from $host port $port" "check HETZNER_SSH_HOST and that the box allows SSH"
  fi
  say "  $host port $port presents:"
  ssh-keygen -l -f "$scanned" | sed 's/^/    /'
  if ! confirm "  Are these the fingerprints that the provider publishes?"; then
    rm -f "$scanned"
    die "the host key was not confirmed" "nothing was saved; compare with the provider's page, then run setup again"
  fi
  cat "$scanned" >>"$known_hosts"
  rm -f "$scanned"
  chmod 600 "$known_hosts"
}

install_public_key() {
  local problem
  problem=$(mktemp)
  if box_answers "$problem"; then rm -f "$problem"; say "  login at $(box_host): works"; return; fi
  if on_terminal && [[ $(box_host) == *.your-storagebox.de ]] && confirm "  The key is not accepted yet. Install it now (asks for the box's password)?"; then
    # Only port 23 of a storage box takes commands, whichever port is used for backups; it presents the same key.
    ssh -p 23 -o HostKeyAlias="$(known_name)" -o StrictHostKeyChecking=yes -o UserKnownHostsFile="$known_hosts" \
      "$(env_value HETZNER_SSH_USER)@$(box_host)" install-ssh-key <"$key_file.pub" || true
  fi
  if box_answers "$problem"; then rm -f "$problem"; say "  login at $(box_host): works"; return; fi
  sed 's/^/    /' "$problem" >&2
  rm -f "$problem"
  die "cannot log in at $(box_host) as $(env_value HETZNER_SSH_USER)" "add the line of $key_file.pub to the box's authorized keys, then run setup again"
}

# --- setup ------------------------------------------------------------------------------------------------------------

need_docker() {
  command -v docker >/dev/null || die "docker is not installed" "see docs/setup.md, Prerequisites"
  docker compose version >/dev/null 2>&1 || die "docker compose is not installed" "install the Compose plugin"
  docker info >/dev/null 2>&1 || die "the docker daemon does not answer" "start it, or join the group docker"
}

# The container's user must read the keys and write the backups. Root gives them away; anyone else becomes that user.
own() { [ "$(id -u)" -ne 0 ] || chown -R "$(env_value BACKUPCTL_UID 10001):$(env_value BACKUPCTL_GID 10001)" "$@"; }

write_settings() {
  local name data
  if [ ! -f "$env_file" ]; then
    ( umask 077 && cp "$root/deploy/.env.example" "$env_file" )
    say "  made from deploy/.env.example"
  fi
  chmod 600 "$env_file"
  ask TIMEZONE "  Time zone" "$(env_in_file TIMEZONE)"; set_env TIMEZONE "${answer:-UTC}"
  ask BACKUPCTL_DATA "  Directory of this host for backups" /data/backups; set_env BACKUPCTL_DATA "$answer"
  ask HETZNER_SSH_HOST "  Storage box host (u123456.your-storagebox.de; empty: none)" ""
  if [ -n "$answer" ]; then
    set_env HETZNER_SSH_HOST "$answer"
    ask HETZNER_SSH_USER "  Storage box user" "${answer%%.*}"; set_env HETZNER_SSH_USER "$answer"
    [ -z "${HETZNER_SSH_PORT:-}" ] || set_env HETZNER_SSH_PORT "$HETZNER_SSH_PORT"
  fi
  for name in AUDIT_DB_PASSWORD RESTIC_PASSWORD ENCRYPTION_KEY; do
    [ -z "$(env_in_file "$name")" ] || continue
    # One that is given in the environment counts; else a new one.
    set_env "$name" "${!name:-$(random_secret)}"
    say "  $name: written to .env (not shown)"
  done
  if [ "$(id -u)" -ne 0 ] && [ -z "$(env_in_file BACKUPCTL_UID)" ]; then
    set_env BACKUPCTL_UID "$(id -u)"; set_env BACKUPCTL_GID "$(id -g)"
  fi
  data=$(env_value BACKUPCTL_DATA /data/backups)
  mkdir -p "$data" 2>/dev/null || die "cannot make $data" "make it as root and give it to this user, or choose another one"
  chmod 700 "$data"
  # Only the directory itself: what lies in it is the program's.
  [ "$(id -u)" -ne 0 ] || chown "$(env_value BACKUPCTL_UID 10001):$(env_value BACKUPCTL_GID 10001)" "$data"
  say "  Keep RESTIC_PASSWORD and ENCRYPTION_KEY elsewhere too: without them no backup can be read."
}

import_gpg_keys() {
  local file
  mkdir -p "$gpg_keys"
  while on_terminal; do
    read -r -p "  GPG public key file to add (empty: none or no more): " file || break
    [ -n "$file" ] || break
    if [ ! -r "$file" ]; then say "  cannot read $file"; continue; fi
    # Packet 5 (0x94 to 0x97, 0xc5) is a secret key; only public ones may lie here.
    if grep -q -a 'PRIVATE KEY BLOCK' "$file" || [[ $(od -An -N1 -tx1 "$file") =~ ^\ (94|95|96|97|c5)$ ]]; then
      say "  $file is a private key, which must not lie on this machine; export the public one"
      continue
    fi
    cp "$file" "$gpg_keys/$(basename "$file" | sed 's/\.[^.]*$//').gpg"
  done
  chmod 755 "$gpg_keys"
  find "$gpg_keys" -type f -exec chmod 644 {} +
  say "  $(find "$gpg_keys" -name '*.gpg' -type f | wc -l) keys in gpg-keys/"
}

# Names of the projects that have a restic repository, from the resolved configuration.
restic_projects() {
  in_container config show | awk '
    /^[a-z]/ { part = $1 }
    part == "projects:" && /^  - name: / { project = $3 }
    part == "projects:" && $0 == "      - " project "-restic" { print project }'
}

init_repositories() {
  local project status projects
  projects=$(restic_projects) || die "the projects could not be listed" "docker exec backupctl backupctl config validate"
  [ -n "$projects" ] || { say "  no project uses restic"; return; }
  for project in $projects; do
    status=0
    docker exec backupctl backupctl restic "$project" cat config >/dev/null 2>&1 || status=$?
    case $status in
      0) say "  $project: exists" ;;
      10) docker exec backupctl backupctl restic "$project" init >/dev/null || die "the repository of $project was not made"; say "  $project: made" ;;
      *) die "the repository of $project cannot be opened (exit code $status)" "docker exec backupctl backupctl restic $project cat config" ;;
    esac
  done
}

setup() {
  say "[1/9] Docker"; need_docker; say "  present"
  say "[2/9] SSH key"
  install -d -m 700 "$root/ssh-keys"
  if [ -f "$key_file" ]; then say "  $key_file: kept"; else
    ssh-keygen -q -t ed25519 -N "" -C backupctl -f "$key_file"; say "  $key_file: made"
  fi
  chmod 600 "$key_file"
  say "[3/9] Settings"; write_settings
  say "[4/9] Storage box"
  if [ -n "$(box_host)" ]; then learn_host_key; install_public_key; else say "  none"; fi
  say "[5/9] GPG public keys"; import_gpg_keys
  own "$root/ssh-keys"
  say "[6/9] Containers"
  if [ ! -f "$config_file" ]; then
    mkdir -p "$root/config"
    cp "$root/deploy/projects.example.yml" "$config_file"
    die "there was no config/projects.yml; an example is there now" "describe your projects in it, then run setup again: it goes on here"
  fi
  make_network || die "the network $(env_value BACKUPCTL_NETWORK backupctl-network) could not be created"
  "${compose[@]}" build || die "the image was not built" "docs/setup.md names every build argument"
  "${compose[@]}" run --rm --no-deps -T backupctl config validate || die "the configuration is not valid" "correct config/projects.yml and .env, then run setup again"
  "${compose[@]}" up -d --wait || die "the containers did not become healthy" "scripts/backupctl-manage.sh logs"
  say "[7/9] Migrations"; in_container db migrate || die "the state store was not migrated" "scripts/backupctl-manage.sh logs"
  say "[8/9] Repositories"; init_repositories
  say "[9/9] Health"; in_container health || die "the health check failed" "correct what it names, then: scripts/backupctl-manage.sh check"
  say "Set up. A first backup: docker exec backupctl backupctl run --all"
}

# --- check ------------------------------------------------------------------------------------------------------------

failures=0
pass() { say "PASS  $1"; }
skip() { say "SKIP  $1"; }
fail() { say "FAIL  $1"; [ -z "${2:-}" ] || say "      $2"; failures=$((failures + 1)); }
verdict() { # text hint command...
  local text=$1 hint=$2
  shift 2
  if "$@" >/dev/null 2>&1; then pass "$text"; else fail "$text" "$hint"; fi
}
closed_to_others() { [ -f "$1" ] && [ -z "$(find "$1" -perm /077)" ]; }
# In a container of its own: the one that runs has the .env of its start.
valid_yaml() { "${compose[@]}" run --rm --no-deps -T backupctl config validate; }

# The variables of the file; not those of comments, of hooks (the shell's own) and of a literal $${NAME}.
named_variables() {
  # shellcheck disable=SC2016 # these are the file's own dollar signs
  sed -e '/^[[:space:]]*#/d' -e '/^[[:space:]]*\(pre\|post\)_backup:/d' -e 's/\$\${[^}]*}//g' "$config_file" |
    grep -o '\${[A-Za-z_][A-Za-z0-9_]*}' | tr -d '${}' | sort -u
}

check_settings() {
  local name missing=''
  if [ ! -f "$env_file" ]; then fail ".env exists" "scripts/backupctl-manage.sh setup"; return; fi
  pass ".env exists"
  verdict ".env is closed to others" "chmod 600 .env" closed_to_others "$env_file"
  for name in AUDIT_DB_PASSWORD $(if [ -n "$(box_host)" ]; then echo HETZNER_SSH_USER; fi); do
    [ -n "$(env_value "$name")" ] || missing="$missing $name"
  done
  # What the configuration names must be set as well; the name alone is ever shown.
  if [ -f "$config_file" ]; then
    for name in $(named_variables); do
      [ -n "$(env_value "$name")" ] || missing="$missing $name"
    done
  fi
  if [ -z "$missing" ]; then pass "required variables are set"; else fail "required variables are set" "not set:$missing"; fi
}

check_gpg() {
  local recipients recipient missing=''
  [ -f "$config_file" ] || return 0
  recipients=$( { sed -n 's/.*recipient:[[:space:]]*["'\'']\{0,1\}\([^"'\'',} ]*@[^"'\'',} ]*\).*/\1/p' "$config_file"
    if [ "$(env_value ENCRYPTION_ENABLED)" = true ]; then env_value GPG_RECIPIENT; echo; fi; } | sort -u | grep . || true)
  if [ -z "$recipients" ]; then skip "GPG keys: no project encrypts with gpg"; return; fi
  if ! command -v gpg >/dev/null; then fail "GPG keys are present" "install gnupg on this host, so that the keys can be read"; return; fi
  local listed
  listed=$(find "$gpg_keys" -name '*.gpg' -type f -exec gpg --batch --with-colons --show-keys {} + 2>/dev/null || true)
  for recipient in $recipients; do grep -q -i -F "<$recipient>" <<<"$listed" || missing="$missing $recipient"; done
  if [ -z "$missing" ]; then pass "GPG keys of every recipient"; else fail "GPG keys of every recipient" "no key in gpg-keys/ for:$missing"; fi
}

check_disk() {
  local data free floor
  data=$(env_value BACKUPCTL_DATA /data/backups) floor=$(env_value HEALTH_DISK_MIN_FREE_GB 5)
  if [ ! -d "$data" ]; then fail "backup directory $data exists" "scripts/backupctl-manage.sh setup"; return; fi
  free=$(df -Pk "$data" | awk 'NR == 2 { printf "%d", $4 * 1024 / 1e9 }')
  if awk -v free="$free" -v floor="$floor" 'BEGIN { exit !(free >= floor) }'; then pass "disk space: $free GB free in $data"; else
    fail "disk space: $free GB free in $data, at least $floor GB wanted" "make room, or lower HEALTH_DISK_MIN_FREE_GB"
  fi
}

check() {
  verdict "Docker daemon answers" "start it, or join the group docker" docker info
  verdict "Docker Compose is available" "install the Compose plugin" docker compose version
  check_settings
  if [ ! -f "$config_file" ]; then fail "config/projects.yml exists" "cp deploy/projects.example.yml config/projects.yml"; else
    pass "config/projects.yml exists"
    verdict "config/projects.yml is valid" "docker compose --env-file .env -f deploy/docker-compose.yml run --rm --no-deps backupctl config validate names each problem" valid_yaml
  fi
  if [ -z "$(box_host)" ]; then skip "SSH: no storage box is set"; else
    verdict "SSH key exists at ssh-keys/id_ed25519" "scripts/backupctl-manage.sh setup" test -f "$key_file"
    verdict "SSH key is closed to others" "chmod 600 ssh-keys/id_ed25519" closed_to_others "$key_file"
    verdict "known_hosts contains $(known_name)" "run setup on a terminal and compare the fingerprint" host_is_known
    verdict "login at the storage box" "sftp -P $(box_port) -i ssh-keys/id_ed25519 -o UserKnownHostsFile=ssh-keys/known_hosts $(env_value HETZNER_SSH_USER)@$(box_host)" box_answers
  fi
  check_gpg
  check_disk
  local state
  state=$(docker inspect -f '{{.State.Status}}{{if .State.Health}} {{.State.Health.Status}}{{end}}' backupctl 2>/dev/null || true)
  case $state in
    "") skip "container: not deployed yet" ;;
    "running healthy" | running)
      pass "container is $state"
      verdict "restic in the container" "scripts/backupctl-manage.sh deploy --rebuild" docker exec backupctl restic version ;;
    *) fail "container is $state" "scripts/backupctl-manage.sh logs" ;;
  esac
  if [ "$failures" -gt 0 ]; then say "$failures failed"; exit 1; fi
  say "all passed"
}

# --- the rest ---------------------------------------------------------------------------------------------------------

update() {
  need_docker
  [ -f "$env_file" ] || die ".env does not exist" "scripts/backupctl-manage.sh setup"
  git -C "$root" pull --ff-only || die "the newest version could not be pulled" "commit or stash local changes, then run update again"
  # The newer script, if there is one: it builds, migrates and goes back where the new program does not start.
  "$root/scripts/deploy.sh" --update || exit
  say "updated"
}

shell() {
  running || die "the container does not run" "scripts/backupctl-manage.sh deploy"
  if on_terminal; then exec docker exec -it backupctl bash; fi
  exec docker exec -i backupctl bash
}

backup_dir() {
  local data
  data=$(env_value BACKUPCTL_DATA /data/backups)
  [ -d "$data" ] || die "$data does not exist" "scripts/backupctl-manage.sh setup"
  say "$data"
  if [ -r "$data" ]; then find "$data" -mindepth 1 -maxdepth 1 -type d -exec du -sh {} + | sort -k 2; du -sh "$data"; else
    running || die "$data is closed to this user" "run this as root"
    docker exec backupctl bash -c 'find /data/backups -mindepth 1 -maxdepth 1 -type d -exec du -sh {} + | sort -k 2; du -sh /data/backups'
  fi
}

status() {
  docker ps -a --filter name='^backupctl' --format 'table {{.Names}}\t{{.Status}}\t{{.Image}}'
  running || die "the container does not run" "scripts/backupctl-manage.sh deploy"
  in_container status
}

command=${1:-}
[ $# -eq 0 ] || shift
case $command in
  deploy) exec "$root/scripts/deploy.sh" "$@" ;;
  logs) exec docker logs --tail 200 "${@:--f}" backupctl ;;
  setup | check | update | shell | backup-dir | status)
    [ $# -eq 0 ] || die "$command takes no arguments" "scripts/backupctl-manage.sh help"
    "${command//-/_}" ;;
  "" | help | -h | --help) usage; [ -n "$command" ] || exit 1 ;;
  *) usage >&2; die "unknown command $command" ;;
esac
