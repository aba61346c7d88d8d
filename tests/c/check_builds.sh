#!/usr/bin/env bash
# check_builds.sh [more]: builds the core with several compilers, for several machines and at several levels of optimisation,
# and checks that every build writes the golden vectors (check_golden.c says what else). Foreign machines are emulated, Windows
# is Wine's. Needs gcc, clang, qemu-user-static and the cross compilers (Debian: gcc-aarch64-linux-gnu gcc-s390x-linux-gnu), on
# x86-64 also musl-tools, gcc-mingw-w64-x86-64-win32 and wine; with more, also clang-16 clang-19 clang-22 gcc-riscv64-linux-gnu
# gcc-powerpc64le-linux-gnu gcc-arm-linux-gnueabihf gcc-i686-linux-gnu and their libc6-dev-*-cross. What is missing fails the
# check.
set -euo pipefail
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
trap 'wineserver -k 2> /dev/null || true; rm -rf "$work"' EXIT
export work WINEPREFIX=$work/wine WINEDEBUG=-all

# Clang looks for libgcc in folders whose names are versions, and Debian's is not.
windows_clang() {
  local libgcc
  libgcc=$(x86_64-w64-mingw32-gcc -print-libgcc-file-name)
  echo "clang --target=x86_64-w64-mingw32 -L${libgcc%/*} -Wno-unused-command-line-argument"
}

windows() { wine "$@" 2> >(grep -v '^wine: ' >&2); } # which tells of what it sets up, and of 32-bit Windows that is not there

# Each build: its name; the compiler; the processor whose kernels it gets besides the portable ones; what runs the program.
builds() {
  local cc level
  if [ "$(uname -m)" = x86_64 ]; then
    for cc in gcc clang; do
      for level in -O0 -O2 -O3; do
        echo "x86-64, $cc $level|$cc $level|x86_64|"
      done
      echo "x86-64, $cc -O3 -march=native|$cc -O3 -march=native|x86_64|"
    done
    echo "x86-64 with musl, gcc -O3|musl-gcc -O3|any|"
    echo "x86-64 Windows, clang -O3|$(windows_clang) -O3|x86_64|windows"
  fi
  for level in -O0 -O2 -O3; do
    for cc in aarch64-linux-gnu-gcc "clang --target=aarch64-linux-gnu"; do
      echo "AArch64, ${cc%% *} $level|$cc $level|aarch64|qemu-aarch64-static"
    done
    for cc in s390x-linux-gnu-gcc "clang --target=s390x-linux-gnu"; do
      echo "s390x (big-endian), ${cc%% *} $level|$cc $level|any|qemu-s390x-static"
    done
  done
}

more_builds() {
  local cc
  for cc in clang-16 clang-19 clang-22; do echo "x86-64, $cc -O3|$cc -O3|x86_64|"; done
  echo "RISC-V 64, gcc -O3|riscv64-linux-gnu-gcc -O3|any|qemu-riscv64-static"
  echo "POWER little-endian, gcc -O3|powerpc64le-linux-gnu-gcc -O3|any|qemu-ppc64le-static"
  echo "ARM 32-bit, gcc -O3|arm-linux-gnueabihf-gcc -O3|any|qemu-arm-static"
  echo "x86 32-bit with SSE2, gcc -O3|i686-linux-gnu-gcc -O3 -msse2 -mfpmath=sse|any|qemu-i386-static"
}

check() { # NAME|COMPILER|PROCESSOR|EMULATOR
  local name compiler processor emulator folder
  IFS='|' read -r name compiler processor emulator <<< "$1"
  folder=$(mktemp -d "$work/XXXXXX")
  # shellcheck source=tests/c/core.sh
  source tests/c/core.sh
  # shellcheck disable=SC2086
  kernels_of "$processor" "$folder" $compiler "${core_flags[@]}" &&
    $compiler "${core_flags[@]}" "${have[@]}" "${core[@]}" tests/c/check_golden.c "$folder"/*.o -static -pthread -lm \
      -o "$folder/program.exe" &&
    $emulator "$folder/program.exe" tests/golden.txt > "$folder/kernels" &&
    printf 'golden     %-40s %s\n' "$name" "$(tr -d '\r' < "$folder/kernels")"
}

check_or_say() { check "$1" || { printf 'DIFFERENT  %s\n' "${1%%|*}" && return 1; }; }
export -f check check_or_say windows

# shellcheck disable=SC2016
{ builds && if [ "${1:-}" = more ]; then more_builds; fi; } |
  tr '\n' '\0' | xargs -0 -P "$(nproc)" -I{} bash -c 'check_or_say "$1"' check {}
