"""The libraries that fastinit is measured beside, and the statements by which each fills an array, fastinit's too."""

import importlib
import importlib.util
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, NamedTuple, TypeAlias

import numpy as np

import fastinit
from fastinit.bench import environment
from fastinit.bench.cases import ADDED, LAYOUTS, Case
from fastinit.bench.models import MODELS, Parameter
from fastinit.dtypes import BY_NAME, dtype_named

SEED = 7
_Array: TypeAlias = np.ndarray[Any, Any]
_Names: TypeAlias = dict[str, Any]


class Statement(NamedTuple):
    """What is timed: a text, and what the names in it are."""

    text: str
    names: _Names


class Threads(NamedTuple):
    """How many a library uses at most."""

    get: Callable[[], int]
    set: Callable[[int], None]


OWN_THREADS = Threads(fastinit.get_num_threads, fastinit.set_num_threads)
NO_THREADS = Threads(lambda: 0, lambda count: None)  # it has none, or does not let one set them


@dataclass(frozen=True)
class Peer:
    """A library, and how it fills arrays."""

    module: str
    package: str  # that is installed, and its name in words
    title: str
    way: str  # of drawing: "Generator(PCG64)"
    statement: Callable[[Case], Statement | None]  # None where it cannot do the case
    threads: Threads = NO_THREADS

    @property
    def installed(self) -> bool:
        """Whether it can be found; nothing of it is imported."""
        return importlib.util.find_spec(self.module) is not None

    @property
    def version(self) -> str | None:
        return environment.version_of(self.package)

    @property
    def description(self) -> str:
        return f"{self.way}, {self.title} {self.version}"


def found(names: Iterable[str] | None = None) -> tuple[dict[str, str], dict[str, str]]:
    """What the peers of these names are, or all, imported; and those that cannot be measured, with the reason."""
    descriptions, missing = {}, {}
    for name in ALL if names is None else [name for name in ALL if name in set(names)]:
        reason = why_not(ALL[name])
        if reason is None:
            descriptions[name] = ALL[name].description
        else:
            missing[name] = reason
    return descriptions, missing


def why_not(peer: Peer) -> str | None:
    """Why a peer cannot be measured; it is imported if it can."""
    if not peer.installed:
        return "not installed"
    try:
        importlib.import_module(peer.module)
    except Exception as error:  # a broken installation may raise anything
        return f"cannot be imported: {type(error).__name__}: {error}".splitlines()[0]
    return None


# ---- Arrays ----------------------------------------------------------------------------------------------------------


def written(shape: tuple[int, ...], dtype: np.dtype[Any] | str = "float32") -> _Array:
    """Zeros whose pages are written; those of np.zeros are not."""
    return np.full(shape, 0, dtype)


def laid_out(case: Case, make: Callable[[tuple[int, ...]], Any]) -> Any:
    """The array of the case, of what make makes."""
    if case.key.layout == "contiguous":
        return make(case.shape)
    return LAYOUTS[case.key.layout](make, *case.shape)


def array_of(case: Case) -> _Array:
    """NumPy's array of the case."""
    array: _Array = laid_out(case, lambda shape: written(shape, dtype_named(case.key.dtype, "checkpoint")))
    return array


def size_text(case: Case) -> str:
    """The shape of what is drawn, as one writes it in a call."""
    shape = case.shape[::-1] if case.key.layout == "Fortran order" else case.shape
    return str(shape[0]) if len(shape) == 1 else str(shape)


def contiguous_view(case: Case, name: str) -> str:
    """What the array, or its transpose, is called whose elements follow each other: any will do where all are drawn."""
    return f"{name}.T" if case.key.layout == "Fortran order" else name


def redraw_beyond_two(standard_normal: Callable[[int], _Array], z: _Array) -> None:
    """Truncates standard normals to [-2, 2] as one has to without a truncated normal: draws those outside again."""
    flat = z.reshape(-1)
    beyond = np.flatnonzero(np.abs(flat) > 2)
    while beyond.size:
        flat[beyond] = standard_normal(beyond.size)
        beyond = beyond[np.abs(flat[beyond]) > 2]


def parts_of_model(case: Case, make: Callable[[tuple[int, ...]], Any]) -> _Names:
    """A model's arrays: those that are drawn with their deviations, and the others with their value."""
    drawn = [(make(each.shape), deviation(each)) for each in case.model if each.kind in ("normal", "he")]
    constant = [(make(each.shape), float(each.kind == "ones")) for each in case.model if each.kind in ("ones", "zeros")]
    return {"drawn": drawn, "constant": constant}


def deviation(parameter: Parameter) -> float:
    """Of a parameter that is drawn; He's is sqrt(2 / fan_out)."""
    fan_out = parameter.elements // parameter.shape[1]
    return parameter.std if parameter.kind == "normal" else float(np.sqrt(2 / fan_out))


# ---- fastinit --------------------------------------------------------------------------------------------------------


FASTINIT = {
    "bits": "g.bits({w})",
    "uniform": "g.uniform({w}, -{scale}, {scale})",
    "normal": "g.normal({w}, 0.0, {scale})",
    "truncated_normal": "g.truncated_normal({w}, 0.0, {scale})",
    "xavier_uniform": "g.xavier_uniform({w}, {case.fan_in}, {case.fan_out})",
    "xavier_normal": "g.xavier_normal({w}, {case.fan_in}, {case.fan_out})",
    "he_uniform": "g.he_uniform({w}, {case.fan_in})",
    "he_normal": "g.he_normal({w}, {case.fan_in})",
    "lecun_normal, truncated": "g.lecun_normal({w}, {case.fan_in}, truncated=True)",
    "lasagne_uniform": "g.lasagne_uniform({w}, {case.fan_in}, {case.fan_out})",
    "orthogonal": "g.orthogonal({w})",
    ADDED: "g.normal({w}, 0.0, {scale}, accumulate=True)",
}


def by_fastinit(case: Case) -> Statement:
    g = fastinit.Generator(SEED)
    if case.model:
        layers = {each.name: (written(each.shape), *scheme(each)) for each in case.model}
        return Statement("g.fill(layers)", {"g": g, "layers": layers})
    if case.has_rows:
        text = f"g.normal(w, 0.0, {case.scale_text}, streams=range({case.shape[0]}))"
        return Statement(text, {"g": g, **rows_of(case)})
    fresh = case.key.pages == "fresh"
    w = f"np.empty({size_text(case)}, np.{case.key.dtype})" if fresh else "w"
    text = FASTINIT[case.key.draw].format(w=w, scale=case.scale_text, case=case)
    return Statement(text, {"g": g, "np": np} if fresh else {"g": g, "w": array_of(case)})


def scheme(parameter: Parameter) -> tuple[Any, ...]:
    """How fastinit fills a parameter."""
    if parameter.kind == "he":
        return "variance_scaling", 2.0, "fan_out", "normal", {"layout": "torch"}
    return ("normal", 0.0, parameter.std) if parameter.kind == "normal" else (parameter.kind,)


WAY_OF_ROWS = {
    "loop": "for i, row in enumerate(rows): g.normal(row, 0.0, {scale}, stream=i)",
    "fill": "g.fill(fills)  # fills = {{i: (row, 'normal', 0.0, {scale}) for i, row in enumerate(rows)}}",
    "one stream": "g.normal(w, 0.0, {scale})",
}


def by_other_ways(case: Case, own: _Names) -> dict[str, Statement]:
    """
    fastinit's other ways to rows of streams of their own; none of another case.

    They fill the same array as its own statement: how a large one happens to lie in memory makes more of a difference.
    """
    if not case.has_rows:
        return {}
    fills = {i: (row, "normal", 0.0, float(case.scale_text)) for i, row in enumerate(own["rows"])}
    names = {**own, "fills": fills}
    return {way: Statement(text.format(scale=case.scale_text), names) for way, text in WAY_OF_ROWS.items()}


def rows_of(case: Case) -> _Names:
    """NumPy's array of the case, and its rows."""
    w = written(case.shape, case.key.dtype)
    return {"w": w, "rows": list(w)}


# ---- NumPy's generators ----------------------------------------------------------------------------------------------


NUMPY = {
    "uniform": "rng.random(out={z}, dtype=dtype); np.multiply({z}, width, out={z}); np.add({z}, low, out={z})",
    "normal": "rng.standard_normal(out={z}, dtype=dtype); np.multiply({z}, std, out={z})",
    "truncated_normal": "rng.standard_normal(out={z}, dtype=dtype); redraw_beyond_two(standard_normal, {z}); "
    "np.multiply({z}, std, out={z})",
    "orthogonal": "q, r = np.linalg.qr(rng.standard_normal(out={z}, dtype=dtype)); "
    "np.multiply(q, np.sign(np.diag(r)), out={z})",
}
NUMPY_BITS = {
    "uint32": "rng.bit_generator.random_raw({half}).view(np.uint32)",
    "uint64": "rng.bit_generator.random_raw({elements})",
}
NUMPY_MODEL = {
    "one": "for w, std in drawn: rng.standard_normal(out=w, dtype=w.dtype); np.multiply(w, std, out=w)\n"
    "for w, value in constant: w.fill(value)",
    "all": "list(pool.map(draw, rngs, drawn))  "
    "# draw(rng, (w, std)): rng.standard_normal(out=w, dtype=w.dtype); np.multiply(w, std, out=w)\n"
    "for w, value in constant: w.fill(value)",
}
NUMPY_ROWS = (
    "for row, seed in zip(rows, {seeds}): rng = np.random.Generator(np.random.{generator}(seed)); "
    "rng.standard_normal(out=row, dtype=row.dtype); np.multiply(row, std, out=row)"
)
DRAWN_BY_NUMPY = ("float32", "float64")


def by_numpy(case: Case, bit_generator: Callable[[int], np.random.BitGenerator]) -> Statement:
    """Draws and scales in w itself where it can, otherwise in a buffer z that is then stored."""
    rng = np.random.Generator(bit_generator(SEED))
    if case.key.draw == "bits":
        text = NUMPY_BITS[case.key.dtype].format(elements=case.key.elements, half=case.key.elements // 2)
        return Statement(text, {"rng": rng, "np": np})
    if case.model:
        return model_by_numpy(case, rng)
    if case.has_rows:
        return rows_by_numpy(case, bit_generator.__name__)
    dtype = np.dtype(case.key.dtype if case.key.dtype in DRAWN_BY_NUMPY else "float32")
    dense = case.key.layout in ("contiguous", "Fortran order")
    in_place = dense and case.key.dtype == dtype.name and not case.adds
    store = "" if in_place else f"; {numpy_store(case, dtype)}"
    text = NUMPY[case.draw.distribution].format(z=contiguous_view(case, "w") if in_place else "z") + store
    constants = {
        "np": np,
        "rng": rng,
        "dtype": dtype,
        # As an operand, a 0-d array of the dtype costs NumPy half as much a call as a Python float.
        "std": np.array(case.scale, dtype),
        "low": np.array(-case.scale, dtype),
        "width": np.array(2 * case.scale, dtype),
        "redraw_beyond_two": redraw_beyond_two,
        "standard_normal": partial(rng.standard_normal, dtype=dtype),
    }
    if case.key.threads == "all" and case.draw.distribution != "orthogonal":
        text, names = in_threads(text, ("w",) if in_place else ("w", "z"), constants)
    else:
        names = constants
    if case.key.pages == "fresh":
        return Statement(f"w = np.empty({size_text(case)}, np.{case.key.dtype}); {text}", names)
    return Statement(text, names | {"w": array_of(case)} | ({} if in_place else {"z": written(case.shape, dtype)}))


def numpy_store(case: Case, drawn: np.dtype[Any]) -> str:
    if case.adds:
        return "np.add(w, z, out=w)"
    return "np.copyto(w, z)" if case.key.dtype == drawn.name else "np.copyto(w, z, casting='unsafe')"


def in_threads(text: str, arrays: tuple[str, ...], names: _Names) -> tuple[str, _Names]:
    """The same with a generator and a part of the arrays for each thread, as NumPy's documentation recommends."""
    count = fastinit.get_num_threads()
    head = f"draw(rng, {', '.join(arrays)})"
    parts = ", ".join(f"np.array_split({name}, {count})" for name in arrays)
    scope = dict(names)
    exec(f"def {head}: {text}", scope)
    pool = {"draw": scope["draw"], "pool": ThreadPoolExecutor(count), "rngs": names["rng"].spawn(count)}
    return f"list(pool.map(draw, rngs, {parts}))  # {head}: {text}", names | pool


def model_by_numpy(case: Case, rng: np.random.Generator) -> Statement:
    """On several threads each array is filled by one, with a generator of its own."""

    def draw(rng: np.random.Generator, scaled: tuple[_Array, float]) -> None:
        w, std = scaled
        rng.standard_normal(out=w, dtype=w.dtype)
        np.multiply(w, std, out=w)

    names = {"np": np, "rng": rng, **parts_of_model(case, written)}
    if case.key.threads == "all":
        names |= {"draw": draw, "pool": ThreadPoolExecutor(fastinit.get_num_threads())}
        names["rngs"] = rng.spawn(len(names["drawn"]))
    return Statement(NUMPY_MODEL[case.key.threads], names)


def rows_by_numpy(case: Case, generator: str) -> Statement:
    """As its documentation makes independent streams; on several threads each takes a part of the rows."""
    names: _Names = {"np": np, "std": np.array(case.scale, case.key.dtype), **rows_of(case)}
    seeds = f"np.random.SeedSequence({SEED}).spawn({case.shape[0]})"
    if case.key.threads == "one":
        return Statement(NUMPY_ROWS.format(seeds=seeds, generator=generator), names)
    count, scope = fastinit.get_num_threads(), dict(names)
    text = NUMPY_ROWS.format(seeds="seeds", generator=generator)
    exec(f"def draw(rows, seeds):\n    {text}", scope)
    names |= {"draw": scope["draw"], "pool": ThreadPoolExecutor(count)}
    call = f"list(pool.map(draw, np.array_split(w, {count}), np.array_split({seeds}, {count})))"
    return Statement(f"{call}  # draw(rows, seeds): {text}", names)


# ---- np.random and mkl_random ----------------------------------------------------------------------------------------


# What goes before, and what gives a new array; of float64 but for bits.
LEGACY = {
    "bits": ("", "{rs}.randint(0, 1 << {bits}, {size}, np.{dtype})"),
    "uniform": ("", "{rs}.uniform(-{scale}, {scale}, {size})"),
    "normal": ("", "{rs}.normal(0.0, {scale}, {size})"),
    "truncated_normal": (
        "z = {rs}.standard_normal({size}); redraw_beyond_two({rs}.standard_normal, z); ",
        "np.multiply(z, {scale}, out=z)",
    ),
}
LEGACY_MODEL = "for w, std in drawn: w[...] = {rs}.normal(0.0, std, w.shape)\nfor w, value in constant: w.fill(value)"


def by_legacy(case: Case, rs: str, random_state: Any) -> Statement | None:
    """Leaves the new array where it is what was asked for; otherwise copies it into w, or adds it."""
    names = {"np": np, rs: random_state, "redraw_beyond_two": redraw_beyond_two}
    if case.model:
        return Statement(LEGACY_MODEL.format(rs=rs), names | parts_of_model(case, written))
    if case.draw.distribution not in LEGACY or case.has_rows:
        return None
    dtype, bits = case.key.dtype, BY_NAME[case.key.dtype].bits
    before, value = (
        text.format(rs=rs, size=size_text(case), scale=case.scale_text, dtype=dtype, bits=bits)
        for text in LEGACY[case.draw.distribution]
    )
    if case.key.layout == "contiguous" and not case.adds and (dtype == "float64" or case.key.draw == "bits"):
        return Statement(before + value, names)
    if case.key.pages == "fresh":
        return Statement(f"{before}{value}.astype(np.{dtype})", names)
    names["w"] = array_of(case)
    store = "np.add(w, {value}, out=w)" if case.adds else "{w}[...] = {value}"
    return Statement(before + store.format(w=contiguous_view(case, "w"), value=value), names)


def by_np_random(case: Case) -> Statement | None:
    return by_legacy(case, "rs", np.random.RandomState(SEED))


def by_mkl(case: Case) -> Statement | None:
    """ARS-5 is the fastest of its generators, and the inverse, which is its default, the fastest of its normals."""
    return by_legacy(case, "mkl", importlib.import_module("mkl_random").MKLRandomState(SEED, "ARS5"))


# ---- PyTorch ---------------------------------------------------------------------------------------------------------


TORCH = {
    "bits": "t.random_(-(1 << 63), None)",
    "uniform": "init.uniform_({t}, -{scale}, {scale})",
    "normal": "init.normal_({t}, 0.0, {scale})",
    "truncated_normal": "init.trunc_normal_({t}, 0.0, {scale}, -2 * {scale}, 2 * {scale})",
    "xavier_uniform": "init.xavier_uniform_({t})",
    "xavier_normal": "init.xavier_normal_({t})",
    "he_uniform": "init.kaiming_uniform_({t}, nonlinearity='relu')",
    "he_normal": "init.kaiming_normal_({t}, nonlinearity='relu')",
    "orthogonal": "init.orthogonal_({t})",
    ADDED: "t.add_(z.normal_(), alpha={scale})",
}
TORCH_MODEL = "for t, std in drawn: init.normal_(t, 0.0, std)\nfor t, value in constant: init.constant_(t, value)"
TORCH_ROWS = "for i, row in enumerate(rows): init.normal_(row, 0.0, {scale}, generator=generator.manual_seed(i))"
# init.normal_ takes seven times as long where an array is not contiguous; the uniform_ is not slower.
TORCH_STRIDED_NORMAL = "t.copy_(z.normal_(0.0, {scale}))"


def by_torch(case: Case) -> Statement | None:
    import torch

    names: _Names = {"torch": torch, "init": torch.nn.init}
    if case.model:
        return Statement(TORCH_MODEL, names | parts_of_model(case, torch.zeros))
    if case.has_rows:
        w = torch.zeros(case.shape)
        names |= {"w": w, "rows": list(w), "generator": torch.Generator()}
        return Statement(TORCH_ROWS.format(scale=case.scale_text), names)
    if case.key.layout == "backwards":  # it has no negative strides
        return None
    text = TORCH.get(case.key.draw) or TORCH[case.draw.distribution]
    if case.key.layout not in ("contiguous", "Fortran order") and case.draw.distribution == "normal":
        text = TORCH_STRIDED_NORMAL
    fresh = case.key.pages == "fresh"
    t = f"torch.empty({size_text(case)})" if fresh else contiguous_view(case, "t")
    text = text.format(t=t, scale=case.scale_text)
    if case.key.draw == "bits":
        # Only of int64 does it draw all bits; as many bytes of another type are a view.
        names["t"] = torch.zeros(case.bytes // 8, dtype=torch.int64)
    elif not fresh:
        dtype = getattr(torch, case.key.dtype)
        names["t"] = laid_out(case, lambda shape: torch.zeros(shape, dtype=dtype))
        if "z." in text:
            names["z"] = torch.zeros(case.shape, dtype=dtype)
    return Statement(text, names)


TORCH_THREADS = Threads(
    lambda: int(importlib.import_module("torch").get_num_threads()),
    lambda count: importlib.import_module("torch").set_num_threads(count),
)


# ---- JAX -------------------------------------------------------------------------------------------------------------


# Its own xavier_normal and he_normal are truncated; what they are made of can draw without.
JAX = {
    "bits": "jax.random.bits(key, {shape}, '{dtype}')",
    "uniform": "jax.random.uniform(key, {shape}, '{dtype}', -{scale}, {scale})",
    "normal": "jax.nn.initializers.normal({scale})(key, {shape}, '{dtype}')",
    "truncated_normal": "jax.nn.initializers.truncated_normal({scale})(key, {shape}, '{dtype}')",
    "xavier_uniform": "jax.nn.initializers.glorot_uniform()(key, {shape}, '{dtype}')",
    "xavier_normal": "jax.nn.initializers.variance_scaling(1.0, 'fan_avg', 'normal')(key, {shape}, '{dtype}')",
    "he_uniform": "jax.nn.initializers.he_uniform()(key, {shape}, '{dtype}')",
    "he_normal": "jax.nn.initializers.variance_scaling(2.0, 'fan_in', 'normal')(key, {shape}, '{dtype}')",
    "lecun_normal, truncated": "jax.nn.initializers.lecun_normal()(key, {shape}, '{dtype}')",
    "lasagne_uniform": "jax.nn.initializers.glorot_uniform()(key, {shape}, '{dtype}')",
    "orthogonal": "jax.nn.initializers.orthogonal()(key, {shape}, '{dtype}')",
    ADDED: "w + {scale} * jax.random.normal(key, {shape}, '{dtype}')",
}
JAX_MODEL = "[draw(key, shape) for draw, key, shape in zip(draws, jax.random.split(key, {count}), shapes)]"


def by_jax(case: Case) -> Statement | None:
    """A function compiled beforehand, which makes new arrays: JAX has none to fill."""
    import jax

    if case.key.layout != "contiguous" and not case.model and not case.has_rows:
        return None
    with jax_for("float32"):
        key = jax.random.key(SEED)
    if case.model:
        source = f"lambda key: {JAX_MODEL.format(count=len(case.model))}"
        names = {"jax": jax, "key": key, "draw": model_by_jax(case.key.draw, source)}
        return Statement(f"jax.block_until_ready(draw(key))  # draw = jax.jit({source})", names)
    shape = case.shape[1:] if case.has_rows else case.shape
    value = JAX[case.key.draw].format(shape=shape, dtype=case.key.dtype, scale=case.scale_text)
    if case.has_rows:
        value = f"jax.vmap(lambda key: {value})(jax.random.split(key, {case.shape[0]}))"
    arguments = "w, key" if case.adds else "key"
    source = f"lambda {arguments}: {value}"
    names = {"key": key, "draw": compiled_by_jax(source, case.shape, case.key.dtype, case.adds)}
    if case.adds:
        with jax_for(case.key.dtype):
            names["w"] = jax.numpy.asarray(array_of(case))
    return Statement(f"draw({arguments}).block_until_ready()  # draw = jax.jit({source})", names)


@cache
def compiled_by_jax(source: str, shape: tuple[int, ...], dtype: str, adds: bool) -> Any:
    """The function, compiled: once, and so that calls of it do not depend on whether 64-bit numbers are enabled."""
    import jax

    with jax_for(dtype):
        array = (jax.ShapeDtypeStruct(shape, dtype_named(dtype, "checkpoint")),) if adds else ()
        return jax.jit(eval(source, {"jax": jax})).lower(*array, jax.random.key(SEED)).compile()


@cache
def model_by_jax(name: str, source: str) -> Any:
    """The function that returns all parameters of a model, compiled."""
    import jax

    init = jax.nn.initializers
    parameters = list(MODELS[name].parameters())
    makers = {
        "normal": lambda each: init.normal(each.std),
        "he": lambda each: init.variance_scaling(2.0, "fan_out", "normal", in_axis=1, out_axis=0),
        "ones": lambda each: init.ones,
        "zeros": lambda each: init.zeros,
    }
    names = {
        "jax": jax,
        "draws": [makers[each.kind](each) for each in parameters],
        "shapes": [each.shape for each in parameters],
    }
    with jax_for("float32"):
        return jax.jit(eval(source, names)).lower(jax.random.key(SEED)).compile()


@contextmanager
def jax_for(dtype: str) -> Iterator[None]:
    """JAX works on the CPU, as the others do, where there is a GPU too; with 64-bit numbers if the dtype is one."""
    import jax

    enabled = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", enabled or BY_NAME[dtype].bits == 64)
    try:
        with jax.default_device(jax.local_devices(backend="cpu")[0]):
            yield
    finally:
        jax.config.update("jax_enable_x64", enabled)


# ---- All -------------------------------------------------------------------------------------------------------------


ALL = {
    "NumPy": Peer("numpy", "numpy", "NumPy", "Generator(PCG64)", partial(by_numpy, bit_generator=np.random.PCG64)),
    "NumPy SFC64": Peer(
        "numpy", "numpy", "NumPy", "Generator(SFC64)", partial(by_numpy, bit_generator=np.random.SFC64)
    ),
    "np.random": Peer("numpy", "numpy", "NumPy", "RandomState, float64 into a new array, then copied", by_np_random),
    "PyTorch": Peer("torch", "torch", "PyTorch", "torch.nn.init", by_torch, TORCH_THREADS),
    "JAX": Peer("jax", "jax", "JAX", "jax.random with threefry keys, compiled by jax.jit, new arrays", by_jax),
    "MKL": Peer(
        "mkl_random",
        "mkl_random",
        "mkl_random",
        "MKLRandomState('ARS5'), float64 into a new array, then copied",
        by_mkl,
    ),
}
