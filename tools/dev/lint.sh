#!/usr/bin/env bash
# Checks form: format, shell scripts, links between documents.
# Usage: ./dev lint [--all]
#   --all adds clang-tidy on every source (long).
source "$ROOT/tools/dev/.steps.sh"
install_packages tools/packages.txt tools/packages-test.txt
step "format"
bash tools/dev/fmt.sh --check
step "shell scripts parse"
git ls-files '*.sh' dev .ci/run | while read -r file; do bash -n "$file" || fail "$file does not parse"; done
step "documents: every relative link leads somewhere"
python3 tools/lint/links.py
if [[ ${1:-} == --all ]]; then
  step "clang-tidy"
  [[ -f build/release/compile_commands.json ]] || cmake --preset release >/dev/null
  git ls-files 'services/*.cc' | xargs -P 2 -n 1 clang-tidy -p build/release --quiet --warnings-as-errors='*'
fi
step "lint is clean"
