#!/usr/bin/env bash
# Formats the C++ sources in place (clang-format).
# Usage: ./dev fmt [--check]
#   --check changes nothing and fails where something would change.
source "$ROOT/tools/dev/.steps.sh"
install_packages tools/packages-test.txt
mapfile -t files < <(git ls-files '*.cc' '*.h')
if [[ ${1:-} == --check ]]; then clang-format --dry-run -Werror "${files[@]}"; else clang-format -i "${files[@]}"; fi
