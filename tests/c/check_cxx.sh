#!/usr/bin/env bash
# check_cxx.sh [COMPILER...]: the kernels' source is C++17 too, with the portable operations and without its table, and so are
# those of a GPU, as far as a host compiles them, and the header of what launches them; for these compilers, or g++ and
# clang++. What a GPU runs is compiled from it as C++.
set -euo pipefail
cd "$(dirname "$0")/../.."
if [ $# -eq 0 ]; then set -- g++ clang++; fi
# Without the table nobody calls the kernels.
flags=(-x c++ -std=c++17 -Wall -Wextra -Wpedantic -Werror -Wno-unused-function -ffp-contract=off -fsyntax-only -Isrc)
for compiler in "$@"; do
  "$compiler" "${flags[@]}" -DFI_WITHOUT_TABLE -DFI_SIMD_HEADER='"simd/portable.h"' src/kernels.c
  "$compiler" "${flags[@]}" src/gpu/fill.cu
  "$compiler" "${flags[@]}" - <<< '#include "gpu/launches.h"'
  echo "C++17      $compiler"
done
