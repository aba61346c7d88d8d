#!/usr/bin/env bash
# coverage.sh [FILE...]: which lines of the package, Python, Cython and C, run in the tests, or these files of them,
# and in the C programs. Prints a table and, after all tests, writes it into docs/coverage.md, which says how it is
# measured. Fails if a test does or a line did not run. Needs gcc, a Python with the extra coverage and, for all
# lines, the frameworks; for NEON elsewhere than on AArch64 also gcc-aarch64-linux-gnu, libc6-dev-arm64-cross and
# qemu-user-static.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=tests/c/core.sh
source tests/c/core.sh
work=$PWD/build/coverage
rm -rf "$work"
mkdir -p "$work/data"
page=docs/coverage.md
if [ $# -eq 0 ]; then set -- tests/test_*.py; else page=/dev/null; fi

python - << 'END'
import importlib.util
names = "torch jax keras dask numba distributed flax haiku safetensors transformers peft zarr matplotlib rich".split()
if missing := [name for name in names if importlib.util.find_spec(name) is None]:
    print("Lines will be missing, as these packages are:", ", ".join(missing))
END

# Each line as it stands, and each function whether it is used or not, so nothing is inlined. The kernels, where the
# tests spend their time, are optimised a little and count without locks: threads lose some counts there.
counted=(--coverage -fprofile-abs-path -DFASTINIT_COMPILER_H -DALWAYS_INLINE= -DOUT_OF_LINE= -DUNROLLED=)
unused=(-fkeep-static-functions -Dinline= -Wno-unused-function)

# The last of several options counts, so the compiler is one that adds its own to those of the build. The C that Cython
# makes includes Python's own inline functions.
cat > "$work/cc" << END
#!/bin/sh
case "\$*" in
*_core.c*) set -- "\$@" -O0 -fprofile-update=atomic ;;
*kernels.c*) set -- "\$@" -Og ${unused[*]} ;;
*) set -- "\$@" -O0 -fprofile-update=atomic ${unused[*]} ;;
esac
exec "\${compiler:-gcc}" "\$@" ${counted[*]}
END
chmod +x "$work/cc"
CC=$work/cc python -m pip install -q --no-deps -Cinstall.strip=false -Cbuild-dir="$work/build" --target "$work/site" .

native_kernels "$work/cc" "${core_flags[@]}"
for name in check_golden fuzz_regions fuzz_overlap; do
  "$work/cc" "${core_flags[@]}" "${have[@]}" -DFUZZ_WITHOUT_LIBFUZZER "tests/c/$name.c" "${core[@]}" "$work"/*.o \
    -pthread -lm -o "$work/$name"
done
"$work/check_golden" tests/golden.txt
"$work/fuzz_regions" 1000
"$work/fuzz_overlap" 10000

if command -v aarch64-linux-gnu-gcc > /dev/null && command -v qemu-aarch64-static > /dev/null; then
  export compiler=aarch64-linux-gnu-gcc
  mkdir "$work/aarch64"
  kernels_of aarch64 "$work/aarch64" "$work/cc" "${core_flags[@]}"
  "$work/cc" "${core_flags[@]}" "${have[@]}" tests/c/check_golden.c "${core[@]}" "$work"/aarch64/*.o \
    -static -pthread -lm -o "$work/aarch64/check_golden"
  qemu-aarch64-static "$work/aarch64/check_golden" tests/golden.txt
  unset compiler
elif [ "$(uname -m)" != aarch64 ]; then
  echo "src/simd/neon.h is not measured: no cross compiler for AArch64, or no emulator."
fi

# Each file in a process of its own, as many at a time as there are CPUs.
failed=0
export COVERAGE_FILE=$work/data/.coverage
printf '%s\0' "$@" | PYTHONPATH="$work/site" xargs -0 -P "$(nproc)" -n 1 \
  python -m coverage run -m pytest -q -p no:cacheprovider --no-header || failed=1

python -m coverage combine -q "$work/data"
python -m coverage json -q -o "$work/python.json"
# Python's and NumPy's headers may be gone by now; some lines have run 5e9 times; Cython's names begin with __.
gcovr --root . "$work" --exclude-directory '.*/CMakeFiles/[0-9].*' --filter src/ --filter '.*/_core\.c' \
  --merge-mode-functions separate --gcov-ignore-errors source_not_found --gcov-suspicious-hits-threshold 0 \
  --gcov-ignore-parse-errors negative_hits.warn_once_per_file --include-internal-functions \
  --exclude-lines-by-pattern '.*/\* no cover \*/' --json "$work/c.json"
python tests/coverage_report.py "$work"/{python,c}.json "$work/build/_core.c" "$page" || failed=1
exit "$failed"
