#!/usr/bin/env bash
# Runs the C core's fills by several threads under ThreadSanitizer, which fails on a data race.
set -euo pipefail
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
flags=(-std=c11 -O1 -g -fsanitize=thread -ffp-contract=off -fno-math-errno -Wall -Wextra -Werror -Isrc)

gcc "${flags[@]}" -DFI_SIMD_HEADER='"simd/portable.h"' src/{dispatch,fill,kernels,move,region,scale,threads,truncated}.c \
  tests/c/print_hashes.c -pthread -lm -o "$work/program"
TSAN_OPTIONS=halt_on_error=1 "$work/program" > /dev/null
