#!/bin/sh
# Runs one test: no test may hang the suite, and none shares what a user's programs share while they run
# (DataPath), since tests run beside each other. The log's last line says how long it took.
XDG_RUNTIME_DIR=$(mktemp -d) || exit 99
export XDG_RUNTIME_DIR
trap 'rm -rf "$XDG_RUNTIME_DIR"' EXIT
run_started=$(date +%s)
timeout -k 5 600 "$@"
run_status=$?
echo "# took $(($(date +%s) - run_started)) s"
exit "$run_status"
