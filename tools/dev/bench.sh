#!/usr/bin/env bash
# Measures: prints value, limit or peer of the same run, and their ratio, as JSON lines.
# Usage: ./dev bench [NAME] [--full]
#   NAME   one of: ingest ingest-replay path freshness pages footprint bus store (default: all)
#   --full for the record: larger and longer; quick otherwise (at most two minutes a bench)
source "$ROOT/tools/dev/.steps.sh"
name="" full=()
for argument in "$@"; do
  case "$argument" in
    --full) full=(--full) ;;
    -*) fail "unknown option '$argument' (./dev bench --help)" ;;
    *) name=$argument ;;
  esac
done
[[ -z "$name" || -f "tests/bench/$name.sh" ]] || fail "no bench '$name'; there are: $(cd tests/bench && ls *.sh | sed 's/\.sh//' | tr '\n' ' ')"
install_packages tools/packages.txt tools/packages-test.txt
build release
mkdir -p "$RUN/bench"
all() {
  local file failed=0
  for file in tests/bench/${name:-*}.sh; do
    step "bench $(basename "$file" .sh) ${full[*]}"
    bash "$file" "${full[@]}" | tee -a "$RUN/bench/results.jsonl" || failed=1
  done
  return "$failed"
}
with_services all
