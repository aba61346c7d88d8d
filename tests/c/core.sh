# Sourced by the scripts here: what the core consists of, by src/targets.txt, and its kernels for one machine.
# shellcheck shell=bash disable=SC2034,SC2154

core=()
core_flags=(-std=c11)
kernels=() # NAME PROCESSOR FLAG...
while read -r what rest; do
  case $what in
  flags) read -ra words <<< "$rest" && core_flags+=("${words[@]}") ;;
  sources) read -ra words <<< "$rest" && core+=("${words[@]/%/.c}") ;;
  kernels) kernels+=("$rest") ;;
  esac
done < src/targets.txt
core=("${core[@]/#/src/}")
core_flags+=(-Werror -Isrc)

# kernels_of PROCESSOR FOLDER COMPILER FLAG...: kernels.c for each instruction set that such a processor may have, into the
# folder; have becomes the definition that tells the rest of the core of them.
kernels_of() {
  local row name processor flags
  have=(-DFI_BUILT=)
  for row in "${kernels[@]}"; do
    read -r name processor flags <<< "$row"
    if [ "$processor" != any ] && [ "$processor" != "$1" ]; then continue; fi
    # shellcheck disable=SC2086
    "${@:3}" $flags -DFI_SIMD_HEADER="\"simd/$name.h\"" -c src/kernels.c -o "$2/$name.o" || return
    have[0]+="FI_KERNELS($name)"
  done
}

native_kernels() { kernels_of "$(uname -m)" "$work" "$@"; } # COMPILER FLAG...: into $work
