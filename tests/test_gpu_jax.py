"""
fastinit.jax fills large arrays on CUDA devices where they lie, with the CPU's bits.

The devices are the CPU's and pretend: the kernels run on this machine, by tests/emulator.py, and write to JAX's memory.
"""

import types

import emulator
import numpy as np
import pytest
from conftest import fresh_python

jax = pytest.importorskip("jax", reason="JAX is not installed")

import jax.numpy as jnp  # noqa: E402  (after the skip)
from jax.sharding import AxisType, NamedSharding, SingleDeviceSharding  # noqa: E402
from jax.sharding import PartitionSpec as P  # noqa: E402

import fastinit  # noqa: E402
from fastinit import jax as init  # noqa: E402
from fastinit.draw import Drawn  # noqa: E402
from fastinit.gpu import launch  # noqa: E402
from fastinit.gpu.driver import DriverError  # noqa: E402
from fastinit.jax import devices, tensors  # noqa: E402

NUMBER = 4
KEY = jax.random.key(7)
DEVICE = SingleDeviceSharding(jax.devices()[0])
SHAPE = (16, 9)
cuda_number = devices.cuda_number


class Cuda(emulator.Driver):
    """The device that JAX's of the CPU pretends to be."""

    fails = False

    def device_of(self, address):
        return NUMBER

    def launch(self, *arguments):
        if self.fails:
            raise DriverError("cuLaunchKernel failed: CUDA_ERROR_UNKNOWN, unknown error")
        assert not self.synchronized
        super().launch(*arguments)

    def taken(self):
        """The forms of the launches of one array, after which the call has waited for the device."""
        assert {each[1:3] for each in self.launches} <= {(NUMBER, 1)}
        assert self.synchronized == [(NUMBER, 1)] * bool(self.launches)
        forms = self.forms
        self.launches.clear()
        self.synchronized.clear()
        return forms


@pytest.fixture
def cuda(monkeypatch, tmp_path_factory):
    driver = Cuda(emulator.build(tmp_path_factory.getbasetemp()))
    monkeypatch.setattr(devices, "cuda_number", lambda device: NUMBER)
    monkeypatch.setattr(devices, "LEAST", 20)
    with emulator.use(driver):
        yield driver


@pytest.fixture
def no_cpu(monkeypatch):
    """No values are drawn in memory of NumPy's."""
    for name in ("array", "block"):
        monkeypatch.setattr(Drawn, name, lambda *arguments: pytest.fail("drawn on the CPU"))


def filled(scheme, shape, *arguments, seed=7, dtype=np.float32, **keywords):
    return getattr(fastinit.Generator(seed), scheme)(np.empty(shape, dtype), *arguments, **keywords)


def same(array, expected):
    return np.asarray(array).tobytes() == expected.tobytes() and array.shape == expected.shape


# ---- Arrays ----------------------------------------------------------------------------------------------------------


REALS = np.float32, np.float16, jnp.bfloat16
CASES = [
    ("normal", {"mean": 0.5, "std": 2.0}, (*REALS, np.complex64)),
    ("uniform", {"low": -1.0, "high": 3.0}, REALS),
    ("truncated_normal", {}, REALS),
    ("he_normal", {"layout": "keras"}, (*REALS, np.complex64)),
    ("xavier_uniform", {"layout": "keras"}, REALS),
]


@pytest.mark.parametrize(
    ("scheme", "arguments", "dtype"), [(*case, dtype) for *case, dtypes in CASES for dtype in dtypes]
)
def test_made_array_is_filled_on_its_device(cuda, no_cpu, scheme, arguments, dtype):
    made = init.make_array(scheme, SHAPE, DEVICE, 7, "w", dtype=dtype, **arguments)
    assert cuda.taken() == ["range"]
    assert same(made, filled(scheme, SHAPE, dtype=dtype, stream="w", **arguments))
    assert made.sharding == DEVICE
    assert made.committed
    assert made.dtype == dtype


@pytest.mark.parametrize("dtype", [np.float64, np.complex128])
def test_arrays_of_64_bits_are_filled_where_jax_has_them(cuda, no_cpu, dtype):
    with jax.enable_x64(True):
        made = init.make_array("normal", SHAPE, DEVICE, 7, "w", dtype=dtype)
        assert cuda.taken() == ["range"]
        eager = init.normal(1.0)(KEY, SHAPE, dtype)
    assert same(made, filled("normal", SHAPE, dtype=dtype, stream="w"))
    assert same(eager, filled("normal", SHAPE, dtype=dtype, stream=0))


@pytest.mark.parametrize("dtype", [np.float32, jnp.bfloat16, np.int8, np.bool_, np.complex64, jnp.float8_e4m3fn])
@pytest.mark.parametrize("scheme", ["ones", "zeros", "identity"])
def test_constants_are_filled_there_in_every_dtype(cuda, no_cpu, scheme, dtype):
    made = init.make_array(scheme, SHAPE, DEVICE, dtype=dtype)
    assert set(cuda.taken()) == {"constant"}
    assert same(made, getattr(fastinit, scheme)(np.empty(SHAPE, dtype)))


def where_is(array):
    return array.sharding, array.committed, array.aval


@pytest.mark.parametrize(
    "key",
    [KEY, jax.random.PRNGKey(7), jax.device_put(KEY, DEVICE), jax.device_put(jax.random.PRNGKey(7), DEVICE)],
    ids=["new", "raw", "committed", "raw and committed"],
)
def test_initialiser_fills_where_its_values_would_go(cuda, key):
    made = init.glorot_normal()(key, SHAPE)
    assert cuda.taken() == ["range"]
    assert same(made, filled("xavier_normal", SHAPE, layout="keras", truncated=True, stream=0))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(devices, "LEAST", 1000)
        of_cpu = init.glorot_normal()(key, SHAPE)
    assert cuda.taken() == []
    assert where_is(made) == where_is(of_cpu)
    assert same(of_cpu, np.asarray(made))


@pytest.mark.parametrize("axis_type", [AxisType.Auto, AxisType.Explicit])
def test_arrays_of_a_mesh(cuda, axis_type):
    mesh = jax.make_mesh((1,), ("x",), axis_types=(axis_type,))
    expected = filled("normal", SHAPE, 0.0, 0.01, stream=0)
    with jax.set_mesh(mesh):
        # JAX refuses axes that are not explicit.
        for sharding in (None, P("x"), P(None, "x"), P())[: None if axis_type == AxisType.Explicit else 1]:
            made = init.normal()(KEY, SHAPE, out_sharding=sharding)
            launched = cuda.taken()
            assert same(made, expected)
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(devices, "LEAST", 1000)
                assert where_is(made) == where_is(init.normal()(KEY, SHAPE, out_sharding=sharding))
            # Without axes to shard over, the array is copied to all devices of the mesh.
            assert launched == (["range"] if sharding is not None else [])
        made = init.make_array("normal", SHAPE, NamedSharding(mesh, P("x")), 7, 0, std=0.01)
        assert cuda.taken() == ["range"]
        assert same(made, expected)


@pytest.mark.parametrize("around", [jax.jit, lambda function: function])
def test_array_that_is_made_while_jax_traces_is_filled_there_too(cuda, no_cpu, around):
    @around
    def doubled(x):
        return x * 2 * init.make_array("normal", SHAPE, DEVICE, 7, "w")

    expected = 2 * filled("normal", SHAPE, stream="w")
    assert same(doubled(jnp.float32(1)), expected)
    assert cuda.taken() == ["range"]
    with jax.disable_jit():
        assert same(doubled(jnp.float32(1)), expected)
    assert cuda.taken() == ["range"]


def test_compiled_programs_call_back_for_their_values(cuda):
    made = jax.jit(lambda key: init.normal()(key, SHAPE))(KEY)
    assert same(made, filled("normal", SHAPE, 0.0, 0.01, stream=0))
    assert cuda.taken() == []


@pytest.mark.parametrize("default", [jax.devices()[0], "cpu", None])
def test_default_device_is_where_the_array_goes(cuda, default):
    with jax.default_device(default):
        made = init.normal()(KEY, SHAPE)
    assert cuda.taken() == ["range"]
    assert not made.committed
    assert same(made, filled("normal", SHAPE, 0.0, 0.01, stream=0))


# ---- The memory ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(), (1,), (3, 5), (1000,), (512, 513)])
@pytest.mark.parametrize("dtype", [np.float32, np.bool_, jnp.bfloat16, np.complex64])
@pytest.mark.parametrize("is_committed", [False, True])
def test_memory_that_is_written_to_is_nobody_elses(shape, dtype, is_committed):
    """Neither that of another array, nor one that JAX keeps for a constant."""
    dtype = np.dtype(dtype)
    others = [jnp.zeros(shape, dtype), jnp.zeros(shape, dtype, device=jax.devices()[0]), jnp.zeros((), dtype)]
    others.append(jax.jit(lambda: jnp.zeros(shape, dtype))())
    places = [(shape, jax.devices()[0])]
    arrays = [each for _ in range(5) for each in devices._fresh(dtype, places * 2, is_committed)]
    jax.block_until_ready([arrays, others])
    assert len({array.unsafe_buffer_pointer() for array in arrays}) == 10
    assert not {array.unsafe_buffer_pointer() for array in arrays} & {each.unsafe_buffer_pointer() for each in others}
    for array in arrays:
        memory = emulator.ctypes.c_uint8 * (array.size * dtype.itemsize)
        memory.from_address(array.unsafe_buffer_pointer())[:] = b"\1" * (array.size * dtype.itemsize)
    (again,) = devices._fresh(dtype, places, is_committed)
    for array in (*others, again, jnp.zeros(shape, dtype)):
        assert not np.asarray(array).any()
    assert all(np.asarray(array).all() for array in arrays)
    assert {(array.committed, array.dtype) for array in arrays} == {(is_committed, dtype)}


# ---- What goes by way of the CPU -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scheme", "shape", "arguments"),
    [
        ("normal", (19,), {}),
        ("normal", (), {}),
        ("normal", (0, 40), {}),
        ("ones", (4, 4), {}),
        ("orthogonal", (8, 8), {}),
        ("sparse", (8, 8), {"sparsity": 0.5}),
        ("delta_orthogonal", (3, 8, 8), {}),
    ],
)
def test_small_arrays_and_matrices_come_from_the_cpu(cuda, scheme, shape, arguments):
    where = {} if scheme == "ones" else {"seed": 7, "stream": 3}
    made = init.make_array(scheme, shape, DEVICE, **where, **arguments)
    stream = {} if scheme == "ones" else {"stream": 3}
    assert same(made, filled(scheme, shape, **arguments, **stream))
    assert cuda.taken() == []


def test_initialisers_that_are_matrices_come_from_the_cpu(cuda):
    assert same(init.orthogonal()(KEY, (8, 8)), filled("orthogonal", (8, 8), stream=0))
    assert cuda.taken() == []


def test_memory_of_the_host_is_filled_by_the_cpu(cuda):
    (device,) = jax.devices()
    kinds = {memory.kind for memory in device.addressable_memories()} - {"device"}
    assert kinds
    for kind in kinds:
        made = init.make_array("normal", SHAPE, SingleDeviceSharding(device, memory_kind=kind), 7, "w")
        assert same(made, filled("normal", SHAPE, stream="w"))
        assert made.sharding.memory_kind == kind
    assert cuda.taken() == []


def test_process_without_a_device_of_the_sharding_leaves_it_to_jax():
    elsewhere = types.SimpleNamespace(memory_kind=None, addressable_devices_indices_map=lambda shape: {})
    assert devices.sharded(Drawn(tensors.Recipe.of("ones"), SHAPE, np.dtype(np.float32)), elsewhere) is None


class NoDriver(emulator.Driver):
    def load(self, device, image, name):
        raise DriverError("cuModuleLoadData failed: CUDA_ERROR_NO_BINARY_FOR_GPU")


def test_device_that_runs_no_kernels_is_warned_of_once(cuda):
    with launch.use_driver(NoDriver(cuda._library), emulator.Compiler()):
        with pytest.warns(RuntimeWarning, match="on CUDA device 4 are filled by way of the CPU: the values are"):
            made = init.make_array("normal", SHAPE, DEVICE, 7, "w")
        assert same(init.normal(1.0)(KEY, SHAPE), filled("normal", SHAPE, stream=0))  # which warns of nothing
    assert same(made, filled("normal", SHAPE, stream="w"))


def test_failed_launch_is_an_error_after_the_device_has_come_to_rest(cuda):
    cuda.fails = True
    for make in (lambda: init.make_array("normal", SHAPE, DEVICE, 7, "w"), lambda: init.normal()(KEY, SHAPE)):
        with pytest.raises(
            DriverError, match=r"cannot fill the array of shape \(16, 9\) and dtype float32 on CUDA dev"
        ):
            make()
        assert cuda.synchronized == [(NUMBER, 1)]
        cuda.synchronized.clear()


@pytest.mark.parametrize(
    ("platform", "version", "number"),
    [
        ("gpu", "PJRT C API\ncuda 12090", 5),
        ("cuda", "cuda 13000", 5),
        ("gpu", "PJRT C API\nrocm 60300", None),
        ("rocm", "rocm 60300", None),
        ("tpu", "PJRT C API\nTFRT TPU v4", None),
        ("cpu", "cpu", None),
    ],
)
def test_devices_of_cuda_are_known_by_their_platform(platform, version, number):
    client = types.SimpleNamespace(platform_version=version)
    device = types.SimpleNamespace(platform=platform, client=client, local_hardware_id=5)
    assert cuda_number(device) == number


def test_devices_of_this_machine_have_what_is_asked_of_devices():
    (device,) = jax.devices()
    assert cuda_number(device) is None
    assert isinstance(device.local_hardware_id, int)
    assert isinstance(device.client.platform_version, str)


# ---- Several devices -------------------------------------------------------------------------------------------------

SHARDS = """
import itertools, sys
sys.path.insert(0, {tests!r})
import emulator, jax, numpy as np, fastinit
from jax.sharding import NamedSharding, PartitionSpec as P
from fastinit import jax as init
from fastinit.draw import Drawn
from fastinit.jax import devices

device_at = {{}}
fresh = devices._fresh
def recorded(*arguments):
    arrays = fresh(*arguments)
    device_at.update((array.unsafe_buffer_pointer(), array.device.id) for array in arrays)
    return arrays
devices._fresh = recorded

class Cuda(emulator.Driver):
    def device_of(self, address):
        return device_at[address]

    def launch(self, *arguments):
        assert not self.synchronized, "one device waited for another"
        super().launch(*arguments)

driver = Cuda(emulator.build({folder!r}))
devices.cuda_number = lambda device: device.id
devices.LEAST = 20
def drawn_on_cpu(*arguments):
    raise AssertionError("drawn on the CPU")
Drawn.array = Drawn.block = drawn_on_cpu
mesh = jax.make_mesh((2, 4), ("x", "y"), axis_types=(jax.sharding.AxisType.Explicit,) * 2)
shape = 8, 16, 3
whole = fastinit.Generator(7).normal(np.empty(shape, np.float32), stream=0)
for spec in (P(), P("x"), P("y"), P("y", "x"), P(None, ("x", "y")), P("x", "y"), P(("y", "x"),)):
    with emulator.use(driver):
        made = init.make_array("normal", shape, NamedSharding(mesh, spec), 7, 0)
    assert sorted(device for _, device, _, _ in driver.launches) == list(range(8)), driver.launches
    assert sorted(driver.synchronized) == [(device, 1) for device in range(8)]
    driver.launches.clear()
    driver.synchronized.clear()
    with emulator.use(driver), jax.set_mesh(mesh):
        eager = init.normal(1.0)(jax.random.key(7), shape, out_sharding=spec)
    assert len(driver.launches) == 8
    for array in (made, eager):
        assert array.sharding == NamedSharding(mesh, spec)
        assert np.asarray(array).tobytes() == whole.tobytes()
        for shard in array.addressable_shards:
            assert np.asarray(shard.data).tobytes() == np.ascontiguousarray(whole[shard.index]).tobytes()
            assert shard.data.devices() == {{shard.device}}
    driver.launches.clear()
    driver.synchronized.clear()
key = jax.device_put(jax.random.key(7), NamedSharding(mesh, P()))  # on all devices
with emulator.use(driver):
    everywhere = init.normal(1.0)(key, shape)
assert len(driver.launches) == 8
assert everywhere.sharding.is_fully_replicated and len(everywhere.devices()) == 8
assert np.asarray(everywhere).tobytes() == whole.tobytes()
print("all equal")
"""


def test_each_shard_is_filled_on_its_own_device(tmp_path_factory):
    folder = tmp_path_factory.getbasetemp()
    emulator.build(folder)
    code = SHARDS.format(tests=str(emulator.ROOT / "tests"), folder=str(folder))
    count = "--xla_force_host_platform_device_count=8"
    run = fresh_python(code, timeout=240, XLA_FLAGS=count, JAX_PLATFORMS="cpu")
    assert run.stdout.strip() == "all equal", run.stderr


def test_keras_on_jax_fills_there(cuda, no_cpu):
    """By the function that Keras's initialisers end in."""
    drawn = Drawn(tensors.Recipe.of("normal"), SHAPE, np.dtype(np.float32), seed=7, stream="w")
    made = tensors.on_default_device(drawn)
    assert cuda.taken() == ["range"]
    assert same(made, filled("normal", SHAPE, stream="w"))
