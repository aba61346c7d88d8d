#!/usr/bin/env python3
"""
check_compile.py [--all] [--processes N]: every kernel of CUDA devices compiles to correctly rounded arithmetic.

Compiles as fastinit does on first use, by the NVRTC that is installed, without a GPU: every kernel that a fill can ask
for, for sm_75 and sm_90, and those of contiguous float32 and bfloat16 arrays for all other architectures from sm_75 on;
with --all, every kernel for all of them. Of each it checks

- that its PTX consists of instructions that are exact or round to nearest, none of them approximate or flushing
  subnormal numbers to zero, without calls and without local memory;
- that as many of each kind are there if NVRTC may contract: the source leaves nothing to contract (without --all: for
  sm_75 and sm_90);
- that its parameters have the sizes that the host's compiler gives the structures, in all at most 4 KiB;
- that it takes at most 96 registers, and spills none. SPILLS names the exception.

Prints a line for each architecture, and whatever is wrong. Needs cc, and the extra cuda or cuda12.
"""

import argparse
import collections
import multiprocessing
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests"))
from emulator import FLAGS, every_kernel  # noqa: E402
from gpu.ptx import Program  # noqa: E402

from fastinit.gpu.compiler import Compiler  # noqa: E402
from fastinit.gpu.kernels import Kernel  # noqa: E402

OLDEST = 75  # of CUDA 13; CUDA 12 knows older ones, which nothing here is promised for
EVERY_KERNEL_FOR = ("sm_75", "sm_90")
MOST_REGISTERS = 96  # with which two groups of 256 threads find room; most kernels take half as many
MOST_PARAMETERS = 4096  # bytes

# By the draw: bytes. ptxas keeps these within a number of registers with which more threads find room, and spills once
# a thread for it. Told that fewer threads will do, it takes more registers for the other kernels too.
SPILLS = {"TRUNCATED_TAIL": 16}

NUMBER = r"(f32|f64)"
WORD = r"([usb](8|16|32|64))"
EXACT = re.compile(
    "|".join(
        [
            rf"(add|sub|mul|fma|div|rcp|sqrt)\.rn\.{NUMBER}",
            rf"cvt\.rn\.{NUMBER}\.[us](32|64)",
            r"cvt\.rn\.(f16|f16x2|bf16|bf16x2)\.f32",
            r"cvt\.f32\.(f16|bf16)",
            rf"(neg|abs|mov|selp|setp\.[a-z]+)\.{NUMBER}",
            rf"(add|sub|mul\.(lo|hi|wide)|mad\.(lo|hi|wide)|min|max|neg|abs|shl|shr)\.{WORD}",
            rf"(and|or|xor|not|mov|selp|bfi|bfe|prmt|setp\.[a-z]+|shf\.[lr]\.(wrap|clamp)|lop3)\.({WORD}|pred)",
            rf"cvt\.{WORD}\.{WORD}",
            rf"(ld\.(param|global|global\.nc)|st\.global)(\.v[24])?\.({NUMBER}|{WORD})",
            r"cvta\.to\.global\.u64|bra(\.uni)?|ret",
        ]
    )
)
ARITHMETIC = re.compile(r"(add|sub|mul|fma|mad|div|rcp|sqrt|cvt|neg|abs)\..*f(16|32|64)")


Host = dict[tuple[str, str], list[tuple[int, int]]]  # sizes and alignments, by form and compute type


class Compiled(NamedTuple):
    """What became of a kernel."""

    kernel: Kernel
    architecture: str
    seconds: float
    registers: int
    spilled: int  # bytes
    wrong: list[str]


class Nvrtc:
    """cuda.bindings.nvrtc, which keeps a program's PTX and log; told to, it lets the compiler contract."""

    def __init__(self, contracts: bool) -> None:
        from cuda.bindings import nvrtc

        self._nvrtc, self._contracts = nvrtc, contracts
        self.ptx = self.log = ""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._nvrtc, name)

    def nvrtcCompileProgram(self, program: Any, count: int, options: list[bytes]) -> tuple[Any]:
        assert b"--fmad=false" in options
        if self._contracts:
            changes = {b"--fmad=false": b"--fmad=true", b"=sm_": b"=compute_"}  # to PTX and no further
            for old, new in changes.items():
                options = [option.replace(old, new) for option in options]
        else:
            options = [*options, b"--ptxas-options=-v"]
        result = self._nvrtc.nvrtcCompileProgram(program, len(options), options)
        self.log = self._text(program, "ProgramLog")
        if not result[0]:
            self.ptx = self._text(program, "PTX")
        return result

    def _text(self, program: Any, what: str) -> str:
        _, size = getattr(self._nvrtc, f"nvrtcGet{what}Size")(program)
        text = bytes(size)
        getattr(self._nvrtc, f"nvrtcGet{what}")(program, text)
        return text.rstrip(b"\0").decode()


def instructions(ptx: str) -> collections.Counter[str]:
    """How often each is there; an error if there is a line that the interpreter cannot read."""
    return collections.Counter(name for _, _, name, _ in Program(ptx).code)


def wrong_in_ptx(ptx: str) -> list[str]:
    """Instructions that are not known to be exact or correctly rounded, and whatever else kernels do not consist of."""
    try:
        return [f"the instruction {name}" for name in instructions(ptx) if not EXACT.fullmatch(name)]
    except NotImplementedError as line:
        return [f"the line {line}"]


def arithmetic(ptx: str) -> collections.Counter[str]:
    """How often each operation on floats is there."""
    return collections.Counter({name: n for name, n in instructions(ptx).items() if ARITHMETIC.match(name)})


def host_parameters() -> Host:
    """The structures that kernels take, by form and compute type, as this machine's compiler lays them out."""
    constants = {"range": "constants", "region": "constants", "blocks": "constants", "ranges": "constants_list"}
    structures = {
        (form, real): [
            f"fi_gpu_{form}" if form in ("range", "ranges") else "fi_gpu_region",
            *(["fi_gpu_streams"] if form == "blocks" else []),
            f"{real}_{last}",
        ]
        for form, last in constants.items()
        for real in ("f32", "f64")
    } | {("constant", "f32"): ["fi_gpu_region", "fi_gpu_value"]}
    names = sorted({name for those in structures.values() for name in those})
    prints = "".join(f'printf("{name} %zu %zu\\n", sizeof({name}), _Alignof({name}));' for name in names)
    with tempfile.TemporaryDirectory() as folder:
        source, program = Path(folder, "sizes.c"), Path(folder, "sizes")
        source.write_text(f'#include <stdio.h>\n#include "gpu/fill.cu"\nint main(void) {{ {prints} }}\n')
        flags = [flag for flag in FLAGS if flag != "-shared"]
        subprocess.run(["cc", *flags, "-Wno-unused", f"-I{ROOT / 'src'}", source, "-o", program, "-lm"], check=True)
        lines = subprocess.run([program], check=True, capture_output=True, text=True).stdout.splitlines()
    sizes = {name: (int(size), int(alignment)) for name, size, alignment in map(str.split, lines)}
    return {key: [sizes[name] for name in those] for key, those in structures.items()}


def wrong_parameters(kernel: Kernel, ptx: str, host: Host) -> list[str]:
    given = list(Program(ptx).parameters.values())
    expected = host[kernel.form, "f64" if kernel.dtype in ("FLOAT64", "UINT64") else "f32"]
    total = sum(size for size, _ in given)
    return [
        *([f"parameters of {given} bytes and alignments, of the host {expected}"] if given != expected else []),
        *([f"{total} bytes of parameters"] if total > MOST_PARAMETERS else []),
    ]


def read_log(kernel: Kernel, log: str) -> tuple[int, int, list[str]]:
    """What ptxas says of a kernel: registers, bytes of spilled ones, and what is wrong with that."""
    registers = re.search(r"Used (\d+) registers", log)
    memory = re.search(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads", log)
    if not registers or not memory:
        return 0, 0, [f"nothing about its registers in NVRTC's log: {log}"]
    used, (stack, stored, loaded) = int(registers[1]), [int(number) for number in memory.groups()]
    wrong = []
    if max(stack, stored, loaded) > SPILLS.get(kernel.draw, 0):
        wrong.append(f"{stack} bytes of stack, {stored} and {loaded} bytes of registers spilled and loaded again")
    if used > MOST_REGISTERS:
        wrong.append(f"{used} registers")
    return used, stored, wrong


def compiled(
    kernel: Kernel, architecture: str, host: Host, contracts: bool = True, sources: dict[str, str] | None = None
) -> Compiled:
    """Compiles a kernel of the package's sources, or of these, and says what is wrong with it."""
    began = time.process_time()
    api = Nvrtc(contracts=False)
    Compiler(sources, api=api).compile(kernel, architecture)
    ptx, log = api.ptx, api.log
    wrong = wrong_in_ptx(ptx)
    if any(text.startswith("the line") for text in wrong):
        return Compiled(kernel, architecture, time.process_time() - began, 0, 0, wrong)
    wrong += wrong_parameters(kernel, ptx, host)
    if contracts:
        contracting = Nvrtc(contracts=True)
        Compiler(sources, api=contracting).compile(kernel, architecture)
        if arithmetic(contracting.ptx) != arithmetic(ptx):
            wrong.append("something that may be contracted")
    registers, spilled, wrong_in_it = read_log(kernel, log)
    return Compiled(kernel, architecture, time.process_time() - began, registers, spilled, wrong + wrong_in_it)


def _compiled(job: tuple[Kernel, str, Host, bool]) -> Compiled:
    return compiled(*job)


def jobs(architectures: list[str], everything: bool) -> list[tuple[Kernel, str]]:
    """What to compile, and for what."""
    return [
        (kernel, architecture)
        for architecture in architectures
        for kernel in every_kernel()
        if everything
        or architecture in EVERY_KERNEL_FOR
        or (kernel.form == "range" and kernel.dtype in ("FLOAT32", "BFLOAT16"))
    ]


def report(architecture: str, those: list[Compiled]) -> None:
    most: dict[str, int] = {}
    for one in those:
        kind = "constants" if one.kernel.form == "constant" else one.kernel.dtype.lower()
        most[kind] = max(most.get(kind, 0), one.registers)
    registers = ", ".join(f"{kind} {number}" for kind, number in most.items())
    spilling = [f"{one.kernel.name} ({one.spilled} bytes)" for one in those if one.spilled]
    print(
        f"{architecture:7} {len(those):4} kernels {sum(one.seconds for one in those):6.1f} s, registers: {registers}"
        + (f"; spilling: {', '.join(spilling)}" if spilling else ""),
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--all", action="store_true", help="every kernel for every architecture")
    parser.add_argument("--processes", type=int, default=os.cpu_count(), help="how many compile at a time")
    options = parser.parse_args()
    compiler = Compiler()
    architectures = [name for name in compiler.architectures() if int(name.removeprefix("sm_")) >= OLDEST]
    print(f"NVRTC {compiler.version()}", flush=True)
    host = host_parameters()
    work = [
        (kernel, architecture, host, options.all or architecture in EVERY_KERNEL_FOR)
        for kernel, architecture in jobs(architectures, options.all)
    ]
    finished: dict[str, list[Compiled]] = collections.defaultdict(list)
    wrong = 0
    with multiprocessing.get_context("spawn").Pool(options.processes) as pool:
        for one in pool.imap(_compiled, work, chunksize=4):
            for text in one.wrong:
                wrong += 1
                print(f"WRONG   {one.kernel.name} for {one.architecture} has {text}", flush=True)
            finished[one.architecture].append(one)
    for architecture, those in finished.items():
        report(architecture, those)
    if wrong or not finished:
        sys.exit(1)


if __name__ == "__main__":
    main()
