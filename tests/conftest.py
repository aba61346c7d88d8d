"""What the tests share: every draw in every dtype, arrays of any layout, Pythons of their own."""

import contextlib
import functools
import importlib.util
import math
import os
import platform
import subprocess
import sys
import threading
from pathlib import Path
from typing import NamedTuple

# Before NumPy is there. Its threads would wait for each other and for whatever else the machine does.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import ml_dtypes
import numpy as np
import pytest
import reference
from emulator import device, library
from hypothesis import settings

import fastinit
from fastinit import _core

settings.register_profile("fastinit", deadline=None)  # a busy machine may stop any example for a second
settings.load_profile("fastinit")

with contextlib.suppress(ImportError):  # on Windows
    import resource

    # A mistake in what writes checkpoints is to fail a test, not to fill the disk. The slow tests write 4.3 GiB.
    if resource.getrlimit(resource.RLIMIT_FSIZE) == (resource.RLIM_INFINITY,) * 2:
        resource.setrlimit(resource.RLIMIT_FSIZE, (6 << 30, resource.RLIM_INFINITY))

__all__ = ["device", "library"]  # fixtures

ROOT = Path(__file__).parent.parent
KERNELS = _core.available_kernels()
FLOATS = tuple(np.dtype(dtype) for dtype in ("f4", "f8", "f2", ml_dtypes.bfloat16))


def fresh_python(code, *arguments, timeout=60, **environment):
    """Runs the code in a Python of its own, to its end, whatever that is."""
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        timeout=timeout,
        env={**os.environ, **environment},
        check=False,
    )


def printed_by(code, *arguments, **environment):
    """The words that the code prints in a Python of its own, which must end well."""
    run = fresh_python(code, *arguments, **environment)
    assert run.returncode == 0, run.stderr
    return run.stdout.split()


def in_threads(work, count):
    """Calls work() in that many threads at once, and waits for them."""
    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


ROUNDING_MODES = {"x86_64": (0x400, 0x800, 0xC00), "aarch64": (0x400000, 0x800000, 0xC00000)}
GLIBC = platform.libc_ver()[0] == "glibc"
sets_rounding = pytest.mark.skipif(
    not GLIBC or platform.machine() not in ROUNDING_MODES, reason="fesetround is tested with glibc only"
)


def same(a, b):
    """Whether two arrays are of one shape and dtype, and equal bit for bit."""
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


def program_at(*path):
    """The program of the repository at that place, as a module."""
    spec = importlib.util.spec_from_file_location(path[-1].removesuffix(".py"), ROOT.joinpath(*path))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Fill(NamedTuple):
    draw: str
    dtype: np.dtype
    bounds: tuple | None = None  # of the truncated normal

    def __str__(self):
        return "-".join(str(part) for part in self if part is not None)


# Every draw and dtype that a fill can be asked for, with bounds for each form of the truncated normal; the central form
# has kernels of its own for symmetric bounds. 16-bit values are float32's, rounded, so there one form stands for all.
FILLS = [
    Fill("bits", np.dtype("uint32")),
    Fill("bits", np.dtype("uint64")),
    *(Fill(draw, dtype) for draw in ("uniform", "normal") for dtype in FLOATS),
    Fill("normal", np.dtype("c8")),
    *(
        Fill("truncated_normal", dtype, bounds)
        for bounds in ((-2.0, 2.0), (-0.5, 1.5), (-0.75, math.inf), (-math.inf, -1.5))
        for dtype in FLOATS[: 2 if bounds[0] != -2 else 4]
    ),
]


@pytest.fixture
def g():
    return fastinit.Generator(7)


@pytest.fixture(params=KERNELS)
def kernels(request):
    return request.param


@pytest.fixture(params=FILLS, ids=str)
def fill(request):
    return request.param


@pytest.fixture(scope="session")
def lazy_device():
    """PyTorch's lazy tensors: a device other than the CPU that every build has."""
    backend = pytest.importorskip("torch._lazy.ts_backend")
    backend.init()
    return "lazy"


# ---- Arrays of any layout --------------------------------------------------------------------------------------------

SEED, STREAM = 0x0123456789ABCDEF, 2**63 + 0x1122334455667788
SCALE = -0.25, 0.5  # low and high, or mean and std
MARGIN = 64  # bytes before and after an array


class Layout(NamedTuple):
    """Where the elements of an array lie: strides in bytes, and how far from an aligned place the whole begins."""

    shape: tuple
    strides: tuple
    lead: int = 0

    def in_memory(self, dtype):
        """Bytes of known content, and an array over a part of them."""
        axes = zip(self.shape, self.strides, strict=True) if all(self.shape) else ()
        reach = [(n - 1) * stride for n, stride in axes]
        start = MARGIN + self.lead - sum(r for r in reach if r < 0)
        end = start + sum(r for r in reach if r > 0) + np.dtype(dtype).itemsize + MARGIN
        memory = (np.arange(end // 8 + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)).view(np.uint8)
        return memory, np.ndarray(self.shape, dtype, memory, start, self.strides)


def dense(shape, unit, order=None, steps=None, lead=0):
    """The layout whose axes follow each other in memory in that order, each steps[axis] places apart, of unit bytes."""
    strides = [0] * len(shape)
    for axis in reversed(range(len(shape)) if order is None else order):
        step = 1 if steps is None else steps[axis]
        strides[axis] = unit * step
        unit *= abs(step) * max(shape[axis], 1)
    return Layout(tuple(shape), tuple(strides), lead)


@functools.cache
def standard_values(draw, compute_dtype, bounds, first, count):
    values = reference.fill(draw, np.empty(count, compute_dtype), first, SEED, STREAM, *SCALE, False, bounds)
    values.flags.writeable = False
    return values


def reference_values(fill, first, count):
    """The contract's elements first .. first + count - 1 in the compute type, in which they are added."""
    compute_dtype = np.dtype("f4") if fill.dtype.itemsize == 2 else fill.dtype  # complex: that of the parts, in pairs
    return standard_values(fill.draw, compute_dtype, fill.bounds, first, count)


def check_fill(kernels, fill, layout, values, accumulate=False, **block):
    """Checks that a fill leaves these values, in C order, in an array of that layout and changes no byte around it."""
    memory, out = layout.in_memory(fill.dtype)
    expected_memory, expected = layout.in_memory(fill.dtype)
    values = values.reshape(layout.shape)
    if accumulate:
        out[...] = np.linspace(-2, 2, out.size).reshape(out.shape)
        values = out.astype(values.dtype) + values
    expected[...] = values.astype(fill.dtype)
    _core.fill_range(kernels, fill.draw, out, 0, SEED, STREAM, *SCALE, accumulate, fill.bounds, **block)
    assert np.array_equal(memory, expected_memory)
