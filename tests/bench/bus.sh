#!/usr/bin/env bash
exec build/release/tests/bench/bus_bench "$@"
