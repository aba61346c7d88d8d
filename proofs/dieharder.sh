#!/usr/bin/env bash
# dieharder.sh [quick]: feeds the raw words of seed 0 to the dieharder battery: one stream from its beginning, the streams
# 0 to 1023 word by word in turn, and the seeds 0 to 1023 likewise. Prints the battery's three reports and fails if a test
# FAILED. Takes hours; quick, with four of the tests, seconds. Needs dieharder (Debian's package), and python with fastinit.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

runs=("-a -Y 1") # all; a test whose p-value is weak goes on until that is resolved
if [ "${1:-}" = quick ]; then runs=("-d 0" "-d 15" "-d 100" "-d 101"); fi

battery() { # NAME OPTION...: the report on the words that the options choose
  local name=$1 run
  shift
  for run in "${runs[@]}"; do
    # shellcheck disable=SC2086
    python -m fastinit bits "$@" | dieharder $run -g 200
  done > "$work/$name"
}

battery stream &
battery streams --streams 1024 &
battery seeds --seeds 1024 &
wait

failed=0
for name in stream streams seeds; do
  printf '\n== %s\n' "$name"
  grep -E 'PASSED|WEAK|FAILED' "$work/$name" || failed=1
  ! grep -q FAILED "$work/$name" || failed=1
done
exit "$failed"
