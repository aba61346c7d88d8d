#!/usr/bin/env bash
# check_sanitizers.sh [FILE...]: AddressSanitizer and UndefinedBehaviorSanitizer find nothing in the core, built by GCC and by
# Clang with all kernels, while it checks the golden vectors and random cases of the fuzz targets; nor in the Python extension
# while these files of tests run, or all. Needs gcc, clang and a Python with what the tests need.
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=tests/c/core.sh
source tests/c/core.sh
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Without compiler.h's forced inlining and unrolling: with every access checked they would take minutes to compile.
checked=(-O1 -g "-fsanitize=address,undefined" -fno-sanitize-recover=all
  -DFASTINIT_COMPILER_H -DALWAYS_INLINE=inline -DOUT_OF_LINE= -DUNROLLED=)
flags=("${core_flags[@]}" "${checked[@]}")
export UBSAN_OPTIONS=print_stacktrace=1

program() { # SOURCE FLAG...: a C program that is linked with the core
  "$cc" "${flags[@]}" "${have[@]}" "${@:2}" "$1" "${core[@]}" "$work"/*.o -pthread -lm -o "$work/program"
}

for cc in gcc clang; do
  native_kernels "$cc" "${flags[@]}"
  program tests/c/check_golden.c
  "$work/program" tests/golden.txt
  program tests/c/fuzz_regions.c -DFUZZ_WITHOUT_LIBFUZZER
  "$work/program" 1000
  program tests/c/fuzz_overlap.c -DFUZZ_WITHOUT_LIBFUZZER
  "$work/program" 10000
done

# The last of several options counts, so the compiler is one that adds its own to those of the build.
printf '#!/bin/sh\nexec gcc "$@" %s\n' "${checked[*]}" > "$work/cc"
chmod +x "$work/cc"
CC=$work/cc python -m pip install -q --no-deps -Cinstall.strip=false --target "$work/site" .

# Python's allocator would hide where a buffer ends, and Python frees little at its end.
checked_python=(env LD_PRELOAD="$(gcc -print-file-name=libasan.so) $(gcc -print-file-name=libubsan.so)" PYTHONMALLOC=malloc
  ASAN_OPTIONS=detect_leaks=0 PYTHONPATH="$work/site" python -P)

# Each file in a process of its own, as many at a time as there are CPUs. A report must not get lost in what pytest captures.
if [ $# -eq 0 ]; then set -- tests/test_*.py; fi
printf '%s\0' "$@" | xargs -0 -P "$(nproc)" -n 1 "${checked_python[@]}" -m pytest -q -p no:cacheprovider --no-header \
  --capture=sys
