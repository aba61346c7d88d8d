#!/usr/bin/env python3
"""
check_compile.py [--seconds S] [COMPILER...]: the kernels of every instruction set compile in little time and memory.

Compiles src/kernels.c, as CMakeLists.txt does, once for each instruction set of src/targets.txt that each compiler can
target, and prints the CPU time and the largest memory of it. Fails where one takes more than 0.5 GB or S seconds, 30
unless told otherwise: what compilers should stay below is 10, on a machine of its own.

A COMPILER may have arguments, as "clang --target=aarch64-linux-gnu". Without any: gcc, every clang and clang-N that is
there, these for AArch64 too, and AArch64's own GCC. Debian: the packages clang-N, gcc-aarch64-linux-gnu and
libc6-dev-arm64-cross.
"""

import argparse
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tools"))
from targets import kernel_commands, rows  # noqa: E402

MOST_MB = 500
# Where a compiler is stopped. Addresses are not yet memory, and libraries of hundreds of MB are among them.
MOST_ADDRESSES = 2 << 30
ELSEWHERE = "--target=aarch64-linux-gnu"


class Job(NamedTuple):
    """A compiler, an instruction set, and the arguments that compile it."""

    compiler: str
    kernel: str
    command: list[str]


def found_compilers() -> list[str]:
    """Those that the docstring names."""
    numbered = {
        path.name
        for folder in os.get_exec_path()
        if Path(folder).is_dir()
        for path in Path(folder).iterdir()
        if re.fullmatch(r"clang-\d+", path.name)
    }
    clangs = [name for name in ("clang", *sorted(numbered, key=lambda name: int(name[6:]))) if shutil.which(name)]
    cross = [name for name in ("aarch64-linux-gnu-gcc",) if shutil.which(name)]
    return ["gcc", *cross, *clangs, *(f"{name} {ELSEWHERE}" for name in clangs if cross)]


def jobs_of(compiler: str) -> list[Job]:
    words = shlex.split(compiler)
    portable = {name for name, processor, *_ in rows("kernels") if processor == "any"}
    left_out = portable if words[-1] == ELSEWHERE else set()
    return [Job(compiler, name, command) for name, command in kernel_commands(words).items() if name not in left_out]


def measure(job: Job, seconds: float) -> tuple[float, float, str]:
    """The CPU time in seconds, the memory in MB, and what the compiler says if it fails."""
    limited = f'ulimit -v {MOST_ADDRESSES >> 10} && ulimit -t {int(seconds) + 1} && exec "$@"'
    with tempfile.TemporaryDirectory() as folder, open(Path(folder, "said"), "w+", encoding="utf-8") as said:
        command = ["sh", "-c", limited, "sh", *job.command, "-c", "src/kernels.c", "-o", str(Path(folder, "kernels.o"))]
        # A compiler that crashes leaves files.
        process = subprocess.Popen(command, cwd=ROOT, stderr=said, env={**os.environ, "TMPDIR": folder})
        _, status, usage = os.wait4(process.pid, 0)  # with all that the compiler starts and waits for
        process.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        errors = [line.strip() for line in said if re.search("error|killed", line, re.IGNORECASE)]
    message = "" if process.returncode == 0 else errors[0] if errors else f"ends with status {process.returncode}"
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024 / 1e6, message


def report(job: Job, seconds: float, taken: float, megabytes: float, message: str) -> bool:
    wrong = [
        *([message] if message else []),
        *([f"more than {seconds:g} s"] if taken > seconds else []),
        *([f"more than {MOST_MB} MB"] if megabytes > MOST_MB else []),
    ]
    row = f"{job.compiler:36} {job.kernel:10} {taken:6.1f} s {megabytes:6.0f} MB"
    print(f"TOO MUCH   {row}: {', '.join(wrong)}" if wrong else f"compiled   {row}", flush=True)
    return not wrong


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=30.0, help="the most CPU time of one instruction set")
    parser.add_argument("compilers", nargs="*", metavar="COMPILER")
    options = parser.parse_args()
    jobs = [job for compiler in options.compilers or found_compilers() for job in jobs_of(compiler)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        measured = pool.map(lambda job: measure(job, options.seconds), jobs)
        fine = [report(job, options.seconds, *result) for job, result in zip(jobs, measured, strict=True)]
    if not fine or not all(fine):
        sys.exit(1)


if __name__ == "__main__":
    main()
