#!/usr/bin/env bash
# Builds with AddressSanitizer and UBSan and runs the unit and integration tests.
# Usage: ./dev asan [REGEX]
source "$ROOT/tools/dev/.steps.sh"
install_packages tools/packages.txt tools/packages-test.txt
build asan
shared=${COMPAGNON_SHARED:-$ROOT/../shared}
[[ -d "$shared" ]] && export COMPAGNON_SHARED=$shared
export ASAN_OPTIONS="detect_leaks=1 strict_string_checks=1" UBSAN_OPTIONS="print_stacktrace=1 halt_on_error=1"
step "testing (asan)"
run() { ctest --test-dir build/asan --output-on-failure --no-tests=error --label-regex '^(unit|integration)' --label-exclude long --timeout 900 ${1:+--tests-regex "$1"}; }
with_services run "$@"
