#!/usr/bin/env bash
# Installs the rest, builds, and passes every test.
# Usage: ./dev test [REGEX]
#   REGEX runs only the tests whose name matches (ctest -R).
# Units, both sets of parts (SQLite + embedded bus; PostgreSQL + RabbitMQ + Redis), journeys, browser and faults. Tests that read
# ../shared carry the label `shared`; without that folder they are left out, and named. The log of a run is .run/test.log.
source "$ROOT/tools/dev/.steps.sh"
install_packages tools/packages.txt tools/packages-test.txt
build release
if [[ -f tests/browser/package-lock.json ]]; then
  step "installing the browser tests' packages"
  npm ci --prefix tests/browser --no-audit --no-fund --loglevel=error
fi
shared=${COMPAGNON_SHARED:-$ROOT/../shared}
arguments=(--test-dir build/release --output-on-failure --parallel 2 --no-tests=error --label-exclude 'long')
[[ $# -gt 0 ]] && arguments+=(--tests-regex "$1")
if [[ -d "$shared" ]]; then
  export COMPAGNON_SHARED=$shared
else
  step "left out, for want of ../shared:"
  ctest --test-dir build/release --show-only --label-regex 'shared' | sed -n 's/.*Test *#[0-9]*: /  /p'
  arguments=("${arguments[@]/#long/long|shared}")
fi
step "testing"
run() { ctest "${arguments[@]}" 2>&1 | tee "$RUN/test.log"; }
with_services run
