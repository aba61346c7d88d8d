# Sourced by the scripts here: what the core consists of, and its kernels for one machine.
# shellcheck shell=bash disable=SC2034,SC2154

core=(src/{api,dispatch,fill,move,overlap,region,scale,strides,threads,truncated}.c)

# native_kernels COMPILER FLAG...: kernels.c for each instruction set that this kind of machine may have, into $work; have
# becomes the definitions that tell the rest of the core of them.
native_kernels() {
  have=()
  native_kernel "$@" portable
  case $(uname -m) in
  x86_64)
    native_kernel "$@" -mavx2 -mfma -mf16c avx2
    native_kernel "$@" -mavx512f -mavx512dq -mavx512bw -mavx512vl avx512
    ;;
  aarch64) native_kernel "$@" neon ;;
  esac
}

native_kernel() { # COMPILER FLAG... NAME
  local name=${*: -1}
  "${@:1:$#-1}" -DFI_SIMD_HEADER="\"simd/$name.h\"" -c src/kernels.c -o "$work/$name.o"
  have+=("-DFASTINIT_HAVE_${name^^}")
}
