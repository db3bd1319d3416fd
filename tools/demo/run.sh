#!/usr/bin/env bash
# Runs the suite beside two simulated Moodles: run.sh CHECK LEARNERS WEEKS SEED PORT KEEP (called by ./dev demo).
source "$ROOT/tools/dev/.steps.sh"
check=$1 learners=$2 weeks=$3 seed=$4 port=$5 keep=$6
compagnon="$ROOT/build/release/services/compagnon/compagnon"
double="$ROOT/build/release/tests/moodle_double/moodle_double"
here="$RUN/demo"

# A demo that still runs holds this lock: its data must not be swept away under it.
exec 9>"$RUN/demo.lock"
flock -n 9 || fail "a demo is already running in this checkout"
$keep || rm -rf "$here"
mkdir -p "$here"

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
taken() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
while taken "$port"; do port=$((port + 1)); done

pids=()
stop() {
  trap - EXIT INT TERM
  if [[ ${#pids[@]} -gt 0 ]]; then
    kill "${pids[@]}" 2>/dev/null || true
    wait "${pids[@]}" 2>/dev/null || true
  fi
}
trap stop EXIT
trap 'echo; echo "stopping"; stop; exit 0' INT TERM

step "a simulated Moodle: Sénégal, and a national site whose line fails now and then"
rm -f "$here/moodle.json"
"$double" --port 0 --sites "sn1:Plateforme Sénégal:Africa/Dakar,td1:Plateforme Tchad:Africa/Ndjamena" --learners "$learners" --weeks "$weeks" --seed "$seed" \
  --live-rate 2 --state-dir "$here/moodle" --ready-file "$here/moodle.json" 9>&- >"$here/moodle.log" 2>&1 &
pids+=($!)
for _ in $(seq 300); do
  [[ -s "$here/moodle.json" ]] && break
  kill -0 "${pids[0]}" 2>/dev/null || { tail -n 5 "$here/moodle.log" >&2; fail "the simulated Moodle did not start"; }
  sleep 0.1
done
[[ -s "$here/moodle.json" ]] || fail "the simulated Moodle did not answer within 30 s (.run/demo/moodle.log)"

config="$here/compagnon.toml"
cat >"$config" <<TOML
environment = "test"
data_dir = "$here/data"

[metrics]
listen = "127.0.0.1:$(free_port)"

[edge]
listen = "127.0.0.1:$port"
public_url = "http://127.0.0.1:$port"

[moodle]
dimensions_file = "$ROOT/tests/moodle_double/dimensions.toml"
allow_private_addresses = true  # the simulated Moodle is on this machine
poll_idle_ms = 2000
TOML

# Site by site: the token goes through a file, never through an argument that the process list shows.
umask 077
python3 - "$here/moodle.json" "$here" <<'PY' >"$here/sites"
import json, sys
said = json.load(open(sys.argv[1]))
for site in said["sites"]:
    with open(f"{sys.argv[2]}/{site['code']}.token", "w") as file:
        file.write(site["token"] + "\n")
    print("\t".join([site["code"], site["title"], site["url"], site["zone"]]))
PY
while IFS=$'\t' read -r code title url zone; do
  if ! "$compagnon" --config "$config" site list 2>/dev/null | grep -q "^$code\b"; then
    "$compagnon" --config "$config" site add --code "$code" --title "$title" --url "$url" --time-zone "$zone" --token-file "$here/$code.token" \
      >"$here/site-$code.log" 2>&1 || { cat "$here/site-$code.log" >&2; fail "the site $code could not be added"; }
  fi
done <"$here/sites"

step "the suite, in one process"
"$compagnon" --config "$config" serve 9>&- >"$here/compagnon.log" 2>&1 &
suite=$!
pids+=("$suite")
for _ in $(seq 300); do
  curl -fsS -o /dev/null "http://127.0.0.1:$port/healthz" 2>/dev/null && break
  kill -0 "$suite" 2>/dev/null || { tail -n 5 "$here/compagnon.log" >&2; fail "the suite ended (.run/demo/compagnon.log)"; }
  sleep 0.1
done

link() { "$compagnon" --config "$config" sign-in --person coordinatrice --profile coordinator --scope sites/sn1 --scope sites/td1 | grep -o 'http[^ ]*'; }

if $check; then
  step "reading the coordinator's home until it shows figures"
  python3 "$ROOT/tools/demo/check.py" "$(link)" || { tail -n 3 "$here/compagnon.log" >&2; fail "the home page shows no figures"; }
  exit 0
fi

step "ready. Open this link (once, within 15 minutes); Ctrl-C ends the demo"
echo
echo "    $(link)"
echo
echo "A new link: ./build/release/services/compagnon/compagnon --config .run/demo/compagnon.toml sign-in --person coordinatrice --profile coordinator --scope sites/sn1"
# Waits for whichever ends first; a signal ends the wait and runs the trap.
wait -n "${pids[@]}" || true
tail -n 5 "$here/compagnon.log" "$here/moodle.log" >&2
fail "a process of the demo ended by itself"
