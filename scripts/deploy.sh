#!/bin/bash
# Builds the image, starts the containers and checks their health. For the host: a container cannot rebuild itself.
# Where the new image does not become healthy, the one that ran before is started again.
#
#   scripts/deploy.sh [--rebuild | --update]
#
#   --rebuild   ignores the build cache and takes newer base images
#   --update    takes newer base images, and migrates the state store before the restart
set -euo pipefail

# shellcheck source=scripts/host-settings.sh
source "$(dirname "${BASH_SOURCE[0]}")/host-settings.sh"
health_wait_seconds=${DEPLOY_HEALTH_WAIT_SECONDS:-60}

die() { # message hint
  printf 'deploy: %s\n' "$1" >&2
  [ -z "${2:-}" ] || printf '  hint: %s\n' "$2" >&2
  exit 1
}

build=(build)
migrate=
case ${1:-} in
  "") ;;
  --rebuild) build+=(--no-cache --pull) ;;
  --update) build+=(--pull) migrate=yes ;;
  -h | --help) sed -n '2,8s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; exit 0 ;;
  *) die "unknown argument $1" "scripts/deploy.sh [--rebuild | --update]" ;;
esac
[ $# -le 1 ] || die "too many arguments" "scripts/deploy.sh [--rebuild | --update]"

command -v docker >/dev/null || die "docker is not installed" "see docs/setup.md, Prerequisites"
docker compose version >/dev/null 2>&1 || die "docker compose is not installed" "install the Compose plugin (docker-compose-plugin or docker-compose)"
docker info >/dev/null 2>&1 || die "the docker daemon does not answer" "start it, or join the group docker"
[ -f "$env_file" ] || die "$env_file does not exist" "run scripts/backupctl-manage.sh setup, or copy deploy/.env.example to .env"

# Sets `state`. A container that has only just started is asked until it is judged.
wait_until_healthy() {
  state=
  for ((waited = 0; waited < health_wait_seconds; waited++)); do
    state=$(docker inspect -f '{{if .State.Health}}{{.State.Health.Status}}{{else}}{{.State.Status}}{{end}}' backupctl 2>/dev/null || true)
    case $state in
      healthy | running) return 0 ;;
      unhealthy | exited | dead) return 1 ;;
    esac
    sleep 1
  done
  return 1
}

# What ran before, where there is such a thing and it is another one.
previous=$(docker inspect -f '{{.Image}}' backupctl 2>/dev/null || true)
image=$(docker inspect -f '{{.Config.Image}}' backupctl 2>/dev/null || true)
go_back() { # message hint
  if [ -z "$previous" ] || [ "$(docker image inspect -f '{{.Id}}' "$image" 2>/dev/null || true)" = "$previous" ]; then die "$1" "$2"; fi
  docker logs --tail 20 backupctl >&2 || true
  printf 'deploy: %s; starting the version before it again\n' "$1" >&2
  if docker tag "$previous" "$image" && "${compose[@]}" up -d --no-build && wait_until_healthy; then
    die "the new version did not start, the one before it runs" "read its log above, correct the cause, then run this again"
  fi
  die "neither the new version nor the one before it starts (${state:-missing})" "docker logs --tail 50 backupctl"
}

echo "=== backupctl deploy ==="

make_network || die "the network $(env_value BACKUPCTL_NETWORK backupctl-network) could not be created"

echo "[1/4] Validating config..."
port=$(env_value APP_PORT 3100)
if ! docker port backupctl 2>/dev/null | grep -q ":$port\$" && (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
  die "port $port of this machine is taken, nothing was changed" "set another APP_PORT in .env, or stop what listens there: ss -ltnp sport = :$port"
fi
if running; then
  # In a container of its own: the one that runs has the .env of its start. Nothing is replaced while the file is wrong.
  "${compose[@]}" run --rm --no-deps -T backupctl config validate || die "the configuration is not valid, nothing was changed" "correct config/projects.yml and .env, then run this again"
else
  echo "Container not running, validating after the build"
fi

echo "[2/4] Building Docker image..."
"${compose[@]}" "${build[@]}" || die "the image was not built, what runs was left alone" "read the output above; docs/setup.md names every build argument"
# The new program may ask for more than the one before, and sees the .env of now.
"${compose[@]}" run --rm --no-deps -T backupctl config validate ||
  die "the new version finds the configuration not valid, nothing was started" "correct config/projects.yml and .env, then run this again"

echo "[3/4] Starting containers..."
if [ -n "$migrate" ]; then
  # Before the restart, with the new program: a migration that fails leaves the old one running.
  "${compose[@]}" run --rm -T backupctl db migrate || die "the state store was not migrated, what runs was left alone" "docker exec backupctl backupctl db status"
fi
"${compose[@]}" up -d || go_back "the containers did not start" "scripts/backupctl-manage.sh logs"

echo "[4/4] Running health check..."
wait_until_healthy || go_back "the container is ${state:-missing} after ${waited} s" "docker logs --tail 50 backupctl"
docker exec backupctl backupctl health || die "the containers run, but the health check failed" "correct what it names, then: docker exec backupctl backupctl health"

echo "=== backupctl deployed successfully ==="
