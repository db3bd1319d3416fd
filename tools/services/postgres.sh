#!/usr/bin/env bash
# A private PostgreSQL on loopback: start | stop | status | kill (kill -9, for fault tests; start recovers).
# shellcheck source=tools/services/server.sh disable=SC2154
. "$(dirname "$0")/server.sh"
server_init postgres postgres
data=$dir/data
bin=$(ls -d /usr/lib/postgresql/*/bin 2> /dev/null | sort -V | tail -1)
[ -n "$bin" ] || fail "PostgreSQL is not installed (apt-get install postgresql)"

pid() { [ -f "$data/postmaster.pid" ] && head -1 "$data/postmaster.pid" || true; }
ready() { "$bin/pg_isready" -q -h 127.0.0.1 -p "$port" -U postgres -d postgres; }

start() {
  local p
  p=$(pid)
  if alive "$p" "$data"; then return; fi
  rm -f "$data/postmaster.pid"  # of a process that is gone, or of a stranger that got its number
  if [ ! -f "$data/PG_VERSION" ]; then
    rm -rf "$data"
    "${as[@]}" "$bin/initdb" -D "$data" -U postgres -A trust -E UTF8 --locale=C.UTF-8 --no-sync > "$dir/log/initdb" 2>&1 9>&- ||
      { cat "$dir/log/initdb" >&2; fail "initdb failed"; }
  fi
  server_port
  # No Unix socket: its path would be too long in a deep clone. Few buffers: several clones share a small machine.
  (cd "$dir" && exec setsid "${as[@]}" "$bin/postgres" -D "$data" -c listen_addresses=127.0.0.1 -c port="$port" -c unix_socket_directories= \
    -c max_connections=200 -c shared_buffers=192MB -c max_wal_size=4GB -c checkpoint_timeout=15min -c max_prepared_transactions=16 \
    -c log_min_messages=warning < /dev/null >> "$dir/log/postgres.log" 2>&1 9>&-) &
  disown
  wait_until 60 ready || { tail -20 "$dir/log/postgres.log" >&2; fail "PostgreSQL does not answer on port $port"; }
}

stop() {
  local p
  p=$(pid)
  alive "$p" "$data" || return 0
  kill -INT "$p"  # fast shutdown
  wait_until 60 gone "$p" "$data" || fail "PostgreSQL ($p) does not stop"
}

kill_hard() {
  local p children
  p=$(pid)
  alive "$p" "$data" || return 0
  children=$(children_of "$p")
  # shellcheck disable=SC2086
  kill -9 "$p" $children 2> /dev/null || true
  wait_until 10 gone "$p" "$data" || fail "PostgreSQL ($p) survives kill -9"
}

case ${1:-} in
  start) server_lock; start ;;
  stop) server_lock; stop ;;
  kill) server_lock; kill_hard ;;
  status)
    if alive "$(pid)" "$data"; then echo "running pid $(pid) port $(cat "$port_file")"; else echo stopped; exit 1; fi ;;
  *) usage ;;
esac
