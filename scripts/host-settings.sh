#!/bin/bash
# What deploy.sh and backupctl-manage.sh share, read by both: where things lie, the compose files, the settings in .env.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
env_file=$root/.env
compose=(docker compose --env-file "$env_file" -f "$root/deploy/docker-compose.yml")
# This host's own additions (mounts, build arguments), which an update does not touch.
if [ -f "$root/deploy/docker-compose.override.yml" ]; then compose+=(-f "$root/deploy/docker-compose.override.yml"); fi

running() { [ "$(docker inspect -f '{{.State.Running}}' backupctl 2>/dev/null || true)" = true ]; }

# .env is read as text, never executed.
env_in_file() { # name
  [ -f "$env_file" ] || return 0
  local line value
  line=$(grep -E "^[[:space:]]*(export[[:space:]]+)?$1=" "$env_file" | tail -n 1) || return 0
  value=${line#*=}
  case $value in
    \'*\'*) value=${value#\'}; value=${value%%\'*} ;;
    \"*\"*) value=${value#\"}; value=${value%%\"*} ;;
    \#*) value= ;;
    *) value=${value%%[[:space:]]#*}; value=${value%"${value##*[![:space:]]}"} ;;
  esac
  printf '%s' "$value"
}

env_value() { # name default
  local value=${!1:-}
  [ -n "$value" ] || value=$(env_in_file "$1")
  printf '%s' "${value:-${2:-}}"
}

make_network() {
  local network
  network=$(env_value BACKUPCTL_NETWORK backupctl-network)
  docker network inspect "$network" >/dev/null 2>&1 || docker network create "$network" >/dev/null
}
