#!/usr/bin/env bash
# check_cxx.sh [COMPILER...]: the kernels' source is C++17 too, with the portable operations and without its table, for these
# compilers, or g++ and clang++: what a GPU runs is compiled from it as C++.
set -euo pipefail
cd "$(dirname "$0")/../.."
if [ $# -eq 0 ]; then set -- g++ clang++; fi
for compiler in "$@"; do
  # Without the table nobody calls the kernels.
  "$compiler" -x c++ -std=c++17 -Wall -Wextra -Wpedantic -Werror -Wno-unused-function -ffp-contract=off -fsyntax-only \
    -Isrc -DFI_WITHOUT_TABLE -DFI_SIMD_HEADER='"simd/portable.h"' src/kernels.c
  echo "C++17      $compiler"
done
