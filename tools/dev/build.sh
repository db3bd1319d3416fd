#!/usr/bin/env bash
# Installs what is missing and builds everything (build/release).
# Usage: ./dev build [TARGET...]
source "$ROOT/tools/dev/.steps.sh"
install_packages tools/packages.txt
build release "$@"
