"""
What a fill of 64 elements costs from Cython, from Python and within a large one: `python benchmarks/c_interface.py`.

Adds noise to the rows of a matrix by examples/extension, which is built for it (needs setuptools, Cython and a C
compiler), and by Python's functions. One thread, interleaved in one run.
"""

import importlib.util
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from types import ModuleType

import numpy as np

import fastinit
from fastinit.bench import environment, measure

EXAMPLE = Path(__file__).parent.parent / "examples" / "extension"
EFFORT = measure.Effort(rounds=25, batch_seconds=5e-3, case_seconds=20)
ROWS, COLUMNS = 4096, 64
WAYS = {
    "Cython: fill_range, row by row": "add_noise(w, 0.1, 7, 3, 0, len(w))",
    "Python: normal, row by row": "for row in w: g.normal(row, 0.0, 0.1, stream=3, accumulate=True)",
    "Python: normal, all rows": "g.normal(w, 0.0, 0.1, stream=3, accumulate=True)",
}


def built(name: str) -> ModuleType:
    """A module of the example."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(EXAMPLE, folder, dirs_exist_ok=True)
        command = [sys.executable, "-P", "setup.py", "-q", "build_ext", "--inplace"]
        subprocess.run(command, cwd=folder, check=True)
        (file,) = [file for file in Path(folder).glob(f"{name}.*") if file.suffix in (".so", ".pyd")]
        spec = importlib.util.spec_from_file_location(name, file)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return module


def main() -> None:
    fastinit.set_num_threads(1)
    names = {
        "add_noise": built("noise").add_noise,
        "g": fastinit.Generator(7),
        "w": np.zeros((ROWS, COLUMNS), np.float32),
    }
    with measure.pinned(environment.cpu_for_one_thread()):
        seconds = measure.interleaved(WAYS, names, EFFORT)
    first = next(iter(WAYS))
    print(f"fastinit {fastinit.__version__} ({fastinit.simd}): float32, {ROWS} rows of {COLUMNS}, w += 0.1 z")
    for way in WAYS:
        ratio = median(b / a for a, b in zip(seconds[first], seconds[way], strict=True))
        print(f"{way:32} {median(seconds[way]) * 1e9 / ROWS:6.1f} ns a row  {ratio:5.2f} x")


if __name__ == "__main__":
    main()
