#!/usr/bin/env bash
# Starts or stops private PostgreSQL, RabbitMQ and Redis on loopback.
# Usage: ./dev services start | stop | status | env
#   env prints the export lines that tests read (COMPAGNON_TEST_PG, COMPAGNON_TEST_RABBIT, COMPAGNON_TEST_REDIS).
# Everything they write lies under .run/services.
source "$ROOT/tools/dev/.steps.sh"
[[ ${1:-} == start ]] && install_packages tools/packages.txt tools/packages-test.txt
exec bash tools/services/all.sh "${1:-status}"
