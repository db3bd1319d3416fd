#!/usr/bin/env bash
exec build/release/tests/bench/ingest_bench replay "$@"
