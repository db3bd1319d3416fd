# Sourced by postgres.sh, rabbitmq.sh and redis.sh: where a private server lives, whose it is, and how it is found again.
#
# A server keeps everything under $COMPAGNON_SERVICES_DIR/NAME (default: .run/services of this clone): port, pid, data, log.
# The port is searched once and kept, so that a server killed and started again is where its clients expect it.
# shellcheck shell=bash disable=SC2034
set -euo pipefail

project=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
services_dir=${COMPAGNON_SERVICES_DIR:-$project/.run/services}

fail() { echo "$(basename "$0"): $*" >&2; exit 1; }

# server_init NAME USER: sets dir, pid_file, port_file and as (the command prefix that drops root).
server_init() {
  name=$1 server_user=$2
  mkdir -p "$services_dir"
  services_dir=$(cd "$services_dir" && pwd -P)
  dir=$services_dir/$name
  pid_file=$dir/pid port_file=$dir/port
  mkdir -p "$dir/log"
  as=() reachable=yes
  if [ "$(id -u)" = 0 ]; then
    getent passwd "$server_user" > /dev/null || server_user=nobody
    local group
    group=$(id -gn "$server_user")
    [ "$(stat -c %U "$dir")" = "$server_user" ] || chown -R "$server_user:$group" "$dir"
    as=(setpriv "--reuid=$server_user" "--regid=$group" --init-groups)
    # A clone under /root or a private home cannot be reached by another user: let the server keep root's right to pass
    # folders, and nothing else.
    if ! "${as[@]}" test -x "$dir"; then
      reachable=no
      as=(setpriv "--reuid=$server_user" "--regid=$group" --init-groups --inh-caps=+dac_override --ambient-caps=+dac_override
        --bounding-set=-all,+dac_override)
    fi
  fi
}

# One at a time per server: two test runs may start it at once. The lock's descriptor must not reach the server.
server_lock() {
  exec 9> "$services_dir/$name.lock"
  flock -w 120 9 || fail "another start or stop of $name does not end"
}

# alive PID TOKEN: the process exists and its command line holds TOKEN; a pid used again by another program is stale.
alive() {
  [ -n "$1" ] && [ -r "/proc/$1/cmdline" ] && tr '\0' ' ' < "/proc/$1/cmdline" 2> /dev/null | grep -qF -- "$2"
}

port_open() { (exec 3<> "/dev/tcp/127.0.0.1/$1") 2> /dev/null; }

# Below the range the kernel hands to outgoing connections; random, so that clones seldom meet.
free_port() {
  local port
  for _ in $(seq 200); do
    port=$((20000 + (RANDOM * 32768 + RANDOM) % 12000))
    port_open "$port" || { echo "$port"; return; }
  done
  fail "no free port"
}

# Sets port to the one kept, or to a new one when there is none or a stranger listens there.
server_port() {
  port=
  [ -f "$port_file" ] && port=$(cat "$port_file")
  if [ -z "$port" ] || port_open "$port"; then
    port=$(free_port)
    echo "$port" > "$port_file"
  fi
}

# wait_until SECONDS COMMAND...: polls.
wait_until() {
  local end=$((SECONDS + $1))
  shift
  until "$@"; do
    [ "$SECONDS" -lt "$end" ] || return 1
    sleep 0.05
  done
}
gone() { ! alive "$1" "$2"; }

# Direct children of a process, which outlive it after kill -9.
children_of() { cat "/proc/$1/task/$1/children" 2> /dev/null || true; }

usage() { echo "usage: $(basename "$0") start|stop|status|kill" >&2; exit 2; }
