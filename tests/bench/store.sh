#!/usr/bin/env bash
exec build/release/tests/bench/store_bench "$@"
