"""
Fills on a GPU beside memset, a copy, PyTorch, cuRAND and JAX: `python benchmarks/gpu_fills.py [--quick] [--json FILE]
[--markdown FILE] [--seconds N] [GROUP...]`.

Times are those of CUDA events around batches of calls on one stream, what each side runs in turns; JAX's, whose streams
are its own, and calls of few elements are the host's. A run that has taken N seconds starts no other case. --dry runs
all of it, small, on a machine without a GPU; its times mean nothing.
"""

import argparse
import json
import math
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "gpu"))

import devices
import numpy as np
import torch

import fastinit
import fastinit.torch as init
from fastinit.bench.measure import order_of_round
from fastinit.bench.results import Spread, count_text, digits_text, percent_text, ratio_text, time_text

SCALE = 0.05
OWN, MEMSET, COPY, SUM = "fastinit", "memset", "copy", "read and write"
BOUNDS = (MEMSET, "zero_", COPY, SUM)  # which draw nothing
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float64": torch.float64}


@dataclass
class Side:
    """What is timed; wait: to the end of what it has begun, where events do not tell."""

    run: Callable[[], Any]
    wait: Callable[[Any], Any] | None = None


@dataclass
class Case:
    """A fill of so many elements, by several sides; make allocates what they need and returns them."""

    group: str
    fill: str
    dtype: str
    elements: int
    make: Callable[["Bench", "Case"], dict[str, Side]]
    memory: int = 0  # bytes on the device
    by_host: bool = False

    @property
    def bytes(self) -> int:
        return self.elements * DTYPES[self.dtype].itemsize


@dataclass
class Bench:
    """A run: its device, how much it measures, and what it could not."""

    device: Any
    rounds: int
    batch_seconds: float
    missing: dict[str, str] = field(default_factory=dict)

    def optional(self, name: str, make: Callable[[], Side]) -> dict[str, Side]:
        """A side that may need what is not here."""
        try:
            return {name: make()}
        except Exception as error:
            self.missing.setdefault(name, f"{type(error).__name__}: {error}".splitlines()[0][:300])
            return {}

    # ---- The clock

    def time(self, case: Case) -> dict[str, list[float]]:
        """Seconds a call of each side, round by round; a side that fails is left out."""
        sides = case.make(self, case)
        calls: dict[str, int] = {}
        for name, side in list(sides.items()):
            try:
                calls[name] = self._calls(case, side)
            except Exception as error:
                if name == OWN:
                    raise
                text = f"{type(error).__name__}: {error}".splitlines()[0][:300]
                self.missing[f"{name}, {case.fill} {case.dtype}, {count_text(case.elements)}"] = text
                del sides[name]
        seconds: dict[str, list[float]] = {name: [] for name in sides}
        for number in range(self.rounds):
            for name in order_of_round(list(sides), number):
                seconds[name].append(self._batch(case, sides[name], calls[name]) / calls[name])
        return seconds

    def _calls(self, case: Case, side: Side) -> int:
        """The least power of two of calls that takes batch_seconds; the first one, which compiles, does not count."""
        self._batch(case, side, 1)
        calls = 1
        while calls < 1 << 12 and self._batch(case, side, calls) < self.batch_seconds:
            calls *= 2
        return calls

    def _batch(self, case: Case, side: Side, calls: int) -> float:
        run = side.run
        if case.by_host:  # what a call costs: the device catches up later
            self.device.synchronize()
            began = time.perf_counter()
            for _ in range(calls):
                run()
            taken = time.perf_counter() - began
            self.device.synchronize()
            return taken
        if side.wait is not None:
            self.device.synchronize()
            began = time.perf_counter()
            for _ in range(calls):
                last = run()
            side.wait(last)
            return time.perf_counter() - began
        begin, end = self.device.event(), self.device.event()
        begin.record()
        for _ in range(calls):
            run()
        end.record()
        end.synchronize()
        return float(begin.elapsed_time(end)) * 1e-3


# ---- Sides -----------------------------------------------------------------------------------------------------------


def own(draw: str, w: torch.Tensor, **keywords: Any) -> Side:
    """fastinit, on PyTorch's tensor."""
    g = fastinit.Generator(7)
    if draw == "uniform":
        return Side(lambda: g.uniform(w, -SCALE, SCALE, **keywords))
    return Side(lambda: getattr(g, draw)(w, 0.0, SCALE, **keywords))


def curand(bench: Bench, kind: int, draw: str, w: torch.Tensor) -> Side:
    """cuRAND's own functions, by CuPy, into the same memory; uniforms in (0, 1], as it has no others."""
    if w.dtype == torch.bfloat16 or w.numel() % 2:
        raise ValueError("cuRAND has float32 and float64")
    library = bench.device.curand()
    generator = library.createGenerator(kind)
    library.setPseudoRandomGeneratorSeed(generator, 7)
    double = "Double" if w.dtype == torch.float64 else ""
    address, count = w.data_ptr(), w.numel()
    if draw == "uniform":
        function = getattr(library, f"generateUniform{double}")
        return Side(lambda: function(generator, address, count))
    function = getattr(library, f"generateNormal{double}")
    return Side(lambda: function(generator, address, count, 0.0, SCALE))


def jax(implementation: str, draw: str, dtype: str, count: int) -> Side:
    """A compiled function, which makes a new array: JAX has none to fill."""
    import jax

    key = jax.random.key(7, impl=implementation)
    if draw == "uniform":
        compiled = jax.jit(lambda key: jax.random.uniform(key, (count,), dtype, -SCALE, SCALE))
    else:
        compiled = jax.jit(lambda key: jax.random.normal(key, (count,), dtype) * SCALE)
    return Side(lambda: compiled(key), jax.block_until_ready)


def bounds(bench: Bench, w: torch.Tensor, with_copy: bool = True) -> dict[str, Side]:
    """What memory allows: written only, and read and written."""
    sides = {MEMSET: Side(bench.device.memset_of(w)), "zero_": Side(w.zero_)}
    if with_copy:
        other = bench.device.zeros(w.numel(), w.dtype)
        flat = w.reshape(-1)
        sides[COPY] = Side(lambda: flat.copy_(other))
    return sides


# ---- Cases -----------------------------------------------------------------------------------------------------------

XORWOW, PHILOX = 101, 161  # curandRngType
WITH_JAX = 1 << 28  # elements, at most: it allocates
WITH_COPY = 1 << 31


def plain(bench: Bench, case: Case) -> dict[str, Side]:
    """A contiguous array."""
    w = bench.device.empty(case.elements, DTYPES[case.dtype])
    theirs = Side(lambda: w.uniform_(-SCALE, SCALE)) if case.fill == "uniform" else Side(lambda: w.normal_(0.0, SCALE))
    sides = {OWN: own(case.fill, w), **bounds(bench, w, case.elements <= WITH_COPY)}
    if case.fill == "truncated_normal":
        return sides
    sides["PyTorch"] = theirs
    if case.dtype != "bfloat16":
        sides |= bench.optional("cuRAND XORWOW", lambda: curand(bench, XORWOW, case.fill, w))
        sides |= bench.optional("cuRAND Philox", lambda: curand(bench, PHILOX, case.fill, w))
    if case.dtype != "float64" and case.elements <= WITH_JAX:
        sides |= bench.optional("JAX threefry", lambda: jax("threefry2x32", case.fill, case.dtype, case.elements))
        sides |= bench.optional("JAX rbg", lambda: jax("rbg", case.fill, case.dtype, case.elements))
    return sides


def adding(bench: Bench, case: Case) -> dict[str, Side]:
    """w += sigma z: PyTorch draws into an array of its own."""
    w = bench.device.zeros(case.elements, DTYPES[case.dtype])
    return {
        OWN: own("normal", w, accumulate=True),
        SUM: Side(lambda: w.mul_(1.0)),
        MEMSET: Side(bench.device.memset_of(w)),
        "PyTorch": Side(lambda: w.add_(torch.randn_like(w), alpha=SCALE)),
    }


def transposed(bench: Bench, case: Case) -> dict[str, Side]:
    """A matrix whose first axis is the fastest."""
    rows = 1 << (case.elements.bit_length() - 1) // 2
    w = bench.device.empty((case.elements // rows, rows), DTYPES[case.dtype]).T
    return {
        OWN: own(case.fill, w),
        **bounds(bench, w, with_copy=False),
        "PyTorch": Side(lambda: w.uniform_(-SCALE, SCALE) if case.fill == "uniform" else w.normal_(0.0, SCALE)),
    }


def columns(bench: Bench, case: Case) -> dict[str, Side]:
    """Every second column of a matrix: no two elements lie side by side."""
    rows = 1 << (case.elements.bit_length() - 1) // 2
    w = bench.device.empty((rows, 2 * case.elements // rows), DTYPES[case.dtype])[:, ::2]
    return {OWN: own(case.fill, w), "zero_": Side(w.zero_), "PyTorch": Side(lambda: w.normal_(0.0, SCALE))}


def streams(bench: Bench, case: Case) -> dict[str, Side]:
    """Rows of 64 x 64, each from a stream of its own: a population."""
    w = bench.device.empty((case.elements // 4096, 64, 64), DTYPES[case.dtype])
    numbers = range(len(w))
    return {OWN: own("normal", w, streams=numbers), **bounds(bench, w, with_copy=False)}


def calls(bench: Bench, case: Case) -> dict[str, Side]:
    """What a call of few elements costs the host."""
    w = bench.device.empty(case.elements, DTYPES[case.dtype])
    g, number = fastinit.Generator(7), [0]

    def by_stream() -> None:
        number[0] += 1
        init.normal_(w, 0.0, SCALE, generator=g, stream=number[0])

    return {
        OWN: own("normal", w),
        "fastinit.torch": Side(by_stream),
        "PyTorch": Side(lambda: w.normal_(0.0, SCALE)),
        "torch.nn.init": Side(lambda: torch.nn.init.normal_(w, 0.0, SCALE)),
        "zero_": Side(w.zero_),
    }


def many(bench: Bench, case: Case) -> dict[str, Side]:
    """A hundred arrays in one call, or one by one."""
    every = [bench.device.empty(case.elements // 100, DTYPES[case.dtype]) for _ in range(100)]
    g = fastinit.Generator(7)
    fills = {f"layers.{i}": (w, "normal", 0.0, SCALE) for i, w in enumerate(every)}

    def one_by_one() -> None:
        for w in every:
            w.normal_(0.0, SCALE)

    def loop() -> None:
        for i, w in enumerate(every):
            g.normal(w, 0.0, SCALE, stream=i)

    return {OWN: Side(lambda: g.fill(fills)), "fastinit, one by one": Side(loop), "PyTorch": Side(one_by_one)}


def of_llama(layers: int, width: int, hidden: int, words: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    """The parameters of a Llama 2 (Touvron et al. 2023)."""
    yield "embed_tokens.weight", (words, width)
    for i in range(layers):
        for name in ("q_proj", "k_proj", "v_proj", "o_proj"):
            yield f"layers.{i}.self_attn.{name}.weight", (width, width)
        for name, shape in (("gate", (hidden, width)), ("up", (hidden, width)), ("down", (width, hidden))):
            yield f"layers.{i}.mlp.{name}_proj.weight", shape
        yield f"layers.{i}.input_layernorm.weight", (width,)
        yield f"layers.{i}.post_attention_layernorm.weight", (width,)
    yield "norm.weight", (width,)
    yield "lm_head.weight", (words, width)


SIZES = {"Llama 2 7B": (32, 4096, 11008, 32000), "a small Llama": (2, 64, 172, 100)}


def whole_model(bench: Bench, case: Case) -> dict[str, Side]:
    """All parameters of a model by init_module_, and by PyTorch one after another."""
    model, every = torch.nn.Module(), {}
    for name, shape in of_llama(*SIZES[case.fill]):
        owner = model
        *path, last = name.split(".")
        for step in path:
            if not hasattr(owner, step):
                owner.add_module(step, torch.nn.Module())
            owner = getattr(owner, step)
        tensor = bench.device.empty(shape, DTYPES[case.dtype])
        owner.register_parameter(last, torch.nn.Parameter(tensor))
        every[name] = getattr(owner, last)
    rules = {"*norm.weight": "ones", "*.weight": ("normal", 0.0, 0.02)}

    def theirs() -> None:
        for name, tensor in every.items():
            if name.endswith("norm.weight"):
                torch.nn.init.ones_(tensor)
            else:
                torch.nn.init.normal_(tensor, 0.0, 0.02)

    def zeros() -> None:
        with torch.no_grad():
            for tensor in every.values():
                tensor.zero_()

    return {
        OWN: Side(lambda: init.init_module_(model, rules, seed=7)),
        "zero_": Side(zeros),
        "PyTorch": Side(theirs),
    }


LARGE = 28  # as a power of two: a gigabyte of float32


def cases(quick: bool, dry: bool) -> Iterator[Case]:
    """The most telling first."""
    large, few = (1 << 12, 64) if dry else (1 << LARGE, 64)
    for fill, dtype in (
        *(("normal", dtype) for dtype in DTYPES),
        *(("uniform", dtype) for dtype in DTYPES),
    ):
        yield Case("large", fill, dtype, large, plain, 4)
    for dtype in ("float32", "bfloat16"):
        yield Case("adding", "w += σz", dtype, large, adding, 3)  # noqa: RUF001
    name = "a small Llama" if dry else "Llama 2 7B"
    weights = sum(math.prod(shape) for _, shape in of_llama(*SIZES[name]))
    yield Case("model", name, "bfloat16", weights, whole_model, 1)
    yield Case("calls", "normal", "float32", few, calls, by_host=True)
    yield Case("calls", "100 arrays", "float32", 100 * (64 if dry else 4096), many, by_host=True)
    for fill in ("normal", "uniform"):
        for dtype in ("float32", "bfloat16"):
            yield Case("layouts", fill, dtype, large, transposed, 1)
    yield Case("columns", "normal", "float32", large, columns, 2)
    yield Case("streams", "normal", "float32", large, streams, 1)
    for dtype in ("float32", "bfloat16", "float64"):
        yield Case("large", "truncated_normal", dtype, large, plain, 2)
    if quick:
        return
    for power in (10, 11) if dry else (20, 24, 26, 30, 32):
        for fill, dtype in (("normal", "float32"), ("uniform", "float32"), ("uniform", "bfloat16"),
                            ("normal", "bfloat16"), ("normal", "float64")):  # fmt: skip
            yield Case("sizes", fill, dtype, 1 << power, plain, 1 if power > 31 else 4)
    for power in (10,) if dry else (20, 24, 31):
        yield Case("adding", "w += σz", "float32", 1 << power, adding, 2)  # noqa: RUF001
    yield Case("adding", "w += σz", "float64", large, adding, 3)  # noqa: RUF001


GROUPS = {
    "large": "2^28 elements, contiguous.",
    "sizes": "Contiguous arrays. Up to 2^24 float32 elements stay in the cache of the larger GPUs.",
    "adding": "w += 0.05 z. PyTorch draws into an array of its own and adds it.",
    "model": "All parameters in one go: normals, and ones for the norms.",
    "calls": "What a call costs the host, the device's work not waited for.",
    "layouts": "The transpose of a contiguous matrix.",
    "columns": "Every second column of a matrix.",
    "streams": "Rows of 64 x 64, each from a stream of its own.",
}


# ---- The run and its report ------------------------------------------------------------------------------------------


def measured(bench: Bench, chosen: list[Case], seconds: float, save: Callable[[list[dict[str, Any]]], None]) -> bool:
    """Measures until the time is over; whether nothing failed."""
    done: list[dict[str, Any]] = []
    well, end = True, time.monotonic() + seconds
    for case in chosen:
        name = f"{case.group}: {case.fill} {case.dtype}, {count_text(case.elements)}"
        needed, free = case.memory * case.bytes, bench.device.free_bytes()
        if time.monotonic() > end:
            bench.missing[name] = "the time was over"
            continue
        if needed > 0.9 * free:
            bench.missing[name] = f"takes {needed / 1e9:.0f} GB; {free / 1e9:.0f} GB are free"
            continue
        try:
            times = bench.time(case)
        except Exception as error:
            well = False
            bench.missing[name] = f"{type(error).__name__}: {error}".splitlines()[0][:300]
            print(f"{name}: FAILED: {bench.missing[name]}", flush=True)
            continue
        finally:
            bench.device.release()
        entry = {key: getattr(case, key) for key in ("group", "fill", "dtype", "elements", "bytes")}
        done.append({**entry, "sides": {side: [float(f"{s:.4g}") for s in each] for side, each in times.items()}})
        medians = ", ".join(f"{side} {time_text(Spread.of(each).median)}" for side, each in times.items())
        print(f"{name}: {medians}", flush=True)
        save(done)
    save(done)
    return well


def markdown(run: dict[str, Any]) -> str:
    """The report: a table for each group."""
    lines = ["# fastinit on a GPU", ""]
    lines += [f"- **{key}:** {run[key]}" for key in ("device", "versions", "fastinit", "date", "command")]
    for group, text in GROUPS.items():
        members = [each for each in run["cases"] if each["group"] == group]
        if not members:
            continue
        sides = list(dict.fromkeys(side for each in members for side in each["sides"] if side != OWN))
        ratios = [f"vs {side}" for side in sides]
        titles = ["fill", "dtype", "elements", "a call", "G elements/s", "GB/s", "spread", "of memset", *ratios]
        lines += ["", f"## {group}", "", text, "", f"| {' | '.join(titles)} |"]
        lines += ["|" + "|".join(["---"] * 2 + ["---:"] * (len(titles) - 2)) + "|"]
        lines += [f"| {' | '.join(row(each, sides))} |" for each in members]
    lines += ["", "## Notes", ""]
    lines += ["- **a call:** the median of the rounds, in each of which all sides take turns"]
    lines += ["- **vs:** the other's time over fastinit's in the same round, the median; below 1 x fastinit is slower"]
    lines += ["- **of memset:** fastinit's speed as a part of that of cuMemsetD32, which only writes"]
    lines += [f"- **{name}:** not measured: {reason}" for name, reason in run["missing"].items()]
    return "\n".join(lines) + "\n"


def row(case: dict[str, Any], sides: list[str]) -> list[str]:
    """A case in words and numbers."""
    seconds = Spread.of(case["sides"][OWN])
    ratio = {
        side: Spread.of([other / mine for other, mine in zip(times, case["sides"][OWN], strict=True)]).median
        for side, times in case["sides"].items()
    }
    return [
        case["fill"],
        case["dtype"],
        count_text(case["elements"]),
        time_text(seconds.median),
        digits_text(case["elements"] * 1e-9 / seconds.median),
        digits_text(case["bytes"] * 1e-9 / seconds.median),
        percent_text(seconds.width),
        percent_text(ratio[MEMSET]) if MEMSET in ratio else "-",
        *(ratio_text(ratio[side]) if side in ratio else "-" for side in sides),
    ]


def main() -> None:
    """Measures, prints a line for each case, and writes the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dry", action="store_true", help="on a stand-in, where there is no GPU")
    parser.add_argument("--quick", action="store_true", help="2^28 elements only, in fewer rounds")
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--markdown", type=Path)
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=", ".join(GROUPS))
    options = parser.parse_args()
    unknown = sorted(set(options.groups) - set(GROUPS))
    if unknown:
        parser.error(f"no group {unknown[0]}; accepted are {', '.join(GROUPS)}")
    device = devices.chosen(options.dry)
    bench = Bench(device, 5 if options.quick else 9, 1e-6 if options.dry else 2e-3)
    run = {
        "device": device.name,
        "versions": f"{device.versions}, NumPy {np.__version__}",
        "fastinit": fastinit.__version__,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": " ".join(["python benchmarks/gpu_fills.py", *sys.argv[1:]]),
        "missing": bench.missing,
    }

    def save(done: list[dict[str, Any]]) -> None:
        run["cases"] = done
        if options.json is not None:
            options.json.write_text(json.dumps(run, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        if options.markdown is not None:
            options.markdown.write_text(markdown(run), encoding="utf-8")

    chosen = [each for each in cases(options.quick, options.dry) if not options.groups or each.group in options.groups]
    with device.used():
        well = measured(bench, chosen, options.seconds, save)
    print("\n" + markdown(run))
    sys.exit(0 if well else 1)


if __name__ == "__main__":
    main()
