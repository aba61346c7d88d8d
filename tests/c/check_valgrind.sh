#!/usr/bin/env bash
# Valgrind finds no use of uninitialised values, no access outside allocated memory and no leak in the portable core, while it
# checks some of the golden vectors and random cases of the fuzz targets. Needs gcc and valgrind.
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=tests/c/core.sh
source tests/c/core.sh
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
flags=("${core_flags[@]}" -O1 -g -DFI_SIMD_HEADER='"simd/portable.h"')
# The threads of the pool live on, and what they have allocated with them.
valgrind=(valgrind -q --error-exitcode=1 --leak-check=full --show-leak-kinds=definite --errors-for-leak-kinds=definite)

gcc "${flags[@]}" src/kernels.c "${core[@]}" tests/c/check_golden.c -pthread -lm -o "$work/check_golden"
for name in fuzz_regions fuzz_overlap; do
  gcc "${flags[@]}" -DFUZZ_WITHOUT_LIBFUZZER src/kernels.c "${core[@]}" "tests/c/$name.c" -pthread -lm -o "$work/$name"
done

# Under Valgrind all of them take some minutes.
awk 'NR % 4 == 0' tests/golden.txt > "$work/golden.txt"
"${valgrind[@]}" "$work/check_golden" "$work/golden.txt"
"${valgrind[@]}" "$work/fuzz_regions" 500
"${valgrind[@]}" "$work/fuzz_overlap" 1000
