#!/usr/bin/env bash
# A private RabbitMQ on loopback, without systemd, its own epmd and node name: start | stop | status | kill (kill -9, for fault
# tests; start recovers, quorum queues and their messages included) | ctl ARGUMENTS (rabbitmqctl). User guest, password guest.
# With COMPAGNON_RABBIT_TLS=FOLDER (ca.pem, cert.pem, key.pem, readable by the broker) it also listens with TLS, on the port in tls.port.
# shellcheck source=tools/services/server.sh disable=SC2154
. "$(dirname "$0")/server.sh"
server_init rabbitmq rabbitmq
# Mnesia asks access(2), which ignores capabilities; the broker itself, unlike PostgreSQL, does not refuse root.
if [ "$reachable" = no ]; then
  as=()
  chown -R root "$dir"
fi
bin=/usr/lib/rabbitmq/bin
[ -x $bin/rabbitmq-server ] || fail "RabbitMQ is not installed (apt-get install rabbitmq-server)"
mnesia=$dir/mnesia
token="-home $dir"  # on the command line of the virtual machine
epmd_pid_file=$dir/epmd.pid
node=compagnon_$(echo "$dir" | cksum | cut -d' ' -f1)@localhost

pid() { [ -f "$pid_file" ] && tr -dc 0-9 < "$pid_file" || true; }
epmd_pid() { [ -f "$epmd_pid_file" ] && cat "$epmd_pid_file" || true; }
# The broker accepts an AMQP connection: it answers a protocol header with Connection.Start (frame type 1).
ready() {
  local first
  first=$( (exec 3<> "/dev/tcp/127.0.0.1/$port" && printf 'AMQP\000\000\011\001' >&3 && head -c 1 <&3 | od -An -tx1) 2> /dev/null) || return 1
  [ "${first// /}" = 01 ]
}
ready_or_dead() { ready || { [ -s "$pid_file" ] && ! alive "$(pid)" "$token"; }; }

kept_port() {  # kept_port FILE: a second port, kept like the first
  local p=
  [ -f "$1" ] && p=$(cat "$1")
  if [ -z "$p" ] || port_open "$p"; then p=$(free_port); echo "$p" > "$1"; fi
  echo "$p"
}

start_epmd() {
  if alive "$(epmd_pid)" "epmd"; then epmd_port=$(cat "$dir/epmd.port"); return; fi
  epmd_port=$(kept_port "$dir/epmd.port")
  (cd "$dir" && exec setsid "${as[@]}" epmd -port "$epmd_port" -address 127.0.0.1 < /dev/null > /dev/null 2>&1 9>&-) &
  echo $! > "$epmd_pid_file"
  disown
  wait_until 10 port_open "$epmd_port" || fail "epmd does not answer on port $epmd_port"
}

start() {
  if alive "$(pid)" "$token"; then return; fi
  rm -f "$pid_file"
  start_epmd
  server_port
  local dist_port
  dist_port=$(kept_port "$dir/dist.port")
  cat > "$dir/rabbitmq.conf" <<CONF
listeners.tcp.1 = 127.0.0.1:$port
log.file.level = warning
log.console = false
vm_memory_high_watermark.absolute = 2GB
disk_free_limit.absolute = 500MB
raft.wal_max_size_bytes = 134217728
CONF
  if [ -n "${COMPAGNON_RABBIT_TLS:-}" ]; then
    cat >> "$dir/rabbitmq.conf" <<CONF
listeners.ssl.1 = 127.0.0.1:$(kept_port "$dir/tls.port")
ssl_options.cacertfile = $COMPAGNON_RABBIT_TLS/ca.pem
ssl_options.certfile = $COMPAGNON_RABBIT_TLS/cert.pem
ssl_options.keyfile = $COMPAGNON_RABBIT_TLS/key.pem
ssl_options.verify = verify_peer
ssl_options.fail_if_no_peer_cert = true
CONF
  fi
  echo '[].' > "$dir/enabled_plugins"
  : > "$dir/env.conf"
  mkdir -p "$mnesia"
  [ ${#as[@]} = 0 ] || chown -R "$server_user" "$dir"
  # +sbwt none: idle schedulers must not spin on a machine with two cores.
  (cd "$dir" && exec setsid "${as[@]}" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin "HOME=$dir" LANG=C.UTF-8 "RABBITMQ_NODENAME=$node" \
    "RABBITMQ_CONF_ENV_FILE=$dir/env.conf" "RABBITMQ_CONFIG_FILE=$dir/rabbitmq.conf" "RABBITMQ_ENABLED_PLUGINS_FILE=$dir/enabled_plugins" \
    "RABBITMQ_MNESIA_BASE=$mnesia" "RABBITMQ_LOG_BASE=$dir/log" "RABBITMQ_PID_FILE=$pid_file" "RABBITMQ_DIST_PORT=$dist_port" \
    ERL_EPMD_ADDRESS=127.0.0.1 "ERL_EPMD_PORT=$epmd_port" RABBITMQ_ALLOW_INPUT= RUNNING_UNDER_SYSTEMD=true \
    "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=-kernel inet_dist_use_interface {127,0,0,1} +sbwt none +sbwtdcpu none +sbwtdio none" \
    $bin/rabbitmq-server < /dev/null >> "$dir/log/console.log" 2>&1 9>&-) &
  local starter=$!
  disown
  wait_until 120 ready_or_dead && ready || { kill -9 -- "-$starter" 2> /dev/null || true; tail -30 "$dir/log/console.log" >&2; fail "RabbitMQ does not answer on port $port"; }
}

stop_epmd() {
  local p
  p=$(epmd_pid)
  if alive "$p" epmd; then kill "$p" 2> /dev/null || true; fi
  rm -f "$epmd_pid_file"
}

stop() {
  local p
  p=$(pid)
  if alive "$p" "$token"; then
    kill -TERM "$p"  # the node shuts down in order on SIGTERM
    wait_until 60 gone "$p" "$token" || fail "RabbitMQ ($p) does not stop"
  fi
  rm -f "$pid_file"
  stop_epmd
}

kill_hard() {
  local p
  p=$(pid)
  alive "$p" "$token" || return 0
  kill -9 "$p"
  wait_until 10 gone "$p" "$token" || fail "RabbitMQ ($p) survives kill -9"
}

ctl() {
  (cd "$dir" && exec "${as[@]}" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin "HOME=$dir" LANG=C.UTF-8 "RABBITMQ_NODENAME=$node" \
    "RABBITMQ_CONF_ENV_FILE=$dir/env.conf" "ERL_EPMD_PORT=$(cat "$dir/epmd.port")" ERL_EPMD_ADDRESS=127.0.0.1 $bin/rabbitmqctl -q "$@")
}

case ${1:-} in
  ctl) shift; ctl "$@" ;;
  start) server_lock; start ;;
  stop) server_lock; stop ;;
  kill) server_lock; kill_hard ;;
  status)
    if alive "$(pid)" "$token"; then echo "running pid $(pid) port $(cat "$port_file")"; else echo stopped; exit 1; fi ;;
  *) usage ;;
esac
