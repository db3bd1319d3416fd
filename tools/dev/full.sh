#!/usr/bin/env bash
# Everything, at length: every test with the long ones, the sanitizers, fuzzing, the lint of all files, the benches for the record.
# Usage: ./dev full
source "$ROOT/tools/dev/.steps.sh"
bash tools/dev/test.sh
export COMPAGNON_KILLS=50
run() { ctest --test-dir build/release --output-on-failure --label-regex 'long|fault' --timeout 7200; }
with_services run
bash tools/dev/asan.sh
bash tools/dev/tsan.sh
bash tools/dev/fuzz.sh 600
bash tools/dev/lint.sh --all
bash tools/dev/bench.sh --full
