"""
Whether a GPU writes the CPU's bits: `python tests/gpu/check_bits.py [--dry] [--seconds N] [PART...]`.

Each part prints what it compared and every difference; one that differs or fails ends none of the others, and makes the
exit status 1. A part that cannot be run here says why. --dry runs all of it, small, on a machine without a GPU.
"""

import argparse
import contextlib
import ctypes
import importlib
import itertools
import math
import random
import sys
import time
import traceback
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import devices
import golden
import ml_dtypes
import numpy as np
import torch
from devices import Strided, bytes_of, to_numpy

import fastinit
import fastinit.torch as init
from fastinit.gpu.cache import Cache
from fastinit.gpu.compiler import Compiler
from fastinit.gpu.driver import Driver
from fastinit.gpu.kernels import Kernel

SEED, STREAM = 0x0123456789ABCDEF, 2**63 + 0x1122334455667788
FLOATS = {
    torch.float32: np.dtype("f4"),
    torch.float64: np.dtype("f8"),
    torch.float16: np.dtype("f2"),
    torch.bfloat16: np.dtype(ml_dtypes.bfloat16),
}
DIFFERENCES_SHOWN = 20


class Skipped(Exception):
    """Why a part, or some of it, cannot be run here."""


class Check:
    """What a part compared, and what differed."""

    def __init__(self, device, seconds):
        self.device, self.seconds = device, seconds
        self.fills = self.elements = self.wrong = 0
        self.skipped = []

    @property
    def dry(self):
        return self.device.dry

    def size(self, full, dry):
        """How much: on a device, and in a dry run."""
        return dry if self.dry else full

    def same(self, what, found, expected, elements=None):
        """Compares two arrays bit for bit; what says which fill it was."""
        self.fills += 1
        self.elements += expected.size if elements is None else elements
        found, expected = (np.ascontiguousarray(each).reshape(-1).view(np.uint8) for each in (found, expected))
        if found.shape != expected.shape:
            self.differs(f"{what}: {found.size} bytes, not {expected.size}")
        elif not np.array_equal(found, expected):
            places = np.flatnonzero(found != expected)
            self.differs(f"{what}: {places.size} of {found.size} bytes, the first at {places[0]}")

    def true(self, what, holds):
        self.fills += 1
        if not holds:
            self.differs(what)

    def differs(self, what):
        self.wrong += 1
        if self.wrong <= DIFFERENCES_SHOWN:
            print("DIFFERS", what, flush=True)

    @contextlib.contextmanager
    def optional(self, what):
        """Skips what needs something that is not here."""
        try:
            yield
        except (Skipped, ImportError) as error:
            self.skipped.append(f"{what}: {type(error).__name__}: {error}")


PARTS = {}


def part(function):
    PARTS[function.__name__] = function
    return function


# ---- Kernels ---------------------------------------------------------------------------------------------------------


def every_kernel():
    """All that a fill can ask for."""
    import emulator

    words, floats = ("UINT32", "UINT64"), ("FLOAT32", "FLOAT64", "FLOAT16", "BFLOAT16")
    for form in ("range", "region", "blocks", "ranges"):
        for draw in emulator.DRAWS[:-1]:
            for dtype in words if draw == "BITS" else floats[:2] if draw == "NORMAL_PAIRED" else floats:
                for accumulate in (False,) if draw == "BITS" else (False, True):
                    yield Kernel(form, draw, dtype, accumulate)
    for size in (1, 2, 4, 8, 16):
        yield Kernel("constant", "CONSTANT", f"BYTES{size}", False)


def compile_some(kernels, architecture):
    """In a process of its own; what the cache keeps is there for the other parts."""
    compiler = Compiler(cache=Cache.of_user())
    return sum(compiler.compile(kernel, architecture).startswith(b"\x7fELF") for kernel in kernels)


@part
def kernels(check):
    """Every kernel compiles for this device; those that are kept make the other parts start sooner."""
    every = list(every_kernel())
    if check.dry:
        check.true("kernels", len(every) == len({kernel.name for kernel in every}))
        return
    architecture = Driver().architecture(0)
    processes = min(12, fastinit.get_num_threads())
    shares = [every[i::processes] for i in range(processes)]
    with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
        done = sum(pool.map(compile_some, shares, itertools.repeat(architecture)))
    print(f"{done} kernels compiled for {architecture}")
    check.true(f"{done} of {len(every)} kernels are cubins", done == len(every))


# ---- Single operations -----------------------------------------------------------------------------------------------

EXHAUSTIVE = {  # inputs
    "check_int_to_float": 1 << 32,
    "check_float_to_bfloat16": 1 << 32,
    "check_float_to_float16": 1 << 32,
    "check_half_to_float": 1 << 16,
    "check_square_root": 1 << 31,
}
RESULTS = 18  # of an index, in operations.cu


@part
def operations(check):
    """Conversions and square roots of every input; other operations of random and hard operands, against the host."""
    for name, inputs in EXHAUSTIVE.items():
        count = min(inputs, check.size(1 << 32, 1 << 16))
        found = check.device.zeros(3, torch.int64)
        run = devices.operation(check.device, name)
        arguments = ctypes.c_uint32(0), ctypes.c_uint32(inputs // count), ctypes.c_void_p(found.data_ptr())
        run(count // 256, *arguments)
        check.device.synchronize()
        wrong, which, tried = to_numpy(found)
        print(f"{name}: {wrong} wrong of {tried}", flush=True)
        check.elements += count
        check.true(f"{name}: {wrong} wrong, one is {which:#x}", wrong == 0)
        check.true(f"{name}: {tried} inputs were tried, not {count}", tried == count)
    here = devices.host_operations(check.device.folder())
    for real, word in (("f32", np.uint32), ("f64", np.uint64)):
        run = devices.operation(check.device, f"results_{real}")
        groups = check.size(1 << 13, 4)
        for batch in range(check.size(4, 2)):
            first = ctypes.c_uint64(batch * groups * 256)
            size = groups * 256 * RESULTS
            out = check.device.zeros(size * np.dtype(word).itemsize, torch.uint8)
            run(groups, first, ctypes.c_void_p(out.data_ptr()))
            check.device.synchronize()
            expected = np.zeros(size, word)
            to = ctypes.c_void_p(expected.ctypes.data)
            places = (ctypes.c_void_p * 2)(ctypes.addressof(first), ctypes.addressof(to))
            here(f"results_{real}", groups, ctypes.addressof(places))
            got = bytes_of(out).view(word)
            columns = np.flatnonzero((got != expected).reshape(-1, RESULTS).any(axis=0))
            check.same(f"results_{real}, batch {batch}, operations {columns.tolist()}", got, expected)


# ---- Golden vectors --------------------------------------------------------------------------------------------------


@part
def golden_vectors(check):
    """tests/golden.txt: fills of every draw and dtype by their hashes, which the CPU has no part in."""
    vectors = golden.read()
    assert len(vectors) > 300
    for vector in vectors:
        fill = vector.fill
        out = golden.before(fill)
        memory = check.device.copy_of(out if out.size else np.zeros(16, np.uint8))
        shown = Strided(memory.data_ptr(), out)
        g = fastinit.Generator(fill.seed)
        where = {"stream": fill.stream, "offset": fill.offset, "global_shape": fill.global_shape}
        if fill.draw == "complex_normal":
            of_both = golden.as_complex(fill)
            shown = Strided(memory.data_ptr(), golden.complex_view(out))
            where |= {"offset": of_both.offset, "global_shape": of_both.global_shape}
            g.normal(shown, *of_both.parameters, accumulate=fill.accumulate, **where)
        elif fill.draw == "bits":
            g.bits(shown, **where)
        else:
            arguments = (*(fill.parameters or (0.0, 1.0)), *fill.bounds)
            getattr(g, fill.draw)(shown, *arguments, accumulate=fill.accumulate, **where)
        written = bytes_of(memory)[: out.nbytes].view(out.dtype).reshape(out.shape)
        check.elements += out.size
        check.true(golden.as_line(vector), golden.fnv1a(written) == vector.hash)


# ---- Random fills ----------------------------------------------------------------------------------------------------

SIZES = (0, 1, 1, 2, 3, 5, 8, 17, 33, 64, 300)
COMPLEX = np.dtype("c8"), np.dtype("c16")
WORDS = np.dtype("u4"), np.dtype("u8")
REALS = tuple(FLOATS.values())
DRAWN = [
    ("uniform", {"low": -1.0, "high": 1.0}, REALS),
    ("uniform", {"low": 1.0, "high": 1.0000002}, REALS),
    ("uniform", {"low": 0.1, "high": 0.7}, REALS),
    ("normal", {"mean": 0.0, "std": 1.0}, REALS),
    ("normal", {"mean": 0.3, "std": 0.02}, REALS),
    ("normal", {"mean": 0.5 + 1j, "std": 2.0}, COMPLEX),
    ("truncated_normal", {"low": -2.0, "high": 2.0}, REALS),
    ("truncated_normal", {"low": -1.0, "high": 1.7}, REALS),
    ("truncated_normal", {"low": -3.0, "high": 4.0}, REALS),
    ("truncated_normal", {"mean": 0.1, "std": 0.5, "low": -9.0, "high": -1.5}, REALS),
    ("truncated_normal", {"low": 0.5, "high": math.inf}, REALS),
    ("he_normal", {"fan_in": 64}, REALS),
    ("xavier_uniform", {"fan_in": 64, "fan_out": 3}, REALS),
    ("bits", {}, WORDS),
]
CONSTANT = [
    ("constant", {"value": 1.5}, REALS + COMPLEX),
    ("zeros", {}, REALS + COMPLEX + WORDS),
    ("identity", {"gain": 2.0}, REALS + COMPLEX),
]


def random_view(rng, dtype, axes):
    """An array of any shape and strides within another, which is larger."""
    while True:
        shape = [rng.choice(SIZES) for _ in range(axes)]
        if axes == 1 and rng.random() < 0.5:
            shape = [rng.randrange(1, 200_000)]
        room_shape = [size * rng.choice((1, 1, 2, 3)) + rng.randrange(3) for size in shape]
        if math.prod(room_shape) <= 1_000_000:
            break
    room = np.full(room_shape, 1 if dtype.kind == "u" else 0.5, dtype)
    if rng.random() < 0.4:
        steps = [rng.randrange(1, max(1, r // max(s, 1)) + 1) for r, s in zip(room_shape, shape, strict=True)]
    else:
        steps = [1] * axes
    cuts = []
    for size, step, available in zip(shape, steps, room_shape, strict=True):
        reach = (size - 1) * step + 1 if size else 0
        start = rng.randrange(available - reach + 1)
        cuts.append(slice(start, start + reach, step))
    view = room[(*cuts, ...)]
    view = view.transpose(rng.sample(range(axes), axes)) if axes else view
    if axes and rng.random() < 0.3:
        view = view[..., ::-1]
    return room, view


def random_place(rng, shape):
    """No block, or one of a tensor that may be so large that its elements need more than 34 bits."""
    if rng.random() < 0.5:
        return {}
    whole = [size + rng.choice((0, 0, 1, 3, 1000, 2**14)) for size in shape]
    offset = [rng.randrange(w - s + 1) for w, s in zip(whole, shape, strict=True)]
    if whole and rng.random() < 0.3:
        rest = math.prod(whole[1:]) or 1
        whole[0] = 2**40 // rest + shape[0]
        offset[0] = min(whole[0] - shape[0], max(0, 2**34 // rest - rng.randrange(shape[0] + 1)))
    return {"offset": tuple(offset), "global_shape": tuple(whole)}


class Random(random.Random):
    """Random fills, each of a memory that the device and the CPU have alike."""

    def fill(self):
        """A scheme with its arguments, and the two arrays: all memory, and the part of it that is filled."""
        scheme, arguments, dtypes = self.choice(DRAWN if self.random() < 0.9 else CONSTANT)
        draws = scheme not in ("constant", "zeros", "identity")
        dtype = self.choice(dtypes)
        axes = 2 if scheme == "identity" else self.choice((0, 1, 1, 2, 2, 3, 4))
        room, view = random_view(self, dtype, axes)
        keywords = dict(arguments)
        by_rows = draws and axes >= 1 and self.random() < 0.35
        keywords |= random_place(self, view.shape[1:] if by_rows else view.shape)
        if by_rows:
            listed = [self.getrandbits(64) for _ in range(len(view))]
            keywords["streams"] = range(5, 5 + len(view)) if self.random() < 0.4 else listed
        elif draws:
            streams = 0, 7, "a.b", 2**40 + 3, 2**63 - 1, 2**64 - 1, self.getrandbits(62)
            keywords["stream"] = self.choice(streams)
        if draws and scheme != "bits" and self.random() < 0.4:
            keywords["accumulate"] = True
        return scheme, keywords, room, view


@part
def random_fills(check):
    """Fills of any layout, block, streams, dtype and draw, of all memory around them too, until the time is over."""
    seed = 20260
    end = time.monotonic() + check.seconds
    while time.monotonic() < end:
        seed += 1
        rng = Random(seed)
        scheme, keywords, room, view = rng.fill()
        memory = check.device.copy_of(room if room.size else np.zeros(16, np.uint8))
        begin = view.__array_interface__["data"][0] - room.__array_interface__["data"][0] if view.size else 0
        shown = Strided(memory.data_ptr() + begin, view, rng.choice((None, 1)))
        g = fastinit.Generator(rng.getrandbits(64))
        by_fill = rng.random() < 0.3
        same = g.fill([(shown, scheme, keywords)])[0] if by_fill else getattr(g, scheme)(shown, **keywords)
        getattr(fastinit.Generator(g.seed), scheme)(view, **keywords)
        what = f"{scheme} {view.dtype} {view.shape} strides {view.strides} {keywords} (case {seed})"
        check.true(f"{what} returns another array", same is shown)
        check.device.synchronize()
        check.same(what, bytes_of(memory)[: room.nbytes], room, view.size)


# ---- Large arrays ----------------------------------------------------------------------------------------------------

FILLS_OF_TORCH = [
    (torch.float32, "normal_", {"mean": 0.0, "std": 0.02}, "normal"),
    (torch.float32, "uniform_", {"a": -0.1, "b": 0.1}, "uniform"),
    (torch.bfloat16, "uniform_", {"a": -0.1, "b": 0.1}, "uniform"),
    (torch.bfloat16, "normal_", {"mean": 0.0, "std": 0.02}, "normal"),
    (torch.float16, "normal_", {"mean": 0.0, "std": 0.02}, "normal"),
    (torch.float64, "normal_", {"mean": 0.0, "std": 0.02}, "normal"),
]


def expected_block(scheme, arguments, dtype, shape, offset, global_shape, accumulate_to=None):
    """What the CPU writes to a block, or adds to it."""
    out = np.zeros(shape, dtype) if accumulate_to is None else accumulate_to
    values = {"a": "low", "b": "high"}
    named = {values.get(name, name): value for name, value in arguments.items()}
    adds = {} if accumulate_to is None else {"accumulate": True}
    g = fastinit.Generator(SEED)
    return getattr(g, scheme)(out, **named, stream=STREAM, offset=offset, global_shape=global_shape, **adds)


def needs(check, size):
    """Skips what the device has no memory for; a dry run has what it asks for."""
    free = check.device.free_bytes()
    if not check.dry and size > free * 0.9:
        raise Skipped(f"{size / 1e9:.1f} GB needed, {free / 1e9:.1f} GB free")


@part
def large(check):
    """A gigabyte and more, all of it copied back in pieces: 2^28 elements of each kind."""
    count, piece = check.size(1 << 28, 50_000), check.size(1 << 25, 20_000)
    for dtype, name, arguments, scheme in FILLS_OF_TORCH:
        with check.optional(f"{name} {dtype}"):
            needs(check, count * dtype.itemsize)
            w = check.device.empty(count, dtype)
            getattr(init, name)(w, **arguments, generator=fastinit.Generator(SEED), stream=STREAM)
            for first in range(0, count, piece):
                n = min(piece, count - first)
                expected = expected_block(scheme, arguments, FLOATS[dtype], (n,), (first,), (count,))
                check.same(f"{name} {dtype}, {n} from {first}", bytes_of(w[first : first + n]), expected)
            del w
            check.device.release()


def samples_of(rng, size, width, more=()):
    """Where to look at an axis: its ends, places given, and some others."""
    places = {0, size - width, *more, *(rng.randrange(size - width + 1) for _ in range(6))}
    return sorted(min(max(place, 0), size - width) for place in places)


@part
def huge(check):
    """Beyond 2^32 elements, and launches that have to be cut, as they would have 2^31 threads; in samples."""
    rng = random.Random(1)
    count, width = check.size((1 << 32) + (1 << 20) + 3, 100_003), check.size(1 << 16, 1000)
    dtype, name, arguments, scheme = FILLS_OF_TORCH[2]
    with check.optional("2^32 elements"):
        needs(check, count * 2)
        w = check.device.empty(count, dtype)
        getattr(init, name)(w, **arguments, generator=fastinit.Generator(SEED), stream=STREAM)
        for first in samples_of(rng, count, width, (2**31 - width // 2, 2**32 - width // 2)):
            expected = expected_block(scheme, arguments, FLOATS[dtype], (width,), (first,), (count,))
            check.same(f"{name} of {count}, from {first}", bytes_of(w[first : first + width]), expected)
        del w
    check.device.release()

    rows = check.size((1 << 31) + 1000, 70_001)  # each a column of a wider tensor: a thread for each element
    with check.optional("2^31 rows"):
        needs(check, rows * 2)
        w = check.device.empty((rows, 1), dtype)
        place = {"offset": (0, 1), "global_shape": (rows, 3)}
        getattr(init, name)(w, **arguments, generator=fastinit.Generator(SEED), stream=STREAM, **place)
        for first in samples_of(rng, rows, width, (2**30 - width // 2, 2**31 - width)):
            expected = expected_block(scheme, arguments, FLOATS[dtype], (width, 1), (first, 1), (rows, 3))
            check.same(f"rows from {first}", bytes_of(w[first : first + width]), expected)
        del w
    check.device.release()

    columns = check.size((1 << 17, (1 << 17) + 8), (200, 301))
    with check.optional("a transposed matrix of 2^34 elements"):
        needs(check, math.prod(columns) * 2)
        w = check.device.empty(columns, dtype).T
        getattr(init, name)(w, **arguments, generator=fastinit.Generator(SEED), stream=STREAM)
        side = min(64, *w.shape)
        for i, j in itertools.product(*(samples_of(rng, size, side) for size in w.shape)):
            expected = expected_block(scheme, arguments, FLOATS[dtype], (side, side), (i, j), tuple(w.shape))
            check.same(f"transposed, at ({i}, {j})", bytes_of(w[i : i + side, j : j + side]), expected)
        del w
    check.device.release()


# ---- Many arrays at once ---------------------------------------------------------------------------------------------


@part
def many(check):
    """Generator.fill over hundreds of arrays: of all dtypes, small and not, by names and numbers, added and not."""
    rng = random.Random(2)
    for round_, accumulate in enumerate((False, True, False)):
        g, here, fills, expected = fastinit.Generator(round_), {}, {}, {}
        for i in range(check.size(700, 150)):
            dtype = rng.choice(list(FLOATS))
            shape = rng.choice(((rng.randrange(1, 300),), (rng.randrange(1, 90), rng.randrange(1, 90)), (4096,)))
            if i % 100 == 0:
                shape = (check.size(3000, 30), 1001)
            scheme = rng.choice((("normal", 0.0, 0.3), ("uniform", -0.2, 0.1), ("truncated_normal", 0.0, 0.02)))
            if not accumulate and rng.random() < 0.2:
                scheme = rng.choice((("zeros",), ("ones",), ("constant", 0.25)))
            tensor = check.device.zeros(shape, dtype)
            tensor = tensor.t() if rng.random() < 0.2 else tensor  # of one axis itself
            key = f"layers.{i}.weight" if i % 2 else 2**40 + i
            here[key], fills[key] = tensor, (tensor, *scheme)
            expected[key] = (np.zeros(tuple(tensor.shape), FLOATS[dtype]), *scheme)
        g.fill(fills, accumulate=accumulate)
        fastinit.Generator(round_).fill(expected, accumulate=accumulate)
        for key, tensor in here.items():
            check.same(f"{key}: {fills[key][1:]} {tensor.dtype}", to_numpy(tensor), expected[key][0])


# ---- PyTorch ---------------------------------------------------------------------------------------------------------


@part
def pytorch(check):
    """fastinit.torch and Generator's methods on tensors: strided, sharded, with streams=, added, of every dtype."""
    device, rng = check.device, random.Random(3)
    for dtype, name, arguments, scheme in FILLS_OF_TORCH:
        shape = (rng.randrange(100, 400), rng.randrange(100, 400))
        views = {
            "contiguous": lambda w: w,
            "transposed": lambda w: w.T,
            "columns": lambda w: w[:, ::3],
            "rows of a wider one": lambda w: w[3:, 1:-2],
            "from an odd element": lambda w: w.reshape(-1)[1:],
        }
        for layout, view in views.items():
            w = device.zeros(shape, dtype)
            like = view(np.zeros(shape, FLOATS[dtype]))
            v = view(w)
            version = v._version
            out = getattr(init, name)(v, **arguments, generator=fastinit.Generator(SEED), stream=STREAM)
            expected = expected_block(scheme, arguments, FLOATS[dtype], like.shape, None, None)
            check.true(f"{name} returns its tensor", out is v)
            check.true(f"{name} tells autograd", v._version > version)
            check.same(f"{name} {dtype} {layout}", to_numpy(v), expected)
            method = getattr(fastinit.Generator(SEED), scheme)
            positional = tuple(arguments.values())
            check.true(f"{scheme} returns its tensor", method(v, *positional, stream=STREAM, accumulate=True) is v)
            again = expected_block(scheme, arguments, FLOATS[dtype], like.shape, None, None, expected.copy())
            check.same(f"Generator.{scheme} added, {dtype} {layout}", to_numpy(v), again)
            rows = w.reshape(shape)
            streams = [2**33 * i + 1 for i in range(shape[0])]
            getattr(init, name)(rows, **arguments, generator=fastinit.Generator(SEED), streams=streams)
            by_row = np.zeros(shape, FLOATS[dtype])
            getattr(fastinit.Generator(SEED), scheme)(by_row, *positional, streams=streams)
            check.same(f"{name} {dtype} streams=", to_numpy(rows), by_row)
    whole = expected_block("normal", {}, np.dtype("f4"), (120, 77), None, None)
    for cut in (1, 2, 5):  # however it is sharded
        parts = [device.zeros((120 // cut, 77), torch.float32) for _ in range(cut)]
        for i, each in enumerate(parts):
            place = {"offset": (i * (120 // cut), 0), "global_shape": (120, 77)}
            init.normal_(each, generator=fastinit.Generator(SEED), stream=STREAM, **place)
        check.same(f"{cut} shards", np.concatenate([to_numpy(each) for each in parts]), whole)
    z = device.zeros((50, 3), torch.complex64)
    init.normal_(z, 1 - 2j, 0.5, generator=fastinit.Generator(SEED), stream=STREAM)
    of_both = fastinit.Generator(SEED).normal(np.zeros((50, 3), np.complex64), 1 - 2j, 0.5, stream=STREAM)
    check.same("complex64", to_numpy(z), of_both)


def small_model():
    """Some of every kind of module."""
    nn = torch.nn
    return nn.Sequential(
        nn.Embedding(1000, 64, padding_idx=3),
        nn.Linear(64, 257),
        nn.LayerNorm(257),
        nn.Conv2d(3, 16, 3, bias=False),
        nn.BatchNorm2d(16),
        nn.LSTM(32, 48),
        nn.MultiheadAttention(64, 4),
        nn.Linear(257, 64, dtype=torch.bfloat16),
    )


@part
def modules(check):
    """init_module_ of a model on the device and on the CPU: by rules, by PyTorch's defaults, matrices too."""
    for rules in ({}, {"*.weight": ("normal", 0.0, 0.02)}, {"1.weight": "orthogonal", "7.weight": "he_normal"}):
        there = check.device.module(small_model)
        init.init_module_(there, rules, seed=11)
        found = {name: to_numpy(tensor) for name, tensor in there.state_dict().items()}
        here = small_model()
        init.init_module_(here, rules, seed=11)
        for name, tensor in here.state_dict().items():
            check.same(f"{name} by {rules}", found[name], to_numpy(tensor))


# ---- Streams and graphs ----------------------------------------------------------------------------------------------


@part
def streams(check):
    """Fills go where PyTorch's current stream is, and wait for what is there; two streams do not meet."""
    device, count = check.device, check.size(1 << 24, 5000)
    expected = {
        number: fastinit.Generator(SEED).normal(np.zeros(count, np.float32), 0.0, 1.0, stream=number)
        for number in (1, 2)
    }
    w = device.zeros(count, torch.float32)
    for round_ in range(check.size(10, 2)):
        side = device.stream()
        device.synchronize()
        with device.on(side):
            device.keep_busy()
            w.fill_(5.0)  # which would be last if the fill did not wait
            init.normal_(w, generator=fastinit.Generator(SEED), stream=1)
            read = w.clone()
            w.fill_(6.0)
        device.synchronize()
        check.same(f"read on the side stream, round {round_}", bytes_of(read), expected[1])
        check.true("the stream goes on after it", bool((w == 6).all()))
    tensors = {number: device.zeros(count, torch.float32) for number in (1, 2)}
    for round_ in range(check.size(10, 2)):
        sides = {number: device.stream() for number in (1, 2)}
        device.synchronize()
        for number, side in sides.items():
            with device.on(side):
                tensors[number].fill_(5.0)
                fastinit.Generator(SEED).normal(tensors[number], 0.0, 1.0, stream=number)
        device.synchronize()
        for number, tensor in tensors.items():
            check.same(f"stream {number} of two, round {round_}", bytes_of(tensor), expected[number])
    with device.on(device.stream()):
        g = fastinit.Generator(SEED)
        small = [device.zeros(1000, torch.float32) for _ in range(50)]
        device.keep_busy()
        for each in small:
            each.fill_(5.0)
        g.fill({str(i): (each, "uniform", -1.0, 1.0) for i, each in enumerate(small)})
        copies = [each.clone() for each in small]
    device.synchronize()
    for i, each in enumerate(copies):
        right = fastinit.Generator(SEED).uniform(np.zeros(1000, np.float32), -1.0, 1.0, stream=str(i))
        check.same(f"fill on a side stream, {i}", bytes_of(each), right)


@part
def graphs(check):
    """A capture writes nothing, and each replay what a fill would."""
    capture(check, warm=True)


@part
def graphs_cold(check):
    """The same where the first fills of all are captured: kernels are loaded meanwhile."""
    capture(check, warm=False)


def capture(check, warm):
    """Some fills, captured and replayed twice; warm: after they have run as they are."""
    device = check.device
    w, b = device.zeros((999, 501), torch.float32), device.zeros((999, 501), torch.bfloat16)
    small = [device.zeros(300 + i, torch.float64) for i in range(30)]
    every = [w, b, *small]

    def fill(w=w, b=b, small=small):
        init.normal_(w, 0.0, 0.02, generator=fastinit.Generator(SEED), stream=3)
        init.uniform_(b.T, -1.0, 1.0, generator=fastinit.Generator(SEED), stream=4)
        g = fastinit.Generator(SEED)
        g.fill({f"s{i}": (each, "truncated_normal", 0.0, 0.1) for i, each in enumerate(small)})

    here = fastinit.Generator(SEED)
    expected = [
        here.normal(np.zeros(w.shape, np.float32), 0.0, 0.02, stream=3),
        here.uniform(np.zeros(b.T.shape, FLOATS[torch.bfloat16]), -1.0, 1.0, stream=4).T,
        *(here.truncated_normal(np.zeros(len(each)), 0.0, 0.1, stream=f"s{i}") for i, each in enumerate(small)),
    ]
    if warm:
        fill()
    for each in every:
        each.zero_()
    device.synchronize()
    graph = device.graph()
    with device.captured(graph):
        fill()
    device.synchronize()
    check.true("a capture writes nothing", not any(bool(each.any()) for each in every))
    for replay in range(2):
        for each in every:
            each.fill_(7.0)
        graph.replay()
        device.synchronize()
        for i, (each, right) in enumerate(zip(every, expected, strict=True)):
            check.same(f"replay {replay}, tensor {i}, kernels loaded before: {warm}", to_numpy(each), right)


# ---- Other libraries -------------------------------------------------------------------------------------------------


def usable(imported, tried):
    """A library that is installed and does the least; otherwise it has nothing to show of fastinit's."""
    try:
        library = imported()
        tried(library)
    except Exception as error:
        raise Skipped(f"{type(error).__name__}: {error}") from error
    return library


@part
def cupy(check):
    """CuPy's arrays, by __cuda_array_interface__: of any strides, on a stream of its own."""
    with check.optional("CuPy"):
        cp = usable(check.device.cupy, lambda cp: cp.zeros(1, np.float32))
        print("CuPy", cp.__version__)
        for dtype in (np.float32, np.float64, np.float16, np.complex64, np.uint32):
            for layout, view in {
                "contiguous": lambda a: a,
                "transposed": lambda a: a.T,
                "backwards": lambda a: a[::-2, ::-1],
            }.items():
                room, like = cp.zeros((301, 203), dtype), np.zeros((301, 203), dtype)
                out = view(room)
                scheme, arguments = ("bits", ()) if dtype is np.uint32 else ("normal", (0.5, 2.0))
                same = getattr(fastinit.Generator(SEED), scheme)(out, *arguments, stream=STREAM)
                getattr(fastinit.Generator(SEED), scheme)(view(like), *arguments, stream=STREAM)
                check.true("the array that was given is returned", same is out)
                check.same(f"CuPy {np.dtype(dtype)} {layout}", cp.asnumpy(room), like)
        stream = cp.cuda.Stream(non_blocking=True)
        with stream:
            room = cp.zeros(100_000, np.float32)
            fastinit.Generator(SEED).uniform(room, -1.0, 1.0, stream=STREAM)
            found = cp.asnumpy(room)
        stream.synchronize()
        right = fastinit.Generator(SEED).uniform(np.zeros(100_000, np.float32), -1.0, 1.0, stream=STREAM)
        check.same("CuPy on a stream of its own", found, right)


@part
def dlpack(check):
    """What has nothing but DLPack, every dtype."""
    for (dtype, like), order in itertools.product(FLOATS.items(), ("C", "F")):
        w = check.device.zeros((211, 103), dtype)
        w = w if order == "C" else w.T
        lent = check.device.by_dlpack(w)
        same = fastinit.Generator(SEED).normal(lent, 0.1, 0.5, stream=STREAM)
        right = fastinit.Generator(SEED).normal(np.zeros(tuple(w.shape), like), 0.1, 0.5, stream=STREAM)
        check.true("the object that was given is returned", same is lent)
        check.same(f"DLPack {dtype} {order}", to_numpy(w), right)


@part
def jax(check):
    """fastinit.jax on JAX's default device: arrays, and draws within jit."""
    with check.optional("JAX"):
        jax = usable(lambda: importlib.import_module("jax"), lambda jax: jax.numpy.zeros(1).block_until_ready())
        import fastinit.jax

        print("JAX", jax.__version__, jax.devices())
        sharding = jax.sharding.SingleDeviceSharding(jax.devices()[0])
        for dtype in (np.dtype("f4"), FLOATS[torch.bfloat16]):
            made = fastinit.jax.make_array("normal", (301, 77), sharding, seed=SEED, stream=STREAM, dtype=dtype)
            right = fastinit.Generator(SEED).normal(np.zeros((301, 77), dtype), stream=STREAM)
            check.same(f"make_array {dtype}", np.asarray(made), right)


# ---- All -------------------------------------------------------------------------------------------------------------


WITHOUT_FILLS = ("kernels", "operations", "jax")  # on the device


def run(name, device, seconds):
    """One part; whether all was equal."""
    check, began = Check(device, seconds), time.monotonic()
    try:
        with device.used():
            before = device.launches()
            PARTS[name](check)
            if name not in WITHOUT_FILLS and device.dry:
                check.true("nothing was launched", device.launches() > before)
            device.release()
    except Exception:
        check.wrong += 1
        traceback.print_exc(file=sys.stdout)
    verdict = "all equal" if check.wrong == 0 else f"{check.wrong} WRONG"
    for reason in check.skipped:
        print(f"{name}: skipped: {reason}")
    print(
        f"{name}: {check.fills} comparisons, {check.elements} elements, {time.monotonic() - began:.1f} s: {verdict}",
        flush=True,
    )
    return check.wrong == 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dry", action="store_true", help="on a stand-in, where there is no GPU")
    parser.add_argument("--seconds", type=float, default=40.0, help="of the random fills")
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    options = parser.parse_args()
    unknown = sorted(set(options.parts) - set(PARTS))
    if unknown:
        parser.error(f"no part {unknown[0]}; accepted are {', '.join(PARTS)}")
    device = devices.chosen(options.dry)
    print(f"device: {device.name} ({device.versions}); fastinit {fastinit.__version__}, {fastinit.simd}", flush=True)
    equal = [run(name, device, options.seconds) for name in options.parts or PARTS]
    sys.exit(0 if all(equal) else 1)


if __name__ == "__main__":
    main()
