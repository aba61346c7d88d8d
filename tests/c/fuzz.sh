#!/usr/bin/env bash
# fuzz.sh [SECONDS]: fuzzes the C interface on all CPUs, for 600 seconds unless told otherwise, and then the search for arrays
# that share memory for a quarter of it, with AddressSanitizer and UndefinedBehaviorSanitizer; fuzz_regions.c and
# fuzz_overlap.c say what is tried and checked. Keeps the input that fails, and says how to repeat it.
# fuzz.sh regions|overlap FILE...: runs inputs.
# Needs clang with its libFuzzer (Debian 12: clang libclang-rt-14-dev).
set -euo pipefail
seconds=600
inputs=()
if [[ ${1-} =~ ^[0-9]+$ ]]; then seconds=$1; else for input in "${@:2}"; do inputs+=("$(realpath "$input")"); done; fi
cd "$(dirname "$0")/../.."
# shellcheck source=tests/c/core.sh
source tests/c/core.sh
work=$(mktemp -d)
# shellcheck disable=SC2046
trap 'kill $(jobs -p) 2> /dev/null || true; rm -rf "$work"' EXIT

sanitizers=address,undefined,local-bounds
# Without compiler.h's forced inlining and unrolling: with every access checked they would take minutes to compile.
flags=("${core_flags[@]}" -O1 -g
  -DFASTINIT_COMPILER_H -DALWAYS_INLINE=inline -DOUT_OF_LINE= -DUNROLLED= -fno-sanitize-recover=all)
# The kernels' branches depend on random bits and would teach libFuzzer nothing.
native_kernels clang "${flags[@]}" -fsanitize=$sanitizers
for target in regions overlap; do
  clang "${flags[@]}" -fsanitize=fuzzer,$sanitizers "${have[@]}" "${core[@]}" \
    "tests/c/fuzz_$target.c" "$work"/*.o -pthread -lm -o "$work/$target"
done

if [ ${#inputs[@]} -gt 0 ]; then
  "$work/$1" "${inputs[@]}"
  exit
fi

fuzz() { # TARGET SECONDS BYTES: with inputs of up to so many bytes
  # To begin with, random inputs that are long enough for whole cases; libFuzzer would take minutes to build such.
  mkdir -p "$work/inputs/$1" "$work/logs/$1"
  for i in {1..300}; do head -c "$(($3 / 2))" /dev/urandom > "$work/inputs/$1/$i"; done
  findings=$(mktemp -d)
  for i in $(seq "$(nproc)"); do
    "$work/$1" -max_total_time="$2" -timeout=60 -report_slow_units=60 -max_len="$3" -entropic_scale_per_exec_time=1 \
      -print_final_stats=1 -artifact_prefix="$findings/" "$work/inputs/$1" > "$work/logs/$1/$i" 2>&1 &
  done
  for _ in $(seq "$(nproc)"); do
    if ! wait -n; then
      grep -hv '^#' "$work/logs/$1"/* | tail -n 100
      find "$findings" -type f -printf "To repeat it: tests/c/fuzz.sh $1 %p\n"
      exit 1
    fi
  done
  rmdir "$findings"
  grep -hE 'DONE|number_of_executed_units' "$work/logs/$1"/*
}
fuzz regions "$seconds" 1000
fuzz overlap "$(((seconds + 3) / 4))" 3000
