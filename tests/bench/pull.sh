#!/usr/bin/env bash
exec build/release/tests/bench/pull_bench "$@"
