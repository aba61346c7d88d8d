"""
Instructions an element of the GPU's kernels, from their machine code: what NVRTC makes of a range's way without checks.

    python benchmarks/gpu_loops.py [ARCHITECTURE...]

Needs the extra `cuda` and nvdisasm, of the package nvidia-cuda-nvdisasm or of a CUDA toolkit, and no GPU.
"""

import collections
import importlib.util
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from fastinit.gpu.compiler import Compiler
from fastinit.gpu.kernels import Kernel

FILLS = (
    ("UNIFORM", "FLOAT32"),
    ("NORMAL", "FLOAT32"),
    ("TRUNCATED_SYMMETRIC", "FLOAT32"),
    ("UNIFORM", "BFLOAT16"),
    ("NORMAL", "BFLOAT16"),
    ("UNIFORM", "FLOAT64"),
    ("NORMAL", "FLOAT64"),
)
BYTES = {"FLOAT32": 4, "BFLOAT16": 2, "FLOAT64": 8}
# Which part of a multiprocessor works on them; the uniform ones are once for all threads of a warp.
UNITS = {
    "integers, moves": r"LOP3|SHF|ISETP|FSEL|FSETP|IADD3|VIADD|LEA|PRMT|SEL|V?IMNMX|I2FP|MOV$|F2FP|PLOP",
    "multiply": r"FFMA|FMUL|FADD|IMAD|HFMA2",
    "double": r"D[A-Z]",
    "uniform": r"U[A-Z]|R2UR",
    "others": r"",
}


def disassembler():
    found = shutil.which("nvdisasm")
    package = importlib.util.find_spec("nvidia")
    for folder in package.submodule_search_locations if package else ():
        found = found or next(map(str, Path(folder).glob("*/bin/nvdisasm")), None)
    return found or sys.exit("gpu_loops.py: there is no nvdisasm; pip install nvidia-cuda-nvdisasm")


def instructions(image, program):
    """(predicate, opcode, operands) of each, and which of them each label stands before."""
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(image)
        file.flush()
        text = subprocess.run([program, "-c", file.name], capture_output=True, text=True, check=True).stdout
    found, labels = [], {}
    for line in text[text.index(".text.fastinit") :].splitlines():
        label = re.match(r"(\.L_\w+):", line)
        code = re.match(r"\s*/\*[0-9a-f]{4,}\*/\s+(@!?U?P\w+\s+)?([A-Z][\w.]*)(.*?);", line)
        if label:
            labels[label[1]] = len(found)
        if code:
            found.append(code.groups())
    return found, labels


def straight_way(code, labels):
    """The opcodes on the way on which all packs are within the range, and no square root is of a rare number."""
    at, way = 0, []
    while True:
        predicate, opcode, operands = code[at]
        way.append(opcode)
        if opcode == "EXIT" and not predicate:
            return way
        at += 1
        if opcode.startswith("BRA"):
            to = labels[re.search(r"`\((\.L_\w+)\)", operands)[1]]
            skips_call = any(each[1].startswith("CALL") for each in code[at:to])
            if not predicate or (skips_call and to - at < 30):
                at = to


def main(architectures):
    compiler, program = Compiler(), disassembler()
    print(f"NVRTC {compiler.version()}; instructions an element")
    print(f"{'':34}{'all':>7}", *(f"{unit:>16}" for unit in UNITS))
    for architecture in architectures or ("sm_90",):
        for draw, dtype in FILLS:
            image = compiler.compile(Kernel("range", draw, dtype, False), architecture)
            way = straight_way(*instructions(image, program))
            elements = way.count("STG.E.128") * 16 // BYTES[dtype]
            counts = collections.Counter(
                next(unit for unit, opcodes in UNITS.items() if re.match(opcodes, opcode)) for opcode in way
            )
            parts = (f"{counts[unit] / elements:16.1f}" for unit in UNITS)
            print(f"{architecture} {draw.lower()} {dtype.lower():10}".ljust(34) + f"{len(way) / elements:7.1f}", *parts)


if __name__ == "__main__":
    main(sys.argv[1:])
