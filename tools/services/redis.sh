#!/usr/bin/env bash
# A private Redis on loopback, nothing kept on disk: start | stop | status | kill (kill -9, for fault tests).
# shellcheck source=tools/services/server.sh disable=SC2154
. "$(dirname "$0")/server.sh"
server_init redis redis
command -v redis-server > /dev/null || fail "Redis is not installed (apt-get install redis-server)"

pid() { [ -f "$pid_file" ] && cat "$pid_file" || true; }
token() { echo "redis-server 127.0.0.1:$(cat "$port_file" 2> /dev/null)"; }
ready() {
  local answer
  answer=$( (exec 3<> "/dev/tcp/127.0.0.1/$port" && printf 'PING\r\n' >&3 && head -c 5 <&3) 2> /dev/null) || return 1
  [ "$answer" = "+PONG" ]
}

start() {
  if alive "$(pid)" "$(token)"; then return; fi
  rm -f "$pid_file"
  server_port
  (cd "$dir" && exec setsid "${as[@]}" redis-server --bind 127.0.0.1 --port "$port" --save '' --appendonly no --daemonize no \
    --pidfile "$pid_file" --dir "$dir" --maxmemory 256mb --maxmemory-policy noeviction \
    < /dev/null >> "$dir/log/redis.log" 2>&1 9>&-) &
  local p=$!
  disown
  wait_until 30 ready || { tail -20 "$dir/log/redis.log" >&2; fail "Redis does not answer on port $port"; }
  [ -s "$pid_file" ] || echo "$p" > "$pid_file"
}

stop() {
  local p
  p=$(pid)
  alive "$p" "$(token)" || return 0
  kill -TERM "$p"
  wait_until 20 gone "$p" "$(token)" || fail "Redis ($p) does not stop"
}

kill_hard() {
  local p
  p=$(pid)
  alive "$p" "$(token)" || return 0
  kill -9 "$p"
  wait_until 10 gone "$p" "$(token)" || fail "Redis ($p) survives kill -9"
}

case ${1:-} in
  start) server_lock; start ;;
  stop) server_lock; stop ;;
  kill) server_lock; kill_hard ;;
  status)
    if alive "$(pid)" "$(token)"; then echo "running pid $(pid) port $(cat "$port_file")"; else echo stopped; exit 1; fi ;;
  *) usage ;;
esac
