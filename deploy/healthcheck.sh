#!/bin/bash
# Asks the program in this container for /health, with nothing but the shell. Where it serves TLS, that it listens has to do.
set -euo pipefail

listen=${LISTEN:-${APP_PORT:-${PORT:-${RM_LISTEN:-3100}}}}
port=${listen##*:}
host=${listen%:*}
# A bare port, every address (`:3100`, `0.0.0.0`, `*`) or one of them.
case $host in "$listen" | "" | 0.0.0.0 | "*" | "[::]") host=127.0.0.1 ;; esac
host=${host#[}
host=${host%]}

fail() {
  printf 'unhealthy: %s\n' "$*" >&2
  exit 1
}

{ exec 3<>"/dev/tcp/$host/$port"; } 2>/dev/null || fail "nothing listens on $host:$port"
[ -z "${TLS_CERT:-${RM_TLS_CERT:-}}" ] || exit 0
printf 'GET /health HTTP/1.1\r\nHost: %s:%s\r\nConnection: close\r\n\r\n' "$host" "$port" >&3
IFS=' ' read -r -t 8 _ status _ <&3 || fail "no answer from $host:$port"
[ "$status" = 200 ] || fail "/health answers $status"
