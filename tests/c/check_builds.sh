#!/usr/bin/env bash
# Builds the core with several compilers, for several machines and at several levels of optimisation, and checks that all
# builds write the same bits. Foreign machines are emulated. Needs gcc, clang, qemu-user-static and the cross compilers
# (Debian: gcc-aarch64-linux-gnu gcc-s390x-linux-gnu); what is missing is named and fails the check.
set -euo pipefail
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
flags=(-std=c11 -ffp-contract=off -fno-math-errno -Wall -Wextra -Werror -Isrc)
failed=0

kernels() { # HEADER FLAG...: kernels.c for one instruction set
  local header=$1
  shift
  "${compiler[@]}" "${flags[@]}" "$@" -DFI_SIMD_HEADER="\"simd/$header.h\"" -c src/kernels.c -o "$work/$header.o"
}

check() { # NAME EMULATOR-OR-"" HAVE-FLAG...: links what kernels() made and compares its output with the first build's
  local name=$1 emulator=$2
  shift 2
  "${compiler[@]}" "${flags[@]}" "$@" src/{dispatch,fill,move,region,scale,threads,truncated}.c tests/c/print_hashes.c "$work"/*.o \
    -static -pthread -lm -o "$work/program"
  rm "$work"/*.o
  if $emulator "$work/program" > "$work/hashes" 2> "$work/kernels"; then
    [ -e "$work/expected" ] || cp "$work/hashes" "$work/expected"
    if cmp -s "$work/hashes" "$work/expected"; then
      printf 'same bits  %-40s %s\n' "$name" "$(cat "$work/kernels")"
      return
    fi
  fi
  printf 'DIFFERENT  %-40s %s\n' "$name" "$(cat "$work/kernels")"
  failed=1
}

if [ "$(uname -m)" = x86_64 ]; then
  for cc in gcc clang; do
    for level in -O0 -O2 -O3; do
      compiler=("$cc" "$level")
      kernels portable -mno-fma
      kernels avx2 -mavx2 -mfma -mf16c
      kernels avx512 -mavx512f -mavx512dq -mavx512bw -mavx512vl -mprefer-vector-width=512
      check "x86-64 $cc $level" "" -DFASTINIT_HAVE_AVX2 -DFASTINIT_HAVE_AVX512
    done
    compiler=("$cc" -O3 -march=native)
    kernels portable
    check "x86-64 $cc -O3 -march=native" ""
  done
fi

for level in -O0 -O3; do
  compiler=(aarch64-linux-gnu-gcc "$level")
  kernels portable
  kernels neon
  check "aarch64 gcc $level, emulated" qemu-aarch64-static -DFASTINIT_HAVE_NEON
done

compiler=(s390x-linux-gnu-gcc -O2)
kernels portable
check "s390x (big-endian) gcc -O2, emulated" qemu-s390x-static

exit "$failed"
