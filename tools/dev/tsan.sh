#!/usr/bin/env bash
# Builds with ThreadSanitizer and runs the unit and integration tests.
# Usage: ./dev tsan [REGEX]
source "$ROOT/tools/dev/.steps.sh"
install_packages tools/packages.txt tools/packages-test.txt
build tsan
shared=${COMPAGNON_SHARED:-$ROOT/../shared}
[[ -d "$shared" ]] && export COMPAGNON_SHARED=$shared
# Debian's gRPC and friends are not instrumented: races inside them are not seen, ours are. (A suppression file hid a planted race.)
export TSAN_OPTIONS="ignore_noninstrumented_modules=1 halt_on_error=1"
step "testing (tsan)"
run() { ctest --test-dir build/tsan --output-on-failure --no-tests=error --label-regex '^(unit|integration)' --label-exclude long --timeout 900 ${1:+--tests-regex "$1"}; }
with_services run "$@"
