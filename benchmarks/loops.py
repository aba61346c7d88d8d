"""
What the kernels' hot loops consist of, and what simulated CPUs make of them: `python benchmarks/loops.py`.

Compiles src/kernels.c for an instruction set, as CMakeLists.txt does, and takes the longest innermost loop of some
kernels. Counts its instructions, and those that move vectors to or from the stack, and asks llvm-mca for each CPU's
cycles an element: the least that its ports and its front end allow, and what it simulates, which is pessimistic where
much is in flight. A model is no measurement, but it runs anywhere.

    python benchmarks/loops.py [--compiler COMPILER] [--kernels NAME] [--cpu CPU]... [FUNCTION]...

Needs objdump (for AArch64 aarch64-linux-gnu-objdump) and llvm-mca, best of LLVM 16 or later: an earlier one takes
some CPUs for others, and does not know all. Debian: binutils and llvm-19.
"""

import argparse
import platform
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))
from targets import kernel_commands, rows  # noqa: E402

FUNCTIONS = ("f32_bits", "f32_uniform", "f64_uniform", "f32_normal", "f64_normal", "f32_symmetric")
CPUS = {
    "avx512": ("skylake-avx512", "znver4"),
    "avx2": ("znver2", "znver3", "skylake", "alderlake"),
    "neon": ("neoverse-n1", "apple-m1"),
}


class Machine(NamedTuple):
    """How the instructions of an architecture read, as objdump writes them."""

    triple: str
    objdump: str
    jump: str  # a conditional one; group 1 is where to
    leave: str
    product: str  # of words of several blocks; group "register" says of how many, if not of two
    move: str  # between vectors and the stack


MACHINES = {
    "x86_64": Machine(
        triple="x86_64",
        objdump="objdump",
        jump=r"j(?!mp)\w+\s+([0-9a-f]+)",
        leave=r"ret|jmp",
        product=r"vpmuludq.*%(?P<register>[xyz])mm",
        move=r"v?mov(?!d\b|q\b)\w+\s.*\(%r[sb]p",
    ),
    "aarch64": Machine(
        triple="aarch64",
        objdump="aarch64-linux-gnu-objdump",
        jump=r"(?:b\.\w+\s+|cbn?z\s+\w+, |tbn?z\s+\w+, #\d+, )([0-9a-f]+)",
        leave=r"ret|b\s",
        product=r"umull",
        move=r"(?:st|ld)[rp1-4]\w*\s+\{?[qv]\d+.*\[sp",
    ),
}
BLOCKS = {"x": 2, "y": 4, "z": 8}


def compiled(compiler: list[str], name: str, folder: str) -> tuple[Path, Machine]:
    """The kernels of an instruction set, in a file, and for what."""
    commands = kernel_commands(compiler)
    if name not in commands:
        sys.exit(f"loops.py: {shlex.join(compiler)} does not compile for {name}")
    kernels = Path(folder, "kernels.o")
    subprocess.run([*commands[name], "-c", "src/kernels.c", "-o", str(kernels)], cwd=ROOT, check=True)
    return kernels, MACHINES[next(processor for of, processor, *_ in rows("kernels") if of == name)]


def functions(kernels: Path, machine: Machine) -> dict[str, list[tuple[int, str]]]:
    """The instructions of each function, with their addresses."""
    command = [machine.objdump, "-d", "--no-show-raw-insn", str(kernels)]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = {}
    for part in text.split("\n\n"):
        if head := re.search(r"^[0-9a-f]+ <([^>.]+)[^>]*>:", part, re.MULTILINE):
            rows = re.findall(r"^\s*([0-9a-f]+):\s+(\S.*)$", part, re.MULTILINE)
            found[head[1]] = [(int(address, 16), re.sub(r"\s+(?:# |//).*", "", row).strip()) for address, row in rows]
    return found


def hot_loop(rows: list[tuple[int, str]], machine: Machine) -> list[str]:
    """The longest innermost loop that multiplies; one that is left otherwise than at its end is none."""
    place = {address: i for i, (address, _) in enumerate(rows)}
    loops = []
    for i, (address, row) in enumerate(rows):
        jump = re.match(machine.jump, row)
        if jump and int(jump[1], 16) <= address and int(jump[1], 16) in place:
            loops.append([row for _, row in rows[place[int(jump[1], 16)] : i + 1]])
    loops = [loop for loop in loops if not any(re.match(machine.leave, row) for row in loop)]
    return max((loop for loop in loops if any(re.match(machine.product, row) for row in loop)), key=len)


def elements_of(name: str, loop: list[str], machine: Machine) -> int:
    """By the multiplications, of which a block takes 17: all that differ among the blocks of a stream."""
    products = sum(
        BLOCKS[product["register"]] if "register" in product.groupdict() else 2
        for row in loop
        if (product := re.match(machine.product, row))
    )
    return products // 17 * (4 if name.startswith("f32") else 2)


def cycles(loop: list[str], cpu: str, machine: Machine, mca: str) -> tuple[float, float]:
    """Of a turn: the least, and as simulated."""
    turns = 200
    rows = [row for row in loop if not re.match(r"nop|data16|cs |adrp", row) and not re.match(machine.jump, row)]
    text = "\n".join(re.sub(r"^(ldr\s+\w+), [0-9a-f]+ <.*", r"\1, [x0]", row) for row in rows)  # a constant
    command = [mca, f"-mtriple={machine.triple}", f"-mcpu={cpu}", f"-iterations={turns}"]
    said = subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout
    least, simulated = re.search(r"Block RThroughput:\s+([\d.]+)", said), re.search(r"Total Cycles:\s+(\d+)", said)
    assert least
    assert simulated
    return float(least[1]), int(simulated[1]) / turns


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--compiler", default="gcc", help="may have arguments: 'clang-19 --target=aarch64-linux-gnu'")
    default = "neon" if platform.machine() in ("aarch64", "arm64") else "avx2"
    parser.add_argument("--kernels", default=default, choices=CPUS, help="the instruction set (default: %(default)s)")
    parser.add_argument("--cpu", action="append", help="as llvm-mca calls it; several if given again")
    parser.add_argument("functions", nargs="*", default=FUNCTIONS, metavar="FUNCTION")
    options = parser.parse_args()
    mca = next((name for name in ("llvm-mca-22", "llvm-mca-19", "llvm-mca-16", "llvm-mca") if shutil.which(name)), None)
    if mca is None:
        sys.exit("loops.py: needs llvm-mca (Debian: llvm-19)")
    cpus = options.cpu or CPUS[options.kernels]
    with tempfile.TemporaryDirectory() as folder:
        kernels, machine = compiled(shlex.split(options.compiler), options.kernels, folder)
        found = functions(kernels, machine)
    print(f"| {options.kernels}, {options.compiler} | instructions an element | moves | {' | '.join(cpus)} |")
    print("|---" * (3 + len(cpus)) + "|")
    for name in options.functions:
        loop = hot_loop(found[name], machine)
        elements = elements_of(name, loop, machine)
        moves = sum(1 for row in loop if re.match(machine.move, row))
        row = [name, f"{len(loop) / elements:.2f}", f"{moves / len(loop):.0%}"]
        for cpu in cpus:
            least, simulated = cycles(loop, cpu, machine, mca)
            row.append(f"{least / elements:.2f} ({simulated / elements:.2f})")
        print(f"| {' | '.join(row)} |")


if __name__ == "__main__":
    main()
