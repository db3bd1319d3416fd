#!/usr/bin/env bash
# Checks form and common mistakes: format, shell, templates, documents' links, clang-tidy on changed files.
# Usage: ./dev lint [--all]
#   --all runs clang-tidy on every source (long); else only on what differs from the last commit's parent.
source "$ROOT/tools/dev/.steps.sh"
install_packages tools/packages.txt tools/packages-test.txt
step "format"
bash tools/dev/fmt.sh --check
step "shell scripts parse"
git ls-files '*.sh' dev .ci/run | while read -r file; do bash -n "$file" || fail "$file does not parse"; done
step "documents: every relative link leads somewhere"
python3 tools/lint/links.py
step "generated documents are what the sources say"
build release events_doc proto_check
build/release/tools/events_doc/events_doc build/release/compagnon.protoset | diff -u docs/events.md - ||
  fail "docs/events.md is not what its generator writes: cmake --build build/release --target events_md"
build/release/tools/proto_check/proto_check build/release/compagnon.protoset proto/released.protoset
step "clang-tidy"
[[ -f build/release/compile_commands.json ]] || cmake --preset release >/dev/null
if [[ ${1:-} == --all ]]; then mapfile -t files < <(git ls-files 'services/*.cc'); else
  mapfile -t files < <(git diff --name-only --diff-filter=d HEAD~1 2>/dev/null -- 'services/*.cc' | head -n 12); fi
if [[ ${#files[@]} -gt 0 ]]; then printf '%s\0' "${files[@]}" | xargs -0 -P 2 -n 1 clang-tidy -p build/release --quiet --warnings-as-errors='*' 2>/dev/null; fi
step "lint is clean"
