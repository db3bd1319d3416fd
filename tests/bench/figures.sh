#!/usr/bin/env bash
exec build/release/tests/bench/figures_bench "$@"
