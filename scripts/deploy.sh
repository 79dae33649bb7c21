#!/bin/bash
# Builds the image, starts the containers and checks their health. For the host: a container cannot rebuild itself.
#
#   scripts/deploy.sh [--rebuild]       --rebuild ignores the build cache and takes newer base images
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
compose=(docker compose --env-file "$root/.env" -f "$root/deploy/docker-compose.yml")
health_wait_seconds=${DEPLOY_HEALTH_WAIT_SECONDS:-60}

die() { # message hint
  printf 'deploy: %s\n' "$1" >&2
  [ -z "${2:-}" ] || printf '  hint: %s\n' "$2" >&2
  exit 1
}

rebuild=
case ${1:-} in
  "") ;;
  --rebuild) rebuild=yes ;;
  -h | --help) sed -n '2,4s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; exit 0 ;;
  *) die "unknown argument $1" "scripts/deploy.sh [--rebuild]" ;;
esac
[ $# -le 1 ] || die "too many arguments" "scripts/deploy.sh [--rebuild]"

command -v docker >/dev/null || die "docker is not installed" "see docs/setup.md, Prerequisites"
docker compose version >/dev/null 2>&1 || die "docker compose is not installed" "install the Compose plugin (docker-compose-plugin or docker-compose)"
docker info >/dev/null 2>&1 || die "the docker daemon does not answer" "start it, or join the group docker"
[ -f "$root/.env" ] || die "$root/.env does not exist" "run scripts/backupctl-manage.sh setup, or copy deploy/.env.example to .env"

running() { [ "$(docker inspect -f '{{.State.Running}}' backupctl 2>/dev/null || true)" = true ]; }

echo "=== backupctl deploy ==="

echo "[1/4] Validating config..."
if running; then
  # What is on disk now, with the program that still runs: nothing is replaced while the file is wrong.
  docker exec backupctl backupctl config validate || die "the configuration is not valid, nothing was changed" "correct config/projects.yml and .env, then run this again"
else
  echo "Container not running, validating after the build"
fi

echo "[2/4] Building Docker image..."
build=(build)
[ -z "$rebuild" ] || build+=(--no-cache --pull)
"${compose[@]}" "${build[@]}" || die "the image was not built, what runs was left alone" "read the output above; docs/setup.md names every build argument"
if ! running; then
  "${compose[@]}" run --rm --no-deps -T backupctl config validate ||
    die "the configuration is not valid, nothing was started" "correct config/projects.yml and .env, then run this again"
fi

echo "[3/4] Starting containers..."
network=$(sed -n 's/^[[:space:]]*BACKUPCTL_NETWORK=//p' "$root/.env" | tail -n 1)
network=${BACKUPCTL_NETWORK:-${network:-backupctl-network}}
docker network inspect "$network" >/dev/null 2>&1 || docker network create "$network" >/dev/null ||
  die "the network $network could not be created"
"${compose[@]}" up -d || die "the containers did not start" "scripts/backupctl-manage.sh logs"

echo "[4/4] Running health check..."
state=
for ((waited = 0; waited < health_wait_seconds; waited++)); do
  state=$(docker inspect -f '{{if .State.Health}}{{.State.Health.Status}}{{else}}{{.State.Status}}{{end}}' backupctl 2>/dev/null || true)
  case $state in healthy | running | unhealthy | exited | dead) break ;; esac
  sleep 1
done
case $state in
  healthy | running) ;;
  *) die "the container is ${state:-missing} after ${waited} s" "docker logs --tail 50 backupctl" ;;
esac
docker exec backupctl backupctl health || die "the containers run, but the health check failed" "correct what it names, then: docker exec backupctl backupctl health"

echo "=== backupctl deployed successfully ==="
