#!/usr/bin/env bash
# Builds and runs the whole suite beside a simulated Moodle, and prints a sign-in link.
# Usage: ./dev demo [--check] [--learners N] [--weeks W] [--seed S] [--port P] [--keep]
#   --check     ends with exit 0 and one line of figures once the home page shows them (no person needed)
#   --learners  learners of each simulated site (default 120)
#   --weeks     weeks of past activity (default 10)
#   --seed      another seed, another site (default 1)
#   --port      port of the pages (default 8400, the next free one if taken)
#   --keep      goes on from the last demo's data instead of starting afresh
# One process on embedded parts: SQLite files, an in-process bus. Data, sockets and logs lie under .run/demo. Ctrl-C ends it.
source "$ROOT/tools/dev/.steps.sh"
check=false learners=120 weeks=10 seed=1 port=8400 keep=false
while [[ $# -gt 0 ]]; do
  case "$1" in
    --check) check=true ;;
    --keep) keep=true ;;
    --learners | --weeks | --seed | --port) [[ ${2:-} =~ ^[0-9]+$ ]] || fail "$1 wants a number"; printf -v "${1#--}" '%s' "$2"; shift ;;
    *) fail "unknown option '$1' (./dev demo --help)" ;;
  esac
  shift
done
install_packages tools/packages.txt
build release compagnon moodle_double
exec bash tools/demo/run.sh "$check" "$learners" "$weeks" "$seed" "$port" "$keep"
