"""
What a fill of 64 elements costs from Cython, Numba, Python and within a large one: `python benchmarks/c_interface.py`.

Adds noise to the rows of a matrix by examples/extension, which is built for it (needs setuptools, Cython and a C
compiler), by compiled code of Numba's, if it is installed, and by Python's functions. One thread, interleaved in one
run.
"""

import importlib.util
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from types import ModuleType
from typing import Any

import numpy as np

import fastinit
from fastinit import capi
from fastinit.bench import environment, measure

EXAMPLE = Path(__file__).parent.parent / "examples" / "extension"
EFFORT = measure.Effort(rounds=25, batch_seconds=5e-3, case_seconds=20)
ROWS, COLUMNS = 4096, 64
WAYS = {
    "Cython: fill_range, row by row": "add_noise(w, 0.1, 7, 3, 0, len(w))",
    "Python: normal, row by row": "for row in w: g.normal(row, 0.0, 0.1, stream=3, accumulate=True)",
    "Python: normal, all rows": "g.normal(w, 0.0, 0.1, stream=3, accumulate=True)",
}
BY_NUMBA = {
    "Numba: normal, row by row": "by_normal(w)",
    "Numba: a prepared fill, row by row": "by_prepared(w)",
    "Numba: normal, streams=range(len(w))": "by_streams(w)",
    "Numba: capi.normal by ctypes, row by row": "by_ctypes(w)",
    "ctypes: capi.normal, row by row": "for row in w: by_capi(row)",
}


def compiled() -> dict[str, Any]:
    """The functions of BY_NUMBA, once called."""
    import numba

    from fastinit import numba as jit

    c_normal, number = capi.normal, capi.FASTINIT_FLOAT32
    fill, normal, prepare = jit.fill, jit.normal, jit.prepare

    def by_normal(w):
        for i in range(w.shape[0]):
            normal(w[i], 0.0, 0.1, seed=7, stream=3, accumulate=True)

    def by_prepared(w):
        prepared = prepare(normal, np.float32, 0.0, 0.1)
        for i in range(w.shape[0]):
            fill(w[i], prepared, seed=7, stream=3, accumulate=True)

    def by_streams(w):
        normal(w, 0.0, 0.1, seed=7, streams=range(w.shape[0]), accumulate=True)

    def by_ctypes(w):
        for i in range(w.shape[0]):
            c_normal(w[i].ctypes, w.shape[1], number, 0.0, 0.1, 7, 3, 0, 1)

    functions = {each.__name__: numba.njit(each) for each in (by_normal, by_prepared, by_streams, by_ctypes)}
    for each in functions.values():
        each(np.zeros((2, COLUMNS), np.float32))

    def by_capi(row):
        c_normal(row.ctypes.data, row.size, number, 0.0, 0.1, 7, 3, 0, 1)

    return {**functions, "by_capi": by_capi}


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
    ways = dict(WAYS)
    if importlib.util.find_spec("numba") is not None:
        names |= compiled()
        ways |= BY_NUMBA
    with measure.pinned(environment.cpu_for_one_thread()):
        seconds = measure.interleaved(ways, names, EFFORT)
    first = next(iter(ways))
    print(f"fastinit {fastinit.__version__} ({fastinit.simd}): float32, {ROWS} rows of {COLUMNS}, w += 0.1 z")
    for way in ways:
        ratio = median(b / a for a, b in zip(seconds[first], seconds[way], strict=True))
        print(f"{way:40} {median(seconds[way]) * 1e9 / ROWS:6.1f} ns a row  {ratio:5.2f} x")


if __name__ == "__main__":
    main()
