"""
Kernels of one contiguous range with other numbers of packs a thread and threads a group, in turns:
`python tests/gpu/tune.py [--dry] [--seconds N] [--json FILE]`.

Each variant is this package's source with other constants, whose values are compared with the CPU's before it is timed.
"""

import argparse
import itertools
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parent.parent.parent / "benchmarks"))

import devices
import numpy as np
import torch
from devices import bytes_of

import fastinit
import gpu
from fastinit.bench.results import Spread
from fastinit.gpu import launch
from fastinit.gpu.compiler import package_sources
from fastinit.gpu.kernels import THREADS

PACKS = 2  # FI_GPU_PACKS of gpu/launch.h
HEADER = "gpu/launch.h"
VARIANTS = tuple(itertools.product((1, 2, 4), (128, 256, 512)))
FILLS = (
    ("normal", torch.float32, {}),
    ("uniform", torch.float32, {}),
    ("uniform", torch.bfloat16, {}),
    ("normal", torch.bfloat16, {}),
    ("normal", torch.float32, {"accumulate": True}),
    ("normal", torch.float64, {}),
    ("truncated_normal", torch.float32, {}),
)


def replaced(text, before, after):
    """The text with one definition changed, which must be there."""
    if text.count(before) != 1:
        raise ValueError(f"{HEADER} has {text.count(before)} times {before!r}; accepted is once")
    return text.replace(before, after)


class Tuned:
    """A driver that launches as many groups as a range needs whose groups are of another size."""

    def __init__(self, driver, packs, threads):
        self._driver, self._packs, self._threads = driver, packs, threads

    def __getattr__(self, name):
        return getattr(self._driver, name)

    def launch(self, device, function, groups, threads, stream, parameters):
        packs = groups * THREADS * PACKS
        enough = -(-packs // (self._threads * self._packs))
        self._driver.launch(device, function, enough, self._threads, stream, parameters)


class Variant:
    """The kernels with so many packs a thread and threads a group."""

    def __init__(self, device, packs, threads):
        sources = package_sources()
        header = replaced(sources[HEADER], f"FI_GPU_PACKS = {PACKS},", f"FI_GPU_PACKS = {packs},")
        sources[HEADER] = replaced(header, f"FI_GPU_THREADS = {THREADS},", f"FI_GPU_THREADS = {threads},")
        compiled = PACKS if device.dry else packs  # a stand-in's kernels are those of the tests
        self._programs = launch._Programs(Tuned(device.driver(), compiled, threads), device.compiler(sources))

    def __call__(self, fill):
        before, launch._programs = launch._programs, self._programs
        try:
            fill()
        finally:
            launch._programs = before


def differs(device, variant, draw, dtype, keywords):
    """Whether a variant writes other values than the CPU, in an array that ends amid a group."""
    count = 5003 if device.dry else (1 << 22) + 5003
    w = device.zeros(count, dtype)
    variant(lambda: getattr(fastinit.Generator(7), draw)(w, 0.0, 0.05, stream=1, **keywords))
    device.synchronize()
    right = np.zeros(count, devices.numpy_dtype(dtype))
    getattr(fastinit.Generator(7), draw)(right, 0.0, 0.05, stream=1, **keywords)
    return not np.array_equal(bytes_of(w), right.view(np.uint8))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dry", action="store_true", help="on a stand-in, where there is no GPU")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    device = devices.chosen(options.dry)
    bench = gpu.Bench(device, 7, 1e-6 if options.dry else 1e-3)
    elements, wrong, table = (1 << 12) if options.dry else (1 << 28), [], {}
    print(f"device: {device.name} ({device.versions}); median GB/s written, by packs a thread x threads a group")
    with device.used():
        variants = {f"{packs} x {threads}": Variant(device, packs, threads) for packs, threads in VARIANTS}
        for draw, dtype, keywords in FILLS:
            name = f"{'w += ' if keywords else ''}{draw} {dtype}"
            for label, variant in variants.items():
                if differs(device, variant, draw, dtype, keywords):
                    wrong.append(f"{name}, {label}")
                    print("DIFFERS", wrong[-1], flush=True)

            def sides(bench, case, draw=draw, dtype=dtype, keywords=keywords):
                w = device.zeros(elements, dtype)
                g = fastinit.Generator(7)
                method = getattr(g, draw)
                fill = lambda: method(w, 0.0, 0.05, **keywords)  # noqa: E731
                every = {label: gpu.Side(lambda variant=variant: variant(fill)) for label, variant in variants.items()}
                return {**every, gpu.MEMSET: gpu.Side(device.memset_of(w))}

            times = bench.time(gpu.Case("tune", draw, str(dtype).removeprefix("torch."), elements, sides))
            size = elements * dtype.itemsize * 1e-9
            table[name] = {label: round(size / Spread.of(seconds).median, 1) for label, seconds in times.items()}
            speeds = (f"{label}: {speed:.0f}" for label, speed in table[name].items())
            print(f"{name:30}", *speeds, sep="  ", flush=True)
            device.release()
            if options.json is not None:
                options.json.write_text(json.dumps({"device": device.name, "GB/s": table}, indent=1) + "\n")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
