#!/usr/bin/env bash
# ThreadSanitizer, GCC's and Clang's, finds no data race in the C core's fills by several threads: in its C program and in
# random cases of fuzz_regions.c.
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=tests/c/core.sh
source tests/c/core.sh
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
flags=("${core_flags[@]}" -O1 -g -fsanitize=thread -DFI_SIMD_HEADER='"simd/portable.h"')
export TSAN_OPTIONS=halt_on_error=1

for cc in gcc clang; do
  "$cc" "${flags[@]}" src/kernels.c "${core[@]}" tests/c/check_golden.c -pthread -lm -o "$work/check_golden"
  "$work/check_golden" tests/golden.txt
  "$cc" "${flags[@]}" -DFUZZ_WITHOUT_LIBFUZZER src/kernels.c "${core[@]}" tests/c/fuzz_regions.c -pthread -lm \
  -o "$work/fuzz_regions"
  "$work/fuzz_regions" 1000
done
