"""Lazy arrays hold the generator's values: in any chunks, on any scheduler, and when a worker dies."""

import doctest
import inspect
import itertools
import os
import pickle
import signal

import ml_dtypes
import numpy as np
import pytest
from conftest import FLOATS, printed_by, same
from hypothesis import given
from hypothesis import strategies as st

import fastinit
from fastinit.draw import Drawn
from fastinit.generator import SCHEMES

dask = pytest.importorskip("dask", reason="Dask is not installed")

import dask.array as da  # noqa: E402

import fastinit.dask as lazy  # noqa: E402

# For each scheme a shape and the arguments that it needs; chunks of 4 cut the shape unevenly.
SHAPES = {"dirac": (6, 9, 3), "delta_orthogonal": (5, 6, 9)}
ARGUMENTS = {"constant": (0.1,), "sparse": (0.3, 0.5), "normal": (1.0, 0.5), "uniform": (-2.0, 3.0)}


def arguments_of(scheme):
    takes_layout = "layout" in inspect.signature(getattr(fastinit.Generator, scheme)).parameters
    return ARGUMENTS.get(scheme, ()), {"layout": "keras"} if takes_layout else {}


def define(scheme, shape, chunks, seed=7, stream="w", **more):
    arguments, keywords = arguments_of(scheme)
    source = {"seed": seed, "stream": stream} if SCHEMES[scheme] else {}
    return getattr(lazy, scheme)(shape, chunks, *arguments, **keywords, **source, **more)


def filled(scheme, shape, dtype, seed=7, stream="w"):
    arguments, keywords = arguments_of(scheme)
    source = {"stream": stream} if SCHEMES[scheme] else {}
    out = np.empty(shape, dtype)
    return getattr(fastinit.Generator(seed), scheme)(out, *arguments, **keywords, **source)


def same_values(scheme, shape, chunks, dtype=None):
    """Whether the array in these chunks is what one fill writes."""
    dtype = np.dtype(dtype or ("uint32" if scheme == "bits" else "float32"))
    array = define(scheme, shape, chunks, dtype=dtype)
    return same(array.compute(scheduler="sync"), filled(scheme, shape, dtype))


# ---- The values ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheduler", ["sync", "threads"])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_an_array_in_chunks_is_what_one_fill_writes(scheme, scheduler):
    shape = SHAPES.get(scheme, (10, 6))
    array = define(scheme, shape, 4)
    assert array.npartitions > 1
    assert same(array.compute(scheduler=scheduler), filled(scheme, shape, array.dtype))


@st.composite
def chunked(draw):
    """A shape of up to four axes and chunks of it, irregular ones too."""
    shape = draw(st.lists(st.integers(0, 9), max_size=4))
    cuts = [sorted(draw(st.sets(st.integers(1, max(size - 1, 1)), max_size=4 if size > 1 else 0))) for size in shape]
    chunks = tuple(
        tuple(end - start for start, end in itertools.pairwise([0, *places, size]))
        for size, places in zip(shape, cuts, strict=True)
    )
    return tuple(shape), chunks


@given(chunked(), st.sampled_from(["bits", "uniform", "normal", "truncated_normal", "he_normal", "constant"]))
def test_any_chunks_hold_the_same_values(chunked, scheme):
    assert same_values(scheme, *chunked)


@given(st.integers(1, 12), st.integers(1, 12), st.data())
def test_schemes_that_need_more_than_a_block_have_the_same_values_in_any_chunks(rows, columns, data):
    chunks = tuple(data.draw(st.integers(1, size)) for size in (rows, columns))
    for scheme in ("orthogonal", "sparse", "identity"):
        assert same_values(scheme, (rows, columns), chunks)


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_every_dtype_is_filled(dtype):
    assert same_values("normal", (7, 5), 3, dtype)
    assert same_values("xavier_uniform", (7, 5), 3, dtype)


def test_bits_may_be_of_64():
    assert same_values("bits", (7, 5), 3, np.uint64)


@pytest.mark.parametrize(("shape", "chunks"), [((), ()), (5, 2), ((0, 3), 2), ((4, 0), (3, 0)), ([5, np.int64(3)], -1)])
def test_shapes_may_be_numbers_lists_empty_or_scalar(shape, chunks):
    array = lazy.normal(shape, chunks, seed=7, stream="w")
    assert same(array.compute(scheduler="sync"), filled_normal(array.shape))


def filled_normal(shape):
    return fastinit.Generator(7).normal(np.empty(shape, np.float32), stream="w")


def test_arguments_stand_in_the_order_of_the_generators_after_shape_and_chunks():
    array = lazy.he_normal((4, 3), (2, 3), 3, 0.1, dtype="float64", seed=1, stream=2)
    expected = fastinit.Generator(1).he_normal(np.empty((4, 3)), 3, 0.1, stream=2)
    assert same(array.compute(scheduler="sync"), expected)


def test_number_of_a_name_is_the_stream_of_the_name():
    array = lazy.normal(6, 4, seed=7, stream=fastinit.stream_number("w"))
    expected = fastinit.Generator(7).normal(np.empty(6, np.float32), stream="w")
    assert same(array.compute(scheduler="sync"), expected)


def test_without_a_seed_it_is_a_fill_by_the_default_generator_as_of_now():
    state = fastinit.default_generator.state
    try:
        fastinit.seed(11)
        first, named, second = lazy.normal(6, 4), lazy.normal(6, 4, stream="b"), lazy.normal(6, 4)
        assert fastinit.default_generator.stream == 2
        fastinit.seed(12)
        for array, stream in ((second, 1), (named, "b"), (first, 0), (first, 0)):
            expected = fastinit.Generator(11).normal(np.empty(6, np.float32), stream=stream)
            assert same(array.compute(scheduler="sync"), expected)
    finally:
        fastinit.default_generator.state = state


# ---- The graph -------------------------------------------------------------------------------------------------------


@pytest.fixture
def blocks(monkeypatch):
    """The shapes of the blocks that are filled."""
    shapes, block = [], Drawn.block

    def recorded(drawn, place):
        shapes.append(tuple(each.stop - each.start for each in place))
        return block(drawn, place)

    monkeypatch.setattr(Drawn, "block", recorded)
    return shapes


def test_a_slice_of_an_array_that_no_machine_holds_fills_only_its_chunks(blocks):
    huge = lazy.normal((2**24, 2**24), (2**11, 2**9), dtype="float16", seed=7, stream="w")
    part = (huge[2**23 - 2 : 2**23 + 2, 2**22 + 5] * 2 + 1).compute(scheduler="sync")
    assert blocks == [(2**11, 2**9)] * 2
    where = {"offset": (2**23 - 2, 2**22 + 5), "global_shape": huge.shape}
    column = fastinit.Generator(7).normal(np.empty((4, 1), np.float16), stream="w", **where)
    assert same(part, column[:, 0] * 2 + 1)


def test_the_graph_of_a_million_chunks_is_small():
    huge = lazy.he_normal((2**20, 2**20), (2**10, 2**10), 2**20, seed=7, stream="w")
    assert huge.npartitions == 2**20
    assert len(pickle.dumps(huge)) < 20_000


def test_a_chunk_and_what_is_done_with_it_are_one_task():
    array = ((lazy.normal((8, 8), 4, seed=7, stream="w") + 1) * 2).map_blocks(np.sqrt)
    (optimised,) = dask.optimize(array)
    assert len(dict(optimised.__dask_graph__())) == 4


def test_names_are_those_of_the_values():
    def name(shape=(6, 4), chunks=3, *arguments, seed=7, stream="w", dtype="f4"):
        return lazy.normal(shape, chunks, *arguments, seed=seed, stream=stream, dtype=dtype).name

    others = [
        name((6, 5)),
        name((6, 4), 2),
        name((6, 4), 3, 1.0),
        name(seed=8),
        name(stream="v"),
        name(dtype="f8"),
        lazy.uniform((6, 4), 3, seed=7, stream="w").name,
    ]
    assert name() == name() == name((6, 4), ((3, 3), (3, 1)), dtype=np.float32)
    assert len({name(), *others}) == 1 + len(others)
    assert name().startswith("normal-")
    code = "import fastinit.dask; print(fastinit.dask.normal((6, 4), 3, seed=7, stream='w').name)"
    assert printed_by(code) == [name()]


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_dask_knows_the_dtype_before_anything_is_computed(dtype):
    array = lazy.normal((6, 4), 3, seed=7, stream="w", dtype=dtype)
    assert array.dtype == array._meta.dtype == dtype
    assert type(array._meta) is np.ndarray
    assert array._meta.ndim == 2


def test_a_matrix_that_costs_as_much_as_any_block_is_made_once(blocks):
    array = lazy.orthogonal((12, 8), (3, 4), seed=7, stream="w")
    assert array.chunks == ((3,) * 4, (4, 4))
    array.compute(scheduler="sync")
    assert blocks == [(12, 8)]


def test_a_task_of_sparse_makes_whole_columns_of_one_chunk(blocks):
    array = lazy.sparse((12, 8), (3, 4), 0.25, seed=7, stream="w")
    array[:, 5].compute(scheduler="sync")
    assert blocks == [(12, 4)]


# ---- Bad input -------------------------------------------------------------------------------------------------------

BAD = {
    "shape of strings": (TypeError, "shape=.*integer", lambda: lazy.normal("ab")),
    "shape of fractions": (TypeError, "shape=.*integer", lambda: lazy.normal((2, 1.5))),
    "negative shape": (ValueError, "shape=.*zero and more", lambda: lazy.normal((2, -1))),
    "more than 2**63 elements": (ValueError, r"2\*\*63", lambda: lazy.normal((2**40, 2**40), 2**39)),
    "chunks of zero": (ValueError, r"chunks=0 for shape=\(4, 3\)", lambda: lazy.normal((4, 3), 0)),
    "chunks of another shape": (ValueError, "chunks=.*add up", lambda: lazy.normal((4, 3), ((4,), (2,)))),
    "unknown chunks": (ValueError, "chunks=nan", lambda: lazy.normal((4, 3), np.nan)),
    "no dtype": (TypeError, "dtype=None", lambda: lazy.normal((4, 3), dtype=None)),
    "a dtype of integers": (TypeError, "int32; accepted are float32", lambda: lazy.normal((4, 3), dtype="i4")),
    "bits of floats": (TypeError, "accepted are uint32", lambda: lazy.bits((4, 3), dtype="f4")),
    "another byte order": (TypeError, "byte-swapped", lambda: lazy.normal((4, 3), dtype=np.dtype("f4").newbyteorder())),
    "no fans": (TypeError, "fan_in is missing", lambda: lazy.he_normal((4, 3))),
    "a negative spread": (ValueError, "std=-1", lambda: lazy.normal((4, 3), std=-1)),
    "too few axes": (ValueError, "axes", lambda: lazy.orthogonal(4)),
    "no memory holds the matrix": (ValueError, "no memory", lambda: lazy.orthogonal((2**31, 2**31), 2**30)),
    "a seed without a stream": (TypeError, "seed=7 without stream", lambda: lazy.normal((4, 3), seed=7)),
    "a seed out of range": (ValueError, "seed=-1", lambda: lazy.normal((4, 3), seed=-1, stream=0)),
    "a stream that is a fraction": (TypeError, "stream must be", lambda: lazy.normal((4, 3), seed=7, stream=0.5)),
    "uniform complex numbers": (
        TypeError,
        "dtype complex64; accepted are float32, .*; complex numbers are drawn by normal and by the normal schemes",
        lambda: lazy.uniform((4, 3), dtype="c8"),
    ),
    "truncated complex numbers": (
        TypeError,
        "dtype complex128; .*; complex numbers are drawn by normal",
        lambda: lazy.he_normal((4, 3), truncated=True, layout="keras", dtype="c16"),
    ),
    "a complex mean of real numbers": (TypeError, "mean must be a number", lambda: lazy.normal((4, 3), mean=1j)),
    "a mean that is true": (TypeError, "mean must be a number, not bool", lambda: lazy.normal((4, 3), mean=True)),
    "a value that is true": (TypeError, "value must be a number, not bool", lambda: lazy.constant((4, 3), 2, True)),
    "a shape of bools": (TypeError, r"shape=\(4, True\)", lambda: lazy.normal((4, True))),
    "chunks that are true": (TypeError, "chunks=True; a bool is not accepted", lambda: lazy.normal((4, 3), True)),
    "chunks with a bool": (TypeError, r"chunks=\(\(3, True\), 3\)", lambda: lazy.normal((4, 3), ((3, True), 3))),
    "chunks of an axis": (TypeError, "chunks={0: True}; a bool", lambda: lazy.normal((4, 3), {0: True})),
    "a seed that is true": (TypeError, "seed must be", lambda: lazy.normal((4, 3), seed=True, stream=0)),
    "no value": (TypeError, "constant: missing.*value.*accepted are", lambda: lazy.constant((4, 3), 2)),
    "streams of rows": (
        TypeError,
        "normal: .*keyword .*'streams'",
        lambda: lazy.normal((4, 3), seed=7, streams=range(4)),
    ),
    "streams of matrices": (TypeError, "orthogonal: .*'streams'", lambda: lazy.orthogonal((4, 3), streams=range(4))),
    "streams of what draws nothing": (TypeError, "zeros: .*'streams'", lambda: lazy.zeros((4, 3), streams=range(4))),
    "a name that nothing has": (TypeError, "normal: .*sigma.*accepted are", lambda: lazy.normal((4, 3), sigma=2)),
    "a seed of what draws nothing": (TypeError, "zeros: .*seed", lambda: lazy.zeros((4, 3), seed=1)),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_arguments_are_refused_when_the_array_is_defined_and_take_no_stream(case):
    kind, message, define = BAD[case]
    state = fastinit.default_generator.state
    with pytest.raises(kind, match=message):
        define()
    assert fastinit.default_generator.state == state


def test_lazy_arrays_show_no_streams_of_rows():
    for name in lazy.__all__:
        function = getattr(lazy, name)
        assert "streams" not in inspect.signature(function).parameters
        assert "streams :" not in function.__doc__


def test_without_dask_the_error_says_what_to_install():
    code = "import sys; sys.modules['dask'] = None\ntry: import fastinit.dask\nexcept ImportError as e: print(e)"
    assert "pip install 'fastinit-weights[dask]'" in " ".join(printed_by(code))


# ---- What is shown ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*lazy.__all__, "__doc__"])
def test_examples_print_what_they_show(name):
    text = lazy.__doc__ if name == "__doc__" else getattr(lazy, name).__doc__
    example = doctest.DocTestParser().get_doctest(text, {}, name, None, 0)
    failures, tried = doctest.DocTestRunner().run(example, out=lambda text: None)
    assert tried
    assert not failures


@pytest.mark.parametrize("scheme", SCHEMES)
def test_help_has_the_parameters_that_the_function_takes(scheme):
    function = getattr(lazy, scheme)
    names = list(inspect.signature(function).parameters)
    documented = [line.partition(" : ")[0] for line in function.__doc__.splitlines() if " : " in line]
    assert sorted(name for names in documented for name in names.split(", ")) == sorted(names)
    assert max(map(len, function.__doc__.splitlines())) <= 120
    assert pickle.loads(pickle.dumps(function)) is function


# ---- Processes -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
def test_normals_that_are_not_truncated_draw_complex_numbers(dtype):
    layout = {"layout": "jax"}
    for scheme, arguments, keywords in (
        ("normal", (1 - 2j, 0.5), {}),
        ("he_normal", (), layout),
        ("lasagne_normal", (), layout),
        ("variance_scaling", (2.0, "fan_out", "normal"), layout),
    ):
        array = getattr(lazy, scheme)((40, 30), (11, 7), *arguments, **keywords, dtype=dtype, seed=7, stream="w")
        whole = getattr(fastinit.Generator(7), scheme)(np.empty((40, 30), dtype), *arguments, **keywords, stream="w")
        assert same(array.compute(scheduler="sync"), whole)
        assert same(array[5:30:3, 1:].compute(scheduler="sync"), np.ascontiguousarray(whole[5:30:3, 1:]))


def test_seed_may_be_a_seed_sequence():
    sequence = np.random.SeedSequence(3)
    array = lazy.normal((40, 30), 11, seed=sequence, stream="w")
    assert same(array.compute(), fastinit.Generator(sequence).normal(np.empty((40, 30), "f4"), stream="w"))
    assert array.name == lazy.normal((40, 30), 11, seed=fastinit.Generator(sequence).seed, stream="w").name


@pytest.mark.parametrize(
    "dtype", ["bool", "int8", "int64", "uint64", "complex64", "longdouble", "float8_e4m3fn", "int4"]
)
def test_constants_are_lazy_in_every_dtype_of_numbers(dtype):
    dtype = np.dtype(getattr(ml_dtypes, dtype, dtype))
    for scheme, arguments in (("zeros", ()), ("ones", ()), ("constant", (1,)), ("identity", ()), ("dirac", ())):
        shape = SHAPES.get(scheme, (40, 30))
        array = getattr(lazy, scheme)(shape, 11, *arguments, dtype=dtype)
        assert array.dtype == dtype
        whole = getattr(fastinit, scheme)(np.empty(shape, dtype), *arguments)
        assert np.array_equal(array.compute(), whole)
        assert np.array_equal(array[2:4, 1:].compute(), whole[2:4, 1:])
    if dtype.name in ("bool", "int8", "int64", "uint64", "int4"):
        with pytest.raises(ValueError, match=f"value=0.5; accepted for {dtype}"):
            lazy.constant((4, 4), 2, 0.5, dtype=dtype)


@pytest.fixture(scope="module")
def client():
    distributed = pytest.importorskip("distributed", reason="dask.distributed is not installed")
    options = {"n_workers": 2, "threads_per_worker": 1, "processes": True, "dashboard_address": ":0"}
    with distributed.LocalCluster(**options) as cluster, distributed.Client(cluster) as client:
        yield client


def test_workers_in_other_processes_hold_the_same_values(client):
    for scheme in ("normal", "he_normal", "sparse", "dirac"):
        shape = SHAPES.get(scheme, (40, 30))
        array = define(scheme, shape, 11, dtype=ml_dtypes.bfloat16)
        assert same(array.compute(), filled(scheme, shape, ml_dtypes.bfloat16))


def test_workers_hold_the_same_orthogonal_matrix_up_to_rounding(client):
    array = define("orthogonal", (40, 30), 11)
    np.testing.assert_allclose(array.compute(), filled("orthogonal", (40, 30), np.float32), atol=1e-6)


def deadly(block, folder, block_id=None):
    """Notes the chunk and the process that made it; the first time, the ninth chunk takes its process with it."""
    with (folder / "made").open("a") as file:
        file.write(f"{block_id[0]} {os.getpid()}\n")
    if block_id == (8, 0):
        try:
            (folder / "killed").touch(exist_ok=False)
        except FileExistsError:
            return block
        os.kill(os.getpid(), signal.SIGKILL)
    return block


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_a_worker_that_is_killed_costs_only_the_chunks_that_it_held(client, tmp_path):
    array = lazy.normal((160, 50), (10, 50), seed=7, stream="w").map_blocks(
        deadly, tmp_path, dtype="f4", meta=np.empty((0, 0), "f4")
    )
    assert same(array.compute(), fastinit.Generator(7).normal(np.empty((160, 50), np.float32), stream="w"))
    made = [line.split() for line in (tmp_path / "made").read_text().splitlines()]
    killed = next(process for chunk, process in made if chunk == "8")
    lost = {chunk for chunk, process in made if process == killed}
    assert (tmp_path / "killed").exists()
    assert {process for _, process in made} > {killed}
    assert sorted(chunk for chunk, _ in made) == sorted([*map(str, range(16)), *lost])


class File:
    """A .npy file that every worker opens for itself."""

    def __init__(self, path):
        self.path = path

    def __setitem__(self, place, values):
        np.load(self.path, mmap_mode="r+")[place] = values


def test_workers_fill_one_file_that_each_of_them_opens(client, tmp_path):
    array = define("he_normal", (120, 50), (40, 20), dtype="f8")
    path = tmp_path / "w.npy"
    np.lib.format.open_memmap(path, "w+", array.dtype, array.shape).flush()
    da.store(array, File(path), lock=False)
    assert same(np.load(path), filled("he_normal", (120, 50), np.float64))


def test_threads_fill_one_memory_map(tmp_path):
    array = define("he_normal", (120, 50), (40, 20))
    out = np.memmap(tmp_path / "w", array.dtype, "w+", shape=array.shape)
    da.store(array, out, lock=False, scheduler="threads")
    assert same(np.asarray(out), filled("he_normal", (120, 50), np.float32))


def test_workers_fill_a_zarr_array_of_which_any_part_can_be_read(client, tmp_path):
    zarr = pytest.importorskip("zarr", reason="zarr is not installed")
    array = define("he_normal", (120, 50), (40, 20))
    da.to_zarr(array, str(tmp_path / "w.zarr"))
    whole = filled("he_normal", (120, 50), np.float32)
    stored = zarr.open_array(str(tmp_path / "w.zarr"), mode="r")
    assert stored.chunks == (40, 20)
    assert same(stored[35:85, 19], whole[35:85, 19])
    assert same(da.from_zarr(str(tmp_path / "w.zarr")).compute(), whole)
