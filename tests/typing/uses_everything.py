"""
Every public name of fastinit, as its users' type checkers see it: never run, checked by tests/test_types.py.

What comes back has the type of what was passed in. A line with a `type: ignore` is a mistake that a checker must find:
one that it accepts is an unused `type: ignore`, which is an error too. No framework is imported, and none needs to be
installed: what is theirs is Any.
"""

from collections.abc import Iterable
from typing import Any, assert_type

import numpy as np

import fastinit
from fastinit import capi, checkpoint, insight
from fastinit import dask as dask_init
from fastinit import jax as jax_init
from fastinit import keras as keras_init
from fastinit import numba as numba_init
from fastinit import torch as torch_init
from fastinit.typing import Array, ComplexNumber, Layout, Number, OnDevice, Sizes, Stream


class Weights(np.ndarray[tuple[int, int], np.dtype[np.float32]]):
    """A subclass comes back as itself."""


Matrix = np.ndarray[tuple[int, int], np.dtype[np.float32]]
Words = np.ndarray[tuple[int], np.dtype[np.uint64]]


class DeviceMatrix:
    """As CuPy's and Numba's arrays are."""

    shape: tuple[int, ...]
    __cuda_array_interface__: dict[str, object]


def devices(matrix: DeviceMatrix, any_array: OnDevice) -> None:
    assert_type(fastinit.normal(matrix, std=0.02), DeviceMatrix)
    assert_type(fastinit.Generator(7).he_normal(any_array, 784), OnDevice)


def functions(
    w: Matrix, weights: Weights, half: np.ndarray[tuple[int, ...], np.dtype[np.float16]], words: Words
) -> None:
    fastinit.seed(7)
    fastinit.seed()
    assert_type(fastinit.bits(words), Words)
    assert_type(fastinit.uniform(w, -1, 1), Matrix)
    assert_type(fastinit.normal(weights, 0.0, 0.02, stream="fc1"), Weights)
    assert_type(
        fastinit.truncated_normal(half, std=0.02, low=-3, high=np.inf),
        np.ndarray[tuple[int, ...], np.dtype[np.float16]],
    )
    assert_type(fastinit.xavier_uniform(w, 784, 512, np.sqrt(2.0), accumulate=True), Matrix)
    assert_type(fastinit.xavier_normal(w, layout="torch", truncated=True), Matrix)
    assert_type(fastinit.xavier_uniform(w, fan_in=784, fan_out=512), Matrix)
    assert_type(fastinit.glorot_normal(w, 784, 512, stream=np.int64(3)), Matrix)
    assert_type(fastinit.he_uniform(w, fan_out=512), Matrix)
    assert_type(fastinit.he_normal(w, 784, 0.01, offset=(256, 0), global_shape=[512, 784]), Matrix)
    assert_type(fastinit.kaiming_uniform(w, np.float32(784)), Matrix)
    assert_type(fastinit.lecun_normal(w, layout="keras", truncated=True), Matrix)
    assert_type(fastinit.lasagne_uniform(w, layout="lasagne", gain="relu"), Matrix)
    assert_type(
        fastinit.variance_scaling(w, 2.0, "fan_geo_avg", "untruncated_normal", layout=None, fan_in=1, fan_out=2), Matrix
    )
    assert_type(fastinit.orthogonal(weights, fastinit.gain("tanh"), accumulate=False), Weights)
    assert_type(fastinit.delta_orthogonal(half), np.ndarray[tuple[int, ...], np.dtype[np.float16]])
    assert_type(fastinit.sparse(w, 0.25, std=0.01), Matrix)
    assert_type(fastinit.zeros(w), Matrix)
    assert_type(fastinit.ones(w, offset=(0, 0), global_shape=(2, 3)), Matrix)
    assert_type(fastinit.constant(w, np.float32(0.1)), Matrix)
    assert_type(fastinit.constant(w, np.complex64(1j)), Matrix)
    assert_type(fastinit.identity(w, gain=0.5), Matrix)
    assert_type(fastinit.identity(w, 2j), Matrix)
    assert_type(fastinit.dirac(half, groups=2), np.ndarray[tuple[int, ...], np.dtype[np.float16]])
    assert_type(fastinit.fill({"fc1": (w, "he_normal", 784)}), dict[str, np.ndarray[Any, Any]])
    assert_type(fastinit.fill({3: (w, "zeros")}), dict[int, np.ndarray[Any, Any]])
    assert_type(fastinit.fill([(w, "normal", {"std": 0.02})], accumulate=True), list[np.ndarray[Any, Any]])


def others() -> None:
    assert_type(fastinit.__version__, str)
    assert_type(fastinit.STREAM_VERSION, int)
    assert_type(fastinit.simd, str)
    assert_type(fastinit.default_generator, fastinit.Generator)
    assert_type(fastinit.fans((512, 784), "torch"), fastinit.Fans)
    fan_in, fan_out = fastinit.fans(np.empty((2, 3)).shape, "keras")
    assert_type(fan_in, int)
    assert_type(fastinit.fans((2, 3), "lasagne").fan_out, int)
    assert_type(fastinit.Fans(fan_in, fan_out).fan_in, int)
    assert_type(fastinit.gain("leaky_relu", 0.2), float)
    assert_type(fastinit.recommend("relu"), fastinit.Recommendation)
    assert_type(fastinit.Recommendation("zeros", {}, "").arguments, dict[str, Any])
    assert_type(fastinit.recommend("relu").scheme, str)
    assert_type(fastinit.recommend("relu").reason, str)
    assert_type(fastinit.get_num_threads(), int)
    assert_type(fastinit.get_include(), str)
    assert_type(fastinit.stream_number("fc1.weight"), int)
    fastinit.set_num_threads(np.int64(4))
    fastinit.set_num_threads(None)


def generator(w: Matrix, weights: Weights, words: Words) -> None:
    g = fastinit.Generator(7)
    g = fastinit.Generator()
    g = fastinit.Generator(seed=np.uint64(7), stream=3)
    g.reseed(8)
    g.reseed(np.random.SeedSequence(8))
    children: list[fastinit.Generator] = g.spawn(2)
    assert len(children) == 2
    assert_type(g.seed, int)
    assert_type(g.stream, int)
    g.stream = 3
    assert_type(g.state["seed"], int)
    g.state = {"seed": 7, "stream": 3}
    g.state = fastinit.Generator(8).state
    assert_type(g.bits(words, stream="words"), Words)
    assert_type(g.uniform(weights), Weights)
    assert_type(g.normal(w, std=1e-3, stream=4, accumulate=True), Matrix)
    assert_type(g.truncated_normal(w), Matrix)
    assert_type(g.variance_scaling(w, fan_in=784), Matrix)
    assert_type(g.orthogonal(weights), Weights)
    assert_type(g.delta_orthogonal(w), Matrix)
    assert_type(g.sparse(w, 0.25), Matrix)
    assert_type(g.zeros(w), Matrix)
    assert_type(g.ones(w), Matrix)
    assert_type(g.constant(weights, 1), Weights)
    assert_type(g.identity(w), Matrix)
    assert_type(g.dirac(w), Matrix)
    assert_type(g.fill({"fc1": (w, "he_normal", 784)}), dict[str, np.ndarray[Any, Any]])


def schemes(w: Matrix, weights: Weights, g: fastinit.Generator) -> None:
    # Made by tools/make: schemes.
    assert_type(fastinit.xavier_uniform(w, 784, 512), Matrix)
    assert_type(g.xavier_uniform(weights, 784, 512), Weights)
    dask_init.xavier_uniform((6, 4), 3, 784, 512)
    numba_init.xavier_uniform(w, 784, 512, seed=7, stream=3)
    jax_init.xavier_uniform()
    assert_type(fastinit.glorot_uniform(w, 784, 512), Matrix)
    assert_type(g.glorot_uniform(weights, 784, 512), Weights)
    dask_init.glorot_uniform((6, 4), 3, 784, 512)
    numba_init.glorot_uniform(w, 784, 512, seed=7, stream=3)
    jax_init.glorot_uniform()
    assert_type(fastinit.xavier_normal(w, 784, 512), Matrix)
    assert_type(g.xavier_normal(weights, 784, 512), Weights)
    dask_init.xavier_normal((6, 4), 3, 784, 512)
    numba_init.xavier_normal(w, 784, 512, seed=7, stream=3)
    jax_init.xavier_normal()
    assert_type(fastinit.glorot_normal(w, 784, 512), Matrix)
    assert_type(g.glorot_normal(weights, 784, 512), Weights)
    dask_init.glorot_normal((6, 4), 3, 784, 512)
    numba_init.glorot_normal(w, 784, 512, seed=7, stream=3)
    jax_init.glorot_normal()
    assert_type(fastinit.he_uniform(w, 784), Matrix)
    assert_type(g.he_uniform(weights, 784), Weights)
    dask_init.he_uniform((6, 4), 3, 784)
    numba_init.he_uniform(w, 784, seed=7, stream=3)
    jax_init.he_uniform()
    assert_type(fastinit.kaiming_uniform(w, 784), Matrix)
    assert_type(g.kaiming_uniform(weights, 784), Weights)
    dask_init.kaiming_uniform((6, 4), 3, 784)
    numba_init.kaiming_uniform(w, 784, seed=7, stream=3)
    jax_init.kaiming_uniform()
    assert_type(fastinit.he_normal(w, 784), Matrix)
    assert_type(g.he_normal(weights, 784), Weights)
    dask_init.he_normal((6, 4), 3, 784)
    numba_init.he_normal(w, 784, seed=7, stream=3)
    jax_init.he_normal()
    assert_type(fastinit.kaiming_normal(w, 784), Matrix)
    assert_type(g.kaiming_normal(weights, 784), Weights)
    dask_init.kaiming_normal((6, 4), 3, 784)
    numba_init.kaiming_normal(w, 784, seed=7, stream=3)
    jax_init.kaiming_normal()
    assert_type(fastinit.lecun_uniform(w, 784), Matrix)
    assert_type(g.lecun_uniform(weights, 784), Weights)
    dask_init.lecun_uniform((6, 4), 3, 784)
    numba_init.lecun_uniform(w, 784, seed=7, stream=3)
    jax_init.lecun_uniform()
    assert_type(fastinit.lecun_normal(w, 784), Matrix)
    assert_type(g.lecun_normal(weights, 784), Weights)
    dask_init.lecun_normal((6, 4), 3, 784)
    numba_init.lecun_normal(w, 784, seed=7, stream=3)
    jax_init.lecun_normal()
    assert_type(fastinit.lasagne_uniform(w, 784, 512), Matrix)
    assert_type(g.lasagne_uniform(weights, 784, 512), Weights)
    dask_init.lasagne_uniform((6, 4), 3, 784, 512)
    numba_init.lasagne_uniform(w, 784, 512, seed=7, stream=3)
    assert_type(fastinit.lasagne_normal(w, 784, 512), Matrix)
    assert_type(g.lasagne_normal(weights, 784, 512), Weights)
    dask_init.lasagne_normal((6, 4), 3, 784, 512)
    numba_init.lasagne_normal(w, 784, 512, seed=7, stream=3)
    # The end of it.


def wrapper(
    out: Array, fan: Number, layout: Layout | None = None, stream: Stream | None = None, shape: Sizes | None = None
) -> Array:
    """A scheme of one's own is annotated with the types of fastinit.typing."""
    where: Sizes | None = None if shape is None else [0] * out.ndim
    return fastinit.normal(
        fastinit.he_normal(out, None if layout else fan, layout=layout, stream=stream, offset=where, global_shape=shape)
    )


def constant_wrapper(out: Array, value: ComplexNumber) -> Array:
    return fastinit.constant(out, value)


def mistakes(w: Matrix, name: str, sizes: Iterable[float]) -> None:
    fastinit.he_normal(w, layout="pytorch")  # type: ignore[arg-type]
    fastinit.he_normal(w, layout=name)  # type: ignore[arg-type]
    fastinit.he_normal(w, "784")  # type: ignore[arg-type]
    fastinit.he_normal(w, fan=784)  # type: ignore[call-arg]
    fastinit.he_normal(w, truncated="yes")  # type: ignore[arg-type]
    fastinit.he_normal()  # type: ignore[call-arg]
    fastinit.he_normal([0.0, 0.0], 2)  # type: ignore[type-var]
    fastinit.he_normal((2, 3), 3)  # type: ignore[type-var]
    fastinit.glorot_normal(w, fan_in="784", fan_out=512)  # type: ignore[arg-type]
    fastinit.normal(w, stream=1.5)  # type: ignore[arg-type]
    fastinit.normal(w, stream=b"fc1")  # type: ignore[arg-type]
    fastinit.normal(w, offset=1, global_shape=4)  # type: ignore[arg-type]
    fastinit.normal(w, offset=sizes, global_shape=sizes)  # type: ignore[arg-type]
    fastinit.uniform(w, 0.0, 1.0, 7)  # type: ignore[call-arg]
    fastinit.uniform(w, low="0")  # type: ignore[arg-type]
    fastinit.variance_scaling(w, 1.0, "fan")  # type: ignore[arg-type]
    fastinit.variance_scaling(w, distribution="truncated")  # type: ignore[arg-type]
    fastinit.lasagne_normal(w, 784, 512, "tanh")  # type: ignore[arg-type]
    fastinit.constant(w)  # type: ignore[call-arg]
    fastinit.constant(w, "0")  # type: ignore[arg-type]
    fastinit.zeros(w, stream="fc1")  # type: ignore[call-arg]
    fastinit.bits(w, accumulate=True)  # type: ignore[call-arg]
    fastinit.dirac(w, groups=1.5)  # type: ignore[arg-type]
    fastinit.fill({"fc1": w})  # type: ignore[dict-item]
    fastinit.seed("7")  # type: ignore[arg-type]
    fastinit.fans((2, 3), "pytorch")  # type: ignore[arg-type]
    fastinit.fans((2, 3))  # type: ignore[call-arg]
    fastinit.gain(2.0)  # type: ignore[arg-type]
    fastinit.set_num_threads("all")  # type: ignore[arg-type]
    fastinit.stream_number(None)  # type: ignore[arg-type]
    fastinit.glorot(w)  # type: ignore[attr-defined]
    g = fastinit.Generator("7")  # type: ignore[arg-type]
    g.seed = 8  # type: ignore[misc]
    g.stream = "fc1"  # type: ignore[assignment]
    g.state = {"seed": 7}  # type: ignore[typeddict-item]
    g.orthogonal(w, gain="relu")  # type: ignore[arg-type]
    torch_init.kaiming_normal_(None, place=3)  # type: ignore[call-arg]
    torch_init.normal_(None, stream=1.5)  # type: ignore[arg-type]
    torch_init.normal_(None, streams=8)  # type: ignore[arg-type]
    torch_init.uniform_(None, generator=7)  # type: ignore[arg-type]
    jax_init.he_normal("float32")  # type: ignore[arg-type]
    jax_init.variance_scaling(1.0, "fan_avg", "untruncated_normal")  # type: ignore[arg-type]
    keras_init.HeNormal(stream=None)  # type: ignore[arg-type]
    dask_init.normal((2, 3), offset=(0, 0))  # type: ignore[call-arg]
    dask_init.constant((2, 3))  # type: ignore[call-arg]
    numba_init.normal(w, stream=3)  # type: ignore[call-arg]
    numba_init.normal(w, 0.0, 1.0, 7, 3)  # type: ignore[call-arg]
    numba_init.he_normal(w, "784", seed=7, stream=3)  # type: ignore[arg-type]


def in_torch(tensor: Any, module: Any) -> None:
    assert_type(torch_init.calculate_gain("relu"), float)
    torch_init.constant_(tensor, 0.1)
    torch_init.dirac_(tensor, groups=2)
    torch_init.eye_(tensor, offset=(0, 0), global_shape=(2, 3))
    torch_init.kaiming_normal_(tensor, nonlinearity="relu", stream="fc1")
    torch_init.kaiming_uniform_(tensor, 0.01, "fan_out")
    torch_init.normal_(tensor, 0.0, 0.02, generator=fastinit.Generator(7))
    torch_init.normal_(tensor, 1 + 2j)
    torch_init.normal_(tensor, streams=range(8), offset=(0,), global_shape=(3,))
    torch_init.orthogonal_(tensor, streams=["experts.0", 1])
    torch_init.init_module_(module, seed=np.random.SeedSequence(7))
    torch_init.ones_(tensor)
    torch_init.orthogonal_(tensor, gain=2)
    torch_init.sparse_(tensor, 0.25)
    torch_init.trunc_normal_(tensor, std=0.02, a=-0.04, b=0.04)
    torch_init.uniform_(tensor, -1, 1)
    torch_init.xavier_normal_(tensor)
    torch_init.xavier_uniform_(tensor, 5 / 3, None, stream=3)
    torch_init.zeros_(tensor)
    done = torch_init.init_module_(
        module, {"*.bias": "zeros"}, seed=7, prefix="model", defaults=False, keep_unmatched=True
    )
    assert_type(done, torch_init.Report)
    assert_type(done["weight"], torch_init.Filled)
    assert_type(done.unwritten, tuple[str, ...])
    assert_type(done["fc1.bias"].scheme, str | None)


def in_jax(sharding: Any) -> None:
    made: list[jax_init.Initializer] = [
        jax_init.constant(0.1),
        jax_init.delta_orthogonal(1.0, -1),
        jax_init.glorot_uniform(-2, (0, 1)),
        jax_init.he_normal(dtype="bfloat16"),
        jax_init.he_uniform(batch_axis=0),
        jax_init.normal(0.02),
        jax_init.ones,
        jax_init.orthogonal(),
        jax_init.truncated_normal(0.02, lower=-3.0, upper=3.0),
        jax_init.uniform(),
        jax_init.variance_scaling(2.0, "fan_avg", "uniform"),
        jax_init.zeros,
    ]
    jax_init.for_haiku(made[0])((2, 3), "float32")
    jax_init.make_array("he_normal", (784, 512), sharding, 7, "fc1.weight", layout="keras")
    jax_init.make_array("normal", (784, 512), sharding, np.random.SeedSequence(7), "fc1.weight")


def in_keras() -> None:
    assert_type(keras_init.HeNormal(seed=7, stream="fc1").stream, str | int)
    keras_init.HeNormal(7)((64, 32), dtype="float32")
    for named in (
        keras_init.GlorotNormal,
        keras_init.GlorotUniform,
        keras_init.HeUniform,
        keras_init.LecunNormal,
        keras_init.LecunUniform,
    ):
        named(seed=7, input_axes=(0,), output_axes=(1,), stream=3)
    keras_init.VarianceScaling(2.0, "fan_avg", "uniform", seed=7, stream="fc1").get_config()
    keras_init.RandomNormal(0.0, 0.02, 7, stream="fc1")
    keras_init.RandomUniform(-0.1, 0.1)
    keras_init.TruncatedNormal(stddev=0.02)
    for orthogonal in (keras_init.Orthogonal, keras_init.OrthogonalInitializer):
        orthogonal(1.0, seed=7, stream="fc1")
    for identity in (keras_init.Identity, keras_init.IdentityInitializer):
        identity(0.5)
    keras_init.Constant(0.1)
    keras_init.RandomNormal(1j, 0.5)
    keras_init.Ones()
    keras_init.Zeros()


def in_dask() -> None:
    dask_init.bits((6, 4), 3, dtype="uint64", seed=7, stream="w")
    dask_init.constant((6, 4), 3, 0.1)
    dask_init.delta_orthogonal((3, 4, 6), 2)
    dask_init.dirac((4, 6, 3), 2, groups=2)
    dask_init.glorot_normal((6, 4), "auto", 6, 4)
    dask_init.glorot_uniform((6, 4), {0: 2}, layout="keras")
    dask_init.he_normal((6, 4), "64 MiB", fan_in=6, dtype=np.float16, seed=7, stream=3)
    dask_init.he_uniform(6, 3, fan_out=6)
    dask_init.identity((6, 4), gain=0.5)
    dask_init.lasagne_normal((6, 4), 3, layout="lasagne", gain="relu")
    dask_init.lasagne_uniform((6, 4), 3, 6, 4)
    dask_init.lecun_normal((6, 4), 3, 6, truncated=True)
    dask_init.normal((6, 4), ((3, 3), (2, 2)), 1j, 0.02, seed=np.random.SeedSequence(7), stream="w")
    dask_init.ones((6, 4))
    dask_init.orthogonal((6, 4))
    dask_init.sparse((6, 4), 3, 0.25)
    dask_init.truncated_normal((6, 4), 3, low=-1, high=1)
    dask_init.uniform((6, 4), 3, -1, 1)
    dask_init.variance_scaling((6, 4), 3, 2.0, "fan_out", "normal", layout="torch")
    dask_init.zeros((6, 4))


def in_numba(words: Words, w: Matrix) -> None:
    numba_init.bits(words, seed=7, stream="words")
    numba_init.uniform(w, -1, 1, seed=7, stream=3, accumulate=True)
    numba_init.normal(w, 0.0, 0.02, seed=7, streams=range(3), offset=(0,), global_shape=(9,))
    numba_init.truncated_normal(w, std=0.02, low=-3, high=3, seed=7, streams=np.arange(3))
    numba_init.variance_scaling(w, 2.0, "fan_avg", "uniform", fan_in=3, fan_out=4, seed=7, stream=3)
    prepared = numba_init.prepare(numba_init.he_normal, np.float32, 784)
    numba_init.fill(w, prepared, seed=7, stream=3, first=5)


def in_checkpoints() -> None:
    done = checkpoint.init_checkpoint("old.safetensors", {"rule": []}, 7, "new.safetensors", dry_run=True)
    assert_type(done, list[checkpoint.Initialised])
    checkpoint.init_checkpoint("old.safetensors", {"rule": []}, np.random.SeedSequence(7), "new.safetensors")
    assert_type(done[0].tensor, checkpoint.Tensor)


def in_pictures() -> None:
    result = insight.signal_propagation("he_normal", "relu")
    assert_type(result, insight.Propagation)
    assert_type(insight.scheme_histograms(), list[insight.Histogram])
    insight.plot_propagation([result])
    insight.plot_histograms(insight.scheme_histograms())
    moments: type[insight.Moments] = insight.Moments
    assert moments


def in_c(w: Matrix) -> None:
    status: int = capi.normal(w.ctypes.data, w.size, capi.FASTINIT_FLOAT32, 0.0, 0.02, 7, 0, 0, 0)
    assert status == 0
