"""Fills of a CUDA device's memory: the CPU's bits, by the kernels' own source on an emulated device."""

import itertools
import math
from pathlib import Path

import golden
import ml_dtypes
import numpy as np
import pytest
from conftest import FLOATS, fresh_python
from emulator import ROOT, Driver, OnDevice, use
from test_docs import RUN_PAGE
from test_layouts import LAYOUTS

import fastinit
from fastinit import _core
from fastinit.gpu.driver import DriverError

BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
SEED = 0x0123456789ABCDEF


@pytest.fixture
def few_threads():
    """Launches of at most 1000 threads."""
    before = _core.set_launch_threads(1000)
    yield
    _core.set_launch_threads(before)


def twins(shape, dtype, value=0):
    """Two equal arrays, the first of which is to be a device's."""
    array = np.full(shape, value, dtype)
    return array, array.copy()


def check(device_view, cpu_view, scheme, *arguments, **keywords):
    """Fills both, one of them as a device's, and compares all the memory that they are views of."""
    out = OnDevice(device_view)
    assert getattr(fastinit.Generator(SEED), scheme)(out, *arguments, **keywords) is out
    getattr(fastinit.Generator(SEED), scheme)(cpu_view, *arguments, **keywords)
    one, other = (view if view.base is None else view.base for view in (device_view, cpu_view))
    assert one.tobytes() == other.tobytes()


# ---- The contract ----------------------------------------------------------------------------------------------------


def generator_call(fill):
    """The method, its positional arguments and its keywords."""
    keywords = {"stream": fill.stream, "offset": fill.offset, "global_shape": fill.global_shape}
    if fill.draw != "bits":
        keywords["accumulate"] = fill.accumulate
    return fill.draw, (*fill.parameters, *fill.bounds), keywords


@pytest.mark.parametrize("part", range(8))
def test_a_device_writes_the_golden_vectors(device, part):
    vectors = golden.read()[part::8]
    for vector in vectors:
        fill, out = vector.fill, golden.before(vector.fill)
        array = out
        if fill.draw == "complex_normal":
            fill, array = golden.as_complex(fill), golden.complex_view(out)
        draw, arguments, keywords = generator_call(fill)
        getattr(fastinit.Generator(fill.seed), draw)(OnDevice(array), *arguments, **keywords)
        assert golden.vector(vector.fill, out) == vector
    assert len(vectors) > 40
    assert {"range", "region"} <= set(device.forms)


DRAWS = [
    ("bits", (), ("u4", "u8")),
    ("uniform", (-0.3, 0.7), FLOATS),
    ("uniform", (1.0, 1.0000002), ("f4",)),
    ("normal", (0.1, 0.7), FLOATS),
    ("normal", (0.1 - 2j, 0.7), ("c8", "c16")),
    ("truncated_normal", (0.0, 1.0, -2.0, 2.0), FLOATS),
    ("truncated_normal", (0.0, 1.0, -0.3, 1.7), FLOATS),
    ("truncated_normal", (0.0, 1.0, -3.0, 3.0), FLOATS),
    ("truncated_normal", (0.0, 1.0, 2.0, math.inf), FLOATS),
    ("he_normal", (64,), FLOATS),
    ("xavier_uniform", (64, 32), FLOATS),
]
EACH = [(scheme, arguments, np.dtype(dtype)) for scheme, arguments, dtypes in DRAWS for dtype in dtypes]


@pytest.mark.parametrize(("scheme", "arguments", "dtype"), EACH)
@pytest.mark.parametrize("accumulate", [False, True])
def test_every_draw_in_every_form(device, scheme, arguments, dtype, accumulate):
    keywords = {} if scheme == "bits" else {"accumulate": accumulate}
    for shape, streams in (((5001,), None), ((7, 501), None), ((7, 501), range(3, 10)), ((7, 9), [2**64 - 1] * 7)):
        one, other = twins((shape[0] + 1, *shape[1:], 3), dtype, 1)
        views = (one[1:, ..., 0], other[1:, ..., 0]) if len(shape) > 1 else (one.reshape(-1)[3:], other.reshape(-1)[3:])
        check(*views, scheme, *arguments, **keywords, **({} if streams is None else {"streams": streams}))
    if scheme != "bits" or not accumulate:
        pairs = [twins(count, dtype, 1) for count in (999, 1, 2001)]
        fastinit.Generator(SEED).fill([(OnDevice(one), scheme, *arguments) for one, _ in pairs], **keywords)
        fastinit.Generator(SEED).fill([(other, scheme, *arguments) for _, other in pairs], **keywords)
        assert all(one.tobytes() == other.tobytes() for one, other in pairs)
        assert set(device.forms) == {"range", "region", "blocks", "ranges"}


def is_aligned(layout, size):
    strides = [stride for count, stride in zip(layout.shape, layout.strides, strict=True) if count > 1]
    return 0 in layout.shape or not any(number % size for number in (layout.lead, *strides))


@pytest.mark.parametrize("dtype", [*map(np.dtype, ("f4", "f8", "f2", "c8"))], ids=str)
@pytest.mark.parametrize("name", LAYOUTS)
def test_any_layout_that_is_aligned(device, name, dtype):
    layout = LAYOUTS[name](dtype.itemsize)
    (memory, out), (expected_memory, expected) = (layout.in_memory(dtype) for _ in range(2))
    offset = memory.ctypes.data % 64
    inside = {"offset": tuple(int(size > 1) for size in out.shape)}
    inside["global_shape"] = tuple(size + 2 * start for size, start in zip(out.shape, inside["offset"], strict=True))
    if not is_aligned(layout._replace(lead=layout.lead + offset), dtype.itemsize):
        with pytest.raises(ValueError, match=r"^out .*accepted are multiples of"):
            fastinit.Generator(7).normal(OnDevice(out))
        assert memory.tobytes() == expected_memory.tobytes()
        assert device.launches == []
        return
    for block in ({}, inside):
        fastinit.Generator(7).normal(OnDevice(out), **block)
        fastinit.Generator(7).normal(expected, **block)
        assert memory.tobytes() == expected_memory.tobytes()


def test_more_axes_than_a_launch_has(device):
    one, other = twins((2,) * 20, "f2")
    order = [*range(1, 20, 2), *range(0, 20, 2)]
    check(one.transpose(order), other.transpose(order), "normal")
    assert len(device.launches) == 8  # three of the nineteen axes of rows, one by one
    one, other = twins((3,) * 13, "f2")
    order = [0, *range(2, 13, 2), *range(1, 13, 2)]
    check(one.transpose(order), other.transpose(order), "uniform", streams=range(3))
    assert device.forms[8:] == ["blocks"]


@pytest.mark.parametrize("dtype", ["f4", "f8", "f2"])
def test_more_threads_than_a_launch_has(device, few_threads, dtype):
    """What takes gigabytes otherwise."""
    for shape, order in (((3000, 5), (1, 0)), ((5, 3000), (1, 0)), ((41, 3, 57), (2, 0, 1)), ((2, 5000), (0, 1))):
        one, other = twins((*shape[:-1], shape[-1] + 1), dtype)
        views = [array[..., :-1].transpose(order) for array in (one, other)]
        check(*views, "normal", offset=(3,) * one.ndim, global_shape=tuple(size + 5 for size in views[0].shape))
    assert {groups for *_, groups in device.launches} <= {1, 2, 3, 4}
    assert len(device.launches) > 10


@pytest.mark.parametrize(
    "streams", [range(10, 2010), [(7 * i) ** 2 for i in range(2000)], range(2**64 - 1000, 2**64 + 1000)]
)
def test_more_tensors_than_a_launch_has(device, few_threads, streams):
    if streams[-1] >= 2**64:
        streams = [stream % 2**64 for stream in streams]
    for shape in ((2000, 3), (2000, 2, 2), (2000, 40)):
        check(*twins(shape, "f4"), "normal", streams=streams)
    check(*twins((3, 5000), "f4"), "normal", streams=streams[:3])
    assert set(device.forms) == {"blocks", "region"}  # a tensor that is too large for one launch goes alone


def test_a_constant_of_more_threads_than_a_launch_has(device, few_threads):
    for order in itertools.permutations(range(3)):
        one, other = twins((30, 3, 90), "i2")
        check(one[1:, :, 1:].transpose(order), other[1:, :, 1:].transpose(order), "constant", 7)


@pytest.mark.parametrize(
    ("draw", "std", "bounds"),
    [("normal", 1e-40, ()), ("uniform", 1e-40, ()), ("truncated_normal", 1e-10, (0.0, 1e-30))],
)
def test_the_callers_flush_to_zero_does_not_matter(device, draw, std, bounds):
    torch = pytest.importorskip("torch")
    one, other = twins(999, "f4")
    getattr(fastinit.Generator(7), draw)(other, 0.0, std, *bounds)
    assert np.count_nonzero(other) > 900
    if not torch.set_flush_denormal(True):
        pytest.skip("the CPU cannot flush subnormal numbers")
    try:
        getattr(fastinit.Generator(7), draw)(OnDevice(one), 0.0, std, *bounds)
    finally:
        torch.set_flush_denormal(False)
    assert one.tobytes() == other.tobytes()


# ---- Constants -------------------------------------------------------------------------------------------------------

CONSTANTS = ["?", "i1", "u2", "i4", "u8", "f2", "f4", "f8", "c8", "c16", ml_dtypes.float8_e4m3fn, ml_dtypes.bfloat16]


@pytest.mark.parametrize("dtype", CONSTANTS, ids=lambda dtype: np.dtype(dtype).name)
def test_constants_of_every_dtype_in_every_layout(device, dtype):
    for shape, view in (
        ((1001,), np.s_[:]),
        ((1001,), np.s_[3:]),
        ((1001,), np.s_[::-3]),
        ((30, 41), np.s_[1:, 5:-2]),
        ((30, 41), np.s_[::2, ::3]),
        ((), np.s_[...]),
        ((3, 0), np.s_[:]),
    ):
        one, other = twins(shape, dtype)
        check(one[view], other[view], "ones")
        check(one[view].T, other[view].T, "constant", True if np.dtype(dtype) == bool else 3)
        check(one[view].T, other[view].T, "zeros")
    assert set(device.forms) == {"constant"}
    size = np.dtype(dtype).itemsize
    assert {kernel.dtype for kernel, *_ in device.launches} == {f"BYTES{size}"}


def test_matrices_of_constants(device):
    for shape, offset in (((30, 41), (0, 0)), ((41, 30), (5, 20)), ((3, 3), (50, 0))):
        for dtype in ("f4", "f2", "c16", "i1"):
            check(*twins(shape, dtype, 7), "identity", 2, offset=offset, global_shape=(100, 90))
    for groups in (1, 2):
        one, other = twins((8, 4, 3, 3), "f4", 7)
        check(one, other, "dirac", groups)
        check(one[::2, :, ::-1], other[::2, :, ::-1], "dirac", groups)
    one, other = twins((8, 9), "f4", 7)
    for out in (OnDevice(one), other):
        fastinit.Generator(7).fill([(out, "identity", 3.0)])
    assert one.tobytes() == other.tobytes()


# ---- Many at once ----------------------------------------------------------------------------------------------------


def model(wrap):
    """Parameters of the sizes that models have, as a mapping for fill, and their arrays."""
    arrays = {}
    for layer in range(50):
        arrays[f"{layer}.weight"] = np.zeros((64, 48), "f4"), "he_normal", 48
        arrays[f"{layer}.bias"] = np.zeros(64, "f4"), "uniform", -0.1, 0.1
        arrays[f"{layer}.norm"] = np.zeros(64, "f4"), "ones"
        arrays[f"{layer}.half"] = np.zeros((33, 5), "f2"), "normal", 0.0, 0.01 * (layer + 1)
    arrays["turned"] = np.zeros((50, 70), "f8").T, "normal"
    arrays["population"] = np.zeros((40, 30), "f4"), "normal", {"streams": range(40)}
    return {name: (wrap(array), *rest) for name, (array, *rest) in arrays.items()}, arrays


def test_many_arrays_take_few_launches(device):
    fills, arrays = model(OnDevice)
    expected, _ = model(lambda array: array)
    filled = fastinit.Generator(7).fill(fills)
    fastinit.Generator(7).fill(expected)
    assert list(filled) == list(fills)
    assert all(filled[name] is fills[name][0] for name in fills)
    for name, (array, *_) in arrays.items():
        assert array.tobytes() == expected[name][0].tobytes(), name
    forms = device.forms
    assert forms.count("ranges") == 3 * math.ceil(50 / 20)  # of each draw and dtype twenty in a launch
    assert forms.count("constant") == 50
    assert len(forms) == forms.count("ranges") + 50 + 2


def test_arrays_of_both_kinds_take_the_streams_in_turn(device):
    arrays = [np.zeros(100, "f4") for _ in range(6)]
    expected = [np.zeros(100, "f4") for _ in range(6)]
    g, h = fastinit.Generator(7), fastinit.Generator(7)
    g.fill([(OnDevice(array) if i % 2 else array, "normal") for i, array in enumerate(arrays)])
    h.fill([(array, "normal") for array in expected])
    assert g.stream == h.stream == 6
    assert [array.tobytes() for array in arrays] == [array.tobytes() for array in expected]


def test_arrays_of_other_streams_and_modes_go_apart(device):
    arrays = [np.ones(100, "f4") for _ in range(4)]
    fastinit.Generator(7).fill([(OnDevice(array, 5 + i % 2), "normal") for i, array in enumerate(arrays)])
    assert [(kernel.form, stream) for kernel, _, stream, _ in device.launches] == [("ranges", 5), ("ranges", 6)]
    fastinit.Generator(7).fill([(OnDevice(array), "normal") for array in arrays], accumulate=True)
    assert device.launches[-1][0].accumulate
    expected = [fastinit.Generator(7).normal(np.zeros(100, "f4"), stream=i) for i in range(4)]
    assert all(np.array_equal(array, values + values) for array, values in zip(arrays, expected, strict=True))


def test_arrays_of_several_devices_go_apart(library):
    class Two(Driver):
        """Each array lies on the device that its place among the arrays says."""

        def device_of(self, address):
            return addresses.index(address) % 2

    arrays = [np.zeros(100, "f4") for _ in range(4)]
    addresses = [array.ctypes.data for array in arrays]
    driver = Two(library)
    with use(driver):
        fastinit.Generator(7).fill([(OnDevice(array), "normal") for array in arrays])
        assert [(kernel.form, device) for kernel, device, *_ in driver.launches] == [("ranges", 0), ("ranges", 1)]
        fastinit.Generator(7).normal(OnDevice(arrays[3]))
        assert driver.launches[-1][1] == 1


def test_a_large_array_goes_alone(device):
    large, small, other = (np.zeros(size, "f2") for size in (2**21 + 1, 2**10, 77))
    fastinit.Generator(7).fill([(OnDevice(array), "normal") for array in (large, small, other)])
    assert device.forms == ["range", "ranges"]
    assert np.array_equal(large, fastinit.Generator(7).normal(np.zeros_like(large)))


def test_arrays_that_share_memory_are_refused_by_their_names(device):
    array = np.zeros(100, "f4")
    with pytest.raises(ValueError, match=r"^fills\['a'\] and fills\['b'\] share memory"):
        fastinit.Generator(7).fill({"a": (OnDevice(array[:60]), "normal"), "b": (OnDevice(array[50:]), "normal")})
    assert not array.any()
    assert device.launches == []


def test_a_subclass_draws_a_devices_memory_too(device):
    class Doubled(fastinit.Generator):
        def normal(self, out, *arguments, **keywords):
            super().normal(out, *arguments, **keywords)
            out.array *= 2
            return out

    one, other = twins((40, 3), "f4")
    Doubled(7).fill({"a": (OnDevice(one), "normal")})
    assert np.array_equal(one, 2 * fastinit.Generator(7).normal(other, stream="a"))


# ---- Calls -----------------------------------------------------------------------------------------------------------


def test_the_functions_of_the_package_fill_it_too(device):
    one, other = twins((64, 32), BFLOAT16)
    before = fastinit.default_generator.state
    out = OnDevice(one)
    try:
        fastinit.seed(7)
        assert fastinit.he_normal(out, 32) is out
        fastinit.seed(7)
        fastinit.he_normal(other, 32)
    finally:
        fastinit.default_generator.state = before
    assert one.tobytes() == other.tobytes()


def test_fans_are_those_of_a_layout(device):
    for layout in ("torch", "keras"):
        check(*twins((64, 32), "f4"), "he_normal", layout=layout)
        check(*twins((8, 64, 32), "f4"), "xavier_uniform", layout=layout, streams=range(8))


def test_a_fill_goes_to_the_stream_of_the_memory(device):
    array = np.zeros(100, "f4")
    fastinit.Generator(7).normal(OnDevice(array, stream=0x7F0012345678))
    assert device.launches[-1][1:3] == (0, 0x7F0012345678)
    assert device.synchronized == []
    fastinit.Generator(7).normal(OnDevice(array, version=2))  # which knows of no streams
    assert device.synchronized == [(0, 1)]
    fastinit.Generator(7).fill([(OnDevice(array, version=2), "normal")])
    assert device.synchronized == [(0, 1)] * 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dtype": "i4"}, r"out has dtype int32; accepted are float32, "),
        ({"dtype": ">f4"}, r"out has dtype '>f4', byte-swapped"),
        ({"std": -1.0}, r"std=-1.0"),
        ({"std": "1"}, r"std must be a number"),
        ({"stream": -1}, r"stream=-1"),
        ({"offset": (1,)}, r"offset=\(1,\), global_shape=None"),
        ({"offset": (1,), "global_shape": (100,)}, r"reach beyond global_shape=\(100,\)"),
        ({"streams": [1, 2]}, r"streams has 2 streams, and out has shape=\(100,\)"),
        ({"read_only": True}, r"out is read-only"),
        ({"overlaps": True}, r"out with shape=\(100,\) and strides=\(0,\) overlaps itself"),
    ],
    ids=lambda change: "" if isinstance(change, str) else "-".join(change),
)
def test_what_is_refused_launches_nothing_and_takes_no_stream(device, change, message):
    keywords = dict(change)
    array = np.zeros(100, keywords.pop("dtype", "f4"))
    if keywords.pop("read_only", False):
        array.flags.writeable = False
    if keywords.pop("overlaps", False):
        array = np.lib.stride_tricks.as_strided(array, strides=(0,))
    g = fastinit.Generator(7)
    with pytest.raises((TypeError, ValueError), match=message):
        g.normal(OnDevice(array), **keywords)
    with pytest.raises((TypeError, ValueError), match=message):
        g.fill([(OnDevice(array), "normal", keywords)])
    assert (g.stream, device.launches, array.any()) == (0, [], False)


@pytest.mark.parametrize("scheme", ["orthogonal", "delta_orthogonal", "sparse"])
def test_matrices_of_numpys_are_refused(device, scheme):
    out, g = OnDevice(np.zeros((4, 4) if scheme == "sparse" else (3, 4, 4), "f4")), fastinit.Generator(7)
    arguments = (0.5,) if scheme == "sparse" else ()
    for fill in (lambda: getattr(g, scheme)(out, *arguments), lambda: g.fill([(out, scheme, *arguments)])):
        with pytest.raises(TypeError, match=rf"out is memory of a GPU; {scheme} is computed by NumPy"):
            fill()
    assert (g.stream, device.launches) == (0, [])


def test_an_empty_array_takes_a_stream_and_no_launch(device):
    g = fastinit.Generator(7)
    g.normal(OnDevice(np.zeros((0, 3), "f4")))
    g.fill([(OnDevice(np.zeros((0, 3), "f4")), "normal")])
    assert (g.stream, device.launches) == (2, [])


@pytest.mark.parametrize("how", ["method", "fill"])
def test_what_changes_while_arguments_are_read_is_filled_as_it_is_then_or_refused(device, how):
    """Nothing is written to memory that the array had before."""
    before, after = np.zeros(100, "f4"), np.zeros(100, "f4")
    out, other = OnDevice(before), OnDevice(np.zeros(100, "f4"))

    class Changing:
        def __float__(self):
            out.array = after
            return 1.0

    g = fastinit.Generator(7)
    if how == "method":
        g.normal(out, 0.0, Changing())
        assert np.array_equal(after, fastinit.Generator(7).normal(np.zeros(100, "f4")))
    else:
        with pytest.raises(ValueError, match=r"^fills\[0\] was changed while the arguments were read"):
            g.fill([(out, "normal"), (other, "normal", 0.0, Changing())])
        assert (g.stream, device.launches, other.array.any()) == (0, [], False)
    assert not before.any()


def test_constants_of_unusual_sizes_are_refused(device):
    out = np.zeros(5, np.clongdouble)
    if out.itemsize != 32:
        pytest.skip("a long double has another size here")
    for scheme, arguments in (("zeros", ()), ("constant", (3,))):
        with pytest.raises(TypeError, match="of 32 bytes an element; accepted are 1, 2, 4, 8 and 16"):
            getattr(fastinit, scheme)(OnDevice(out), *arguments)


def test_an_empty_array_without_a_stream_asks_the_driver_nothing(device):
    out = OnDevice(np.zeros(0, "f4"), version=2)
    for scheme in ("normal", "zeros"):
        getattr(fastinit.Generator(7), scheme)(out)
    assert (device.launches, device.synchronized) == ([], [])


class Failing(Driver):
    def load(self, device, image, name):
        if "uniform" in name:
            raise DriverError("cuModuleLoadData failed: CUDA_ERROR_OUT_OF_MEMORY, out of memory")
        return super().load(device, image, name)

    def launch(self, device, kernel, *rest):
        raise DriverError("cuLaunchKernel failed: CUDA_ERROR_ILLEGAL_ADDRESS, an illegal memory access")


def test_what_the_driver_refuses_names_the_array(library):
    array, g = np.zeros((2, 50), "f4"), fastinit.Generator(7)
    with use(Failing(library)):
        with pytest.raises(DriverError, match=r"\(2, 50\) and dtype float32 on CUDA device 0: cuModuleLoadData failed"):
            g.uniform(OnDevice(array))
        assert g.stream == 0  # what is not there is missed before a stream is taken
        for fill in (lambda: g.normal(OnDevice(array)), lambda: g.fill([(OnDevice(array), "normal")])):
            with pytest.raises(
                DriverError, match=r"\(2, 50\) and dtype float32 on CUDA device 0: cuLaunchKernel failed"
            ):
                fill()


def test_many_fills_miss_a_kernel_before_any_is_launched(library):
    arrays, driver, g = [np.zeros(100, "f4") for _ in range(3)], Failing(library), fastinit.Generator(7)
    fills = {name: (OnDevice(array), name) for name, array in zip(("normal", "uniform", "ones"), arrays, strict=True)}
    with use(driver), pytest.raises(DriverError, match=r"^fills\['uniform'\]: cannot fill .*cuModuleLoadData failed"):
        g.fill(fills)
    with use(driver), pytest.raises(DriverError, match=r"^fills\[1\]: "):
        g.fill(list(fills.values()))
    assert (g.stream, driver.launches) == (0, [])
    assert not np.any(arrays)


def test_lent_memory_is_waited_for_after_a_failure_too(library):
    class SecondFails(Driver):
        def launch(self, *arguments):
            if self.launches:
                raise DriverError("cuLaunchKernel failed")
            super().launch(*arguments)

    array, driver = np.zeros((64, 65), "f4"), SecondFails(library)
    before = _core.set_launch_threads(100)
    try:
        with use(driver), pytest.raises(DriverError):
            fastinit.Generator(7).normal(OnDevice(array[:, :64], version=2))
    finally:
        _core.set_launch_threads(before)
    assert (len(driver.launches), driver.synchronized) == (1, [(0, 1)])


def test_errors_leave_the_generator_usable(library):
    array, g = np.zeros(100, "f4"), fastinit.Generator(7)
    with use(Failing(library)), pytest.raises(DriverError):
        g.normal(OnDevice(array))
    g.normal(array, stream=3)
    assert np.array_equal(array, fastinit.Generator(7).normal(np.zeros(100, "f4"), stream=3))


def test_nothing_of_it_is_imported_before_it_is_needed():
    code = """
import sys, numpy as np, fastinit
fastinit.normal(np.empty(3))
try:
    fastinit.normal([1.0])
except TypeError:
    pass
print(*[name for name in sys.modules if name.partition(".")[0] in ("cuda", "torch")
        or name in ("fastinit.gpu.launch", "fastinit.gpu.driver", "fastinit.gpu.compiler")])
"""
    run = fresh_python(code)
    assert (run.returncode, run.stdout.strip(), run.stderr) == (0, "", "")


# CuPy and a CUDA build of PyTorch, as far as the page of GPUs looks at them.
STAND_INS = """
import sys, types
sys.path.insert(0, sys.argv[2])
import numpy, torch
from emulator import Driver, OnDevice, build, use
from fastinit.torch import tensors

def empty(*arguments, like=torch.empty, **keywords):
    return like(*arguments, **{name: value for name, value in keywords.items() if name != "device"})

torch.empty = empty
torch.device = lambda name: torch.no_grad()
tensors.is_cuda, tensors.device_number, tensors.current_stream = lambda _: True, lambda _: 0, lambda _: 0
sys.modules["cupy"] = types.SimpleNamespace(
    empty=lambda *arguments: OnDevice(numpy.empty(*arguments)), asnumpy=lambda out: out.array, float32=numpy.float32
)
used = use(Driver(build(sys.argv[3])))
used.__enter__()
"""


def test_the_page_of_gpus_prints_what_it_shows(library):
    pytest.importorskip("torch")
    page, tests = ROOT / "docs/gpu.md", ROOT / "tests"
    run = fresh_python(STAND_INS + RUN_PAGE, str(page), str(tests), str(Path(library._name).parent), timeout=200)
    assert run.returncode == 0, run.stdout + run.stderr
