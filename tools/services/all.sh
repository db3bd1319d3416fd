#!/usr/bin/env bash
# PostgreSQL, RabbitMQ and Redis of this clone, on loopback: start | stop | status | env.
# `start` may be repeated; `eval "$(tools/services/all.sh env)"` exports what tests tagged [services] read.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd -P)
services_dir=${COMPAGNON_SERVICES_DIR:-$(cd "$here/../.." && pwd -P)/.run/services}

each() {  # the same verb to all three at once; fails if one does
  local failed=0 pids=() s p
  for s in postgres rabbitmq redis; do "$here/$s.sh" "$1" & pids+=($!); done
  for p in "${pids[@]}"; do wait "$p" || failed=1; done
  return $failed
}

case ${1:-} in
  start)
    each start
    {
      echo "export COMPAGNON_TEST_PG='host=127.0.0.1 port=$(cat "$services_dir/postgres/port") user=postgres dbname=postgres'"
      echo "export COMPAGNON_TEST_RABBIT=127.0.0.1:$(cat "$services_dir/rabbitmq/port")"
      echo "export COMPAGNON_TEST_REDIS=127.0.0.1:$(cat "$services_dir/redis/port")"
    } > "$services_dir/env.new"
    mv "$services_dir/env.new" "$services_dir/env" ;;
  stop) each stop ;;
  kill) each kill ;;
  status) for s in postgres rabbitmq redis; do echo "$s $("$here/$s.sh" status || true)"; done ;;
  env) [ -f "$services_dir/env" ] || { echo "all.sh: start the services first" >&2; exit 1; }; cat "$services_dir/env" ;;
  *) echo "usage: all.sh start|stop|kill|status|env" >&2; exit 2 ;;
esac
