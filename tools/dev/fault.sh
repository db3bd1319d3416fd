#!/usr/bin/env bash
# Runs the tests that kill and cut things: kill -9, servers stopped and started, disks full.
# Usage: ./dev fault [REGEX]
source "$ROOT/tools/dev/.steps.sh"
install_packages tools/packages.txt tools/packages-test.txt
build release
shared=${COMPAGNON_SHARED:-$ROOT/../shared}
[[ -d "$shared" ]] && export COMPAGNON_SHARED=$shared
run() { ctest --test-dir build/release --output-on-failure --no-tests=error --label-regex fault --label-exclude long ${1:+--tests-regex "$1"}; }
with_services run "$@"
