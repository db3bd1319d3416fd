#!/usr/bin/env bash
# Fuzzes the parsers of foreign input (libFuzzer), each for an equal share of the time.
# Usage: ./dev fuzz SECONDS
#   A finding is kept under .run/fuzz/ and ends the run with exit 1; found inputs go to tests/fuzz/corpus/ by hand.
source "$ROOT/tools/dev/.steps.sh"
seconds=${1:-60}
[[ "$seconds" =~ ^[0-9]+$ ]] || fail "SECONDS is a whole number"
install_packages tools/packages.txt tools/packages-test.txt tools/packages-fuzz.txt
build fuzz fuzzers
mapfile -t fuzzers < <(find build/fuzz/tests/fuzz -maxdepth 1 -type f -executable -name 'fuzz_*' | sort)
[[ ${#fuzzers[@]} -gt 0 ]] || fail "no fuzzer was built"
share=$((seconds / ${#fuzzers[@]} + 1))
for fuzzer in "${fuzzers[@]}"; do
  name=$(basename "$fuzzer")
  step "$name for $share s"
  mkdir -p "$RUN/fuzz/$name"
  "$fuzzer" "$RUN/fuzz/$name" "tests/fuzz/corpus/$name" -max_total_time="$share" -artifact_prefix="$RUN/fuzz/$name-" -print_final_stats=1 -timeout=10 2>&1 | tail -n 12
done
