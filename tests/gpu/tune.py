"""
Kernels of one contiguous range with other constants, in turns: packs a thread, pairs side by side, threads a group, a
square root without a branch. `python tests/gpu/tune.py [--dry] [--seconds N] [--json FILE]`.

Each variant is this package's source with other constants, whose values are compared with the CPU's before it is timed.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parent.parent.parent / "benchmarks"))

import devices
import gpu_fills
import numpy as np
import torch
from devices import bytes_of

import fastinit
from fastinit.bench.results import Spread
from fastinit.gpu import launch
from fastinit.gpu.compiler import package_sources
from fastinit.gpu.kernels import THREADS

PACKS, PAIRS = 4, 4  # FI_GPU_PACKS, FI_GPU_PAIRS of gpu/launch.h
SQUARE_ROOT = "LANE float f32_sqrt(float a) { return __fsqrt_rn(a); }"
# What __fsqrt_rn compiles to for numbers of 2^-101 and more, as those of fills are, without the branch to the others.
BRANCHLESS = """LANE float f32_sqrt(float a) {
    float r;
    asm("rsqrt.approx.ftz.f32 %0, %1;" : "=f"(r) : "f"(a));
    const float g = __fmul_rn(a, r), h = __fmul_rn(r, 0.5f);
    return __fmaf_rn(__fmaf_rn(-g, g, a), h, g);
}"""


class Constants(NamedTuple):
    packs: int = PACKS
    pairs: int = PAIRS
    threads: int = THREADS
    branchless: bool = False

    def __str__(self):
        root = " branchless" if self.branchless else ""
        return f"{self.packs} packs {self.pairs} pairs {self.threads} threads{root}"


VARIANTS = (
    Constants(),
    *(Constants(packs=packs) for packs in (1, 2, 8)),
    *(Constants(pairs=pairs) for pairs in (2, 8)),
    *(Constants(threads=threads) for threads in (128, 512)),
    Constants(branchless=True),
    Constants(packs=8, branchless=True),
)
FILLS = (
    ("normal", torch.float32, {}),
    ("uniform", torch.float32, {}),
    ("uniform", torch.bfloat16, {}),
    ("normal", torch.bfloat16, {}),
    ("normal", torch.float32, {"accumulate": True}),
    ("normal", torch.float64, {}),
    ("truncated_normal", torch.float32, {}),
)


def replace(sources, name, before, after):
    """Changes one definition of a file, which must be there."""
    count = sources[name].count(before)
    if count != 1:
        raise ValueError(f"{name} has {count} times {before!r}; accepted is once")
    sources[name] = sources[name].replace(before, after)


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
    """The kernels with other constants."""

    def __init__(self, device, constants):
        sources = package_sources()
        for name, before, after in (
            ("PACKS", PACKS, constants.packs),
            ("PAIRS", PAIRS, constants.pairs),
            ("THREADS", THREADS, constants.threads),
        ):
            replace(sources, "gpu/launch.h", f"FI_GPU_{name} = {before},", f"FI_GPU_{name} = {after},")
        if constants.branchless:
            replace(sources, "gpu/lanes.h", SQUARE_ROOT, BRANCHLESS)
        packs = PACKS if device.dry else constants.packs  # a stand-in's kernels are those of the tests
        self._programs = launch._Programs(Tuned(device.driver(), packs, constants.threads), device.compiler(sources))

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
    bench = gpu_fills.Bench(device, 7, 1e-6 if options.dry else 1e-3)
    elements, wrong, table = (1 << 12) if options.dry else (1 << 28), [], {}
    print(f"device: {device.name} ({device.versions}); median GB/s written, by the constants of the kernels")
    with device.used():
        variants = {str(constants): Variant(device, constants) for constants in VARIANTS}
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
                every = {
                    label: gpu_fills.Side(lambda variant=variant: variant(fill)) for label, variant in variants.items()
                }
                return {**every, gpu_fills.MEMSET: gpu_fills.Side(device.memset_of(w))}

            times = bench.time(gpu_fills.Case("tune", draw, str(dtype).removeprefix("torch."), elements, sides))
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
