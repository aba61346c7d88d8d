"""How src/kernels.c is compiled, by src/targets.txt, as CMakeLists.txt does: for scripts that compile it themselves."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ROWS = [line.split() for line in (ROOT / "src/targets.txt").read_text(encoding="utf-8").splitlines()]


def rows(what: str) -> list[list[str]]:
    """The rows that begin with a word, without it."""
    return [words for first, *words in filter(None, ROWS) if first == what]


def macros_of(compiler: list[str]) -> set[str]:
    """The names that the compiler predefines: which it is, and what it compiles for."""
    run = subprocess.run([*compiler, "-dM", "-E", "-x", "c", os.devnull], capture_output=True, text=True, check=False)
    if run.returncode:
        sys.exit(f"{Path(sys.argv[0]).name}: {shlex.join(compiler)} preprocesses nothing: {run.stderr.strip()}")
    return set(re.findall(r"^#define (\w+)", run.stdout, re.MULTILINE))


def kernel_commands(compiler: list[str]) -> dict[str, list[str]]:
    """Of each instruction set that the compiler compiles for, the command, less what it reads and writes."""
    macros = macros_of(compiler)
    shared = [
        "-std=c11",
        "-O3",
        "-DNDEBUG",
        "-fPIC",
        "-fvisibility=hidden",
        *(flag for row in rows("flags") for flag in row),
    ]
    besides = [] if "__clang__" in macros else rows("gcc")
    commands = {}
    for name, processor, *flags in rows("kernels"):
        if processor == "any" or f"__{processor}__" in macros:
            more = [flag for of, *extra in besides if of in ("any", name) for flag in extra]
            commands[name] = [*compiler, *shared, *flags, *more, f'-DFI_SIMD_HEADER="simd/{name}.h"']
    return commands
