#!/usr/bin/env bash
# [pages] bytes, requests, render time and time to first byte of the edge's pages. Needs tests/browser/node_modules.
set -euo pipefail
cd "$(dirname "$0")/../.."
[[ -d tests/browser/node_modules ]] || npm ci --prefix tests/browser --no-audit --no-fund --loglevel=error >&2
build/release/tests/bench/pages_bench
exec node tests/browser/bench.mjs "$@"
