#!/usr/bin/env bash
# session.sh [--dry] [FOLDER]: all that a machine with a GPU has to show, in less than ten minutes and without network: fastinit
# is built, the GPU's bits are compared with the CPU's, then times are measured. The machine has PyTorch and cuda-bindings, and
# what builds fastinit; CuPy, JAX, compute-sanitizer and ncu where they are to be tried.
# What each part prints goes to a file of FOLDER (gpu-session), a line of each to summary.txt. A part that fails, or hangs and is
# ended, costs the others nothing; whatever compares bits and does not end well makes the exit status 1.
# --dry: the same programs, small, on a machine without a GPU, by the Python that $PYTHON names.
set -uo pipefail
dry=()
if [ "${1:-}" = --dry ]; then
  dry=(--dry)
  shift
fi
folder=${1:-gpu-session}
mkdir -p "$folder" && folder=$(cd "$folder" && pwd) || exit 2
cd "$(dirname "$0")/../.." || exit 2
python=${PYTHON:-python3}
budget=${SESSION_SECONDS:-570}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export PATH="$PATH:/usr/local/cuda/bin" PYTHONUNBUFFERED=1 PYTHONUTF8=1
export FASTINIT_CACHE_DIR="$work/kernels" # as on a machine where fastinit never was
export FASTINIT_STAND_IN="$work" # what a dry run builds once for all parts
export XLA_PYTHON_CLIENT_PREALLOCATE=false PIP_DISABLE_PIP_VERSION_CHECK=1
wrong=0
: > "$folder/summary.txt"

say() { echo "$*" | tee -a "$folder/summary.txt"; }

# part KIND NAME SECONDS COMMAND...: KIND is bits, which must end well; memory, which must not end with 9, the sanitizer's word for an
# access beyond memory; or more.
part() {
  local kind=$1 name=$2 limit=$3 left=$((budget - SECONDS)) status began=$SECONDS verdict
  shift 3
  if [ "$left" -lt 5 ]; then
    say "$(printf '%-14s not run: the time was over' "$name")"
    if [ "$kind" = bits ]; then wrong=1; fi
    return 1
  fi
  if [ "$left" -lt "$limit" ]; then limit=$left; fi
  timeout --kill-after=5 "$limit" "$@" > "$folder/$name.txt" 2>&1
  status=$?
  case $status in
    0) verdict=good ;;
    124 | 137) verdict="ended after $limit seconds" ;;
    *) verdict="FAILED, status $status" ;;
  esac
  say "$(printf '%-14s %3d s  %s' "$name" $((SECONDS - began)) "$verdict")"
  grep -hE '(: all equal|WRONG|skipped: |^DIFFERS)' "$folder/$name.txt" | head -40 | sed 's/^/    /' | cut -c1-200
  if [ "$status" -ne 0 ]; then
    tail -n 5 "$folder/$name.txt" | sed 's/^/    | /' | cut -c1-200
    case $kind-$status in
      bits-* | memory-9) wrong=1 ;;
    esac
  fi
  return "$status"
}

# tool NAME: whether there is such a program.
tool() { command -v "$1" > "$work/found" || { say "$(printf '%-14s not run: it is not installed' "$1")" && false; }; }

bits() { # bits NAME SECONDS [PART...]
  local name=$1 limit=$2
  shift 2
  part bits "$name" "$limit" "$python" tests/gpu/check_bits.py "${dry[@]}" --seconds "$random_seconds" "$@"
}

# shellcheck disable=SC2329 # `bash -c` calls it
machine() {
  nvidia-smi
  nvidia-smi --query-gpu=name,driver_version,memory.total,clocks.sm,clocks.max.sm,clocks.mem,ecc.mode.current --format=csv
  "$python" -m pip list
  nvcc --version
}
export -f machine
export python

# Into a folder that is on the path before all others: an environment that the Python of another makes would see nothing of that.
if [ ${#dry[@]} -eq 0 ] || ! "$python" -P -c 'import fastinit' 2> "$work/error"; then
  install=("$python" -m pip install --no-build-isolation --no-deps --no-index --target "$work/site" .)
  part bits install 200 "${install[@]}" || exit 1
  export PYTHONPATH="$work/site${PYTHONPATH:+:$PYTHONPATH}"
  part bits imported 60 "$python" -P -c "import fastinit; print(fastinit.__file__); assert '$work/site' in fastinit.__file__" || exit 1
fi

random_seconds=40
if [ ${#dry[@]} -eq 0 ]; then
  part more machine 30 bash -c machine
else
  random_seconds=2
fi

# The most telling first.
bits kernels 90 kernels
bits golden 60 golden_vectors
bits operations 60 operations
bits random 80 random_fills
bits tensors 60 pytorch modules many
bits streams 40 streams
bits graphs 40 graphs
bits graphs_cold 40 graphs_cold
bits dlpack 30 dlpack
bits cupy 40 cupy
bits jax 50 jax
bits large 60 large
bits huge 60 huge

times=$((budget - SECONDS - 110)) # what is left of the time, but for the parts below
if [ "$times" -gt 170 ]; then times=170; fi
if [ "$times" -lt 20 ]; then times=20; fi
part more bench $((times + 20)) "$python" benchmarks/gpu_fills.py "${dry[@]}" --seconds "$times" \
  --json "$folder/bench.json" --markdown "$folder/bench.md"

# Of few fills, as it is slow, with memory of its own for each tensor: beyond its end there is then no other's.
memory=(env PYTORCH_NO_CUDA_MEMORY_CACHING=1)
sanitizer=(compute-sanitizer --tool memcheck --report-api-errors no --error-exitcode 9)
fills=("$python" tests/gpu/check_bits.py "${dry[@]}")
if [ ${#dry[@]} -gt 0 ]; then
  part memory memcheck 70 "${memory[@]}" "${fills[@]}" --seconds 1 random_fills
elif tool compute-sanitizer; then
  part memory memcheck 70 "${memory[@]}" "${sanitizer[@]}" "${fills[@]}" --seconds 15 random_fills
fi

part more tune 45 "$python" tests/gpu/tune.py "${dry[@]}" --json "$folder/tune.json"

if [ ${#dry[@]} -gt 0 ]; then
  part more profile 60 "$python" tests/gpu/launch_each.py --dry
elif tool ncu; then
  part more profile 60 ncu --target-processes all --clock-control none -k regex:fastinit_ --section SpeedOfLight --section Occupancy \
    --section LaunchStats --section WarpStateStats --section MemoryWorkloadAnalysis "$python" tests/gpu/launch_each.py
fi

if [ "$wrong" -eq 0 ]; then
  say "bits: all equal, after $SECONDS seconds"
else
  say "bits: NOT ALL WERE SHOWN TO BE EQUAL, after $SECONDS seconds"
fi
exit "$wrong"
