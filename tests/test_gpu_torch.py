"""
fastinit.torch fills tensors on CUDA devices where they are, with the CPU's bits, on the current stream.

The tensors are the CPU's and pretend: the kernels run on this machine, by tests/emulator.py. With such tensors all
tests of the functions, of modules and of shards have to pass once more, but for those that are not about memory.
"""

import itertools
import types
import warnings

import emulator
import numpy as np
import pytest
from conftest import fresh_python

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
pytest.importorskip("torch.distributed.tensor", reason="this PyTorch has no DTensor")

import test_torch  # noqa: E402  (after the skips)
import test_torch_modules  # noqa: E402
import test_torch_shards  # noqa: E402
from test_torch import CALLS, DTYPES, SEED, SHAPE, Halved, bits, call, expected_array, owner_of  # noqa: E402
from test_torch_shards import Replicate, Shard, _StridedShard, distribute_tensor, one_process, rank_of  # noqa: E402, F401
from torch import nn  # noqa: E402

import fastinit  # noqa: E402
import fastinit.torch as init  # noqa: E402
from fastinit.gpu import launch  # noqa: E402
from fastinit.gpu.compiler import CompilerError  # noqa: E402
from fastinit.gpu.driver import DriverError  # noqa: E402
from fastinit.torch import tensors  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore:DTensor random operators")

DEVICE, STREAM = 3, 77
MATRICES = ("orthogonal_", "sparse_")  # which NumPy computes
is_cuda = tensors.is_cuda


class Cuda(emulator.Driver):
    """The device that tensors of the CPU pretend to be on."""

    def __init__(self, library):
        super().__init__(library)
        self.by_way_of_the_cpu = []  # shapes of tensors
        self.stops_before = None  # the number of the launch that fails, from 0

    def launch(self, *arguments):
        if len(self.launches) == self.stops_before:
            raise DriverError("cuLaunchKernel failed: CUDA_ERROR_UNKNOWN, unknown error")
        super().launch(*arguments)

    def taken(self):
        """The forms of the launches since the last call, all of them on the device and its current stream."""
        assert {each[1:3] for each in self.launches} <= {(DEVICE, STREAM)}
        forms = self.forms
        self.launches.clear()
        return forms


@pytest.fixture(autouse=True)
def cuda(monkeypatch, tmp_path_factory):
    driver = Cuda(emulator.build(tmp_path_factory.getbasetemp()))
    elsewhere = tensors._fill_elsewhere

    def fill_elsewhere(part, drawn, generator):
        driver.by_way_of_the_cpu.append(tuple(part.tensor.shape))
        elsewhere(part, drawn, generator)

    monkeypatch.setattr(tensors, "_fill_elsewhere", fill_elsewhere)
    monkeypatch.setattr(tensors, "is_cuda", lambda tensor: tensor.device.type in ("cpu", "cuda"))
    monkeypatch.setattr(tensors, "device_number", lambda tensor: DEVICE)
    monkeypatch.setattr(tensors, "current_stream", lambda device: STREAM)
    with emulator.use(driver):
        yield driver


NOT_OF_MEMORY = {
    "test_defaults_are_distributed_as_what_pytorchs_constructor_draws",
    "test_every_function_documents_its_arguments_errors_and_an_example",
    "test_examples_print_what_they_show",
    "test_fill_of_rows_can_be_compiled",  # TorchDynamo leaves functions in modules, whose examples others run
    "test_function_that_fills_can_be_compiled",
    "test_one_two_and_four_processes_start_from_the_same_weights",  # which do not pretend
    "test_own_draws_of_a_subclass_are_used_on_every_device",  # in other pieces
    "test_shards_of_rows_in_pieces_for_another_device",
    "test_streams_of_every_kind_address_the_rows",  # one of which can be read once
    "test_truncated_normals_never_leave_the_bounds_that_were_given",
    "test_values_are_distributed_as_torchs",
}
TESTS_OF_THE_CPU = {
    name: test
    for module in (test_torch, test_torch_modules, test_torch_shards)
    for name, test in vars(module).items()
    if name.startswith("test_") and callable(test)
}
globals().update({name: test for name, test in TESTS_OF_THE_CPU.items() if name not in NOT_OF_MEMORY})


def test_what_is_left_out_is_there_to_be_left_out():
    assert set(TESTS_OF_THE_CPU) > NOT_OF_MEMORY


# ---- The way of a fill -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize(("name", "arguments", "keywords", "scheme", "expected"), CALLS)
def test_kernels_fill_what_is_no_matrix(cuda, name, arguments, keywords, scheme, expected, dtype):
    tensor = torch.full(SHAPE, 9, dtype=dtype)
    assert call(name, tensor, arguments, keywords) is tensor
    assert bits(tensor) == expected_array(scheme, expected, SHAPE, dtype).tobytes()
    if name in MATRICES:
        assert (cuda.taken(), cuda.by_way_of_the_cpu) == ([], [SHAPE])
    else:
        forms = ["constant"] * (2 if name == "eye_" else 1) if name in test_torch.CONSTANTS else ["range"]
        assert (cuda.taken(), cuda.by_way_of_the_cpu) == (forms, [])


@pytest.mark.parametrize(
    ("made", "form"),
    [
        (lambda: torch.zeros(7, 6).T, "region"),
        (lambda: torch.zeros(12, 14)[::2, 1::2], "region"),
        (lambda: torch.zeros(2, 6, 7)[1], "range"),
        (lambda: nn.Parameter(torch.zeros(SHAPE)), "range"),
        (lambda: nn.Parameter(torch.zeros(7, 6).T), "region"),
        (lambda: torch.zeros(SHAPE, requires_grad=True), "range"),
    ],
)
def test_views_and_parameters_are_filled_on_the_current_stream_and_counted_once(cuda, monkeypatch, made, form):
    for stream in (5, 2**47 + 1):
        monkeypatch.setattr(tensors, "current_stream", lambda device, stream=stream: stream)
        tensor = made()
        before = tensor._version
        call("normal_", tensor, (), {})
        assert tensor._version == before + 1
        assert [(kernel.form, *where) for kernel, *where, _ in cuda.launches] == [(form, DEVICE, stream)]
        assert cuda.synchronized == []
        assert bits(tensor.contiguous()) == expected_array("normal", {}, SHAPE, torch.float32).tobytes()
        cuda.launches.clear()


def test_default_stream_of_pytorch_is_launched_on_as_the_legacy_one(cuda, monkeypatch):
    monkeypatch.setattr(tensors, "current_stream", lambda device: 0)
    init.ones_(torch.zeros(3))
    assert [stream for _, _, stream, _ in cuda.launches] == [1]


def test_current_stream_is_pytorchs_of_the_tensors_device(monkeypatch):
    monkeypatch.undo()
    streams = {torch.device("cuda", 1): types.SimpleNamespace(cuda_stream=99)}
    monkeypatch.setattr(torch.cuda, "current_stream", streams.__getitem__)
    assert tensors.current_stream(torch.device("cuda", 1)) == 99
    assert tensors.device_number(types.SimpleNamespace(device=torch.device("cuda", 1))) == 1


def test_generators_methods_fill_tensors_and_count_each_fill_once(cuda):
    g = fastinit.Generator(SEED)
    tensor = torch.zeros(SHAPE, dtype=torch.bfloat16)
    assert g.normal(tensor, stream="w") is tensor
    assert (tensor._version, cuda.taken()) == (1, ["range"])
    whole = expected_array("normal", {}, SHAPE, torch.bfloat16, "w")
    assert bits(tensor) == whole.tobytes()
    assert g.identity(tensor) is tensor
    assert (tensor._version, cuda.taken()) == (2, ["constant", "constant"])
    many = [torch.zeros(5) for _ in range(30)]
    assert all(one is other for one, other in zip(g.fill([(each, "normal") for each in many]), many, strict=True))
    assert {each._version for each in many} == {1}
    assert cuda.taken() == ["ranges"] * 2
    assert cuda.by_way_of_the_cpu == []
    for stream, each in enumerate(many):
        assert bits(each) == expected_array("normal", {}, (5,), torch.float32, stream).tobytes()
    with pytest.raises(TypeError, match=r"out is memory of a GPU; orthogonal is computed by NumPy: .*fastinit\.torch"):
        g.orthogonal(torch.zeros(3, 3))


def test_unnamed_fills_take_the_streams_that_they_take_on_the_cpu(cuda, monkeypatch):
    def filled():
        g = fastinit.Generator(SEED)
        made = [torch.zeros(SHAPE), torch.zeros(7, 6).T, torch.zeros(3, 5), torch.zeros(0), torch.zeros(SHAPE)]
        init.normal_(made[0], generator=g)
        init.kaiming_uniform_(made[1], generator=g)
        init.uniform_(made[2], streams=range(3), generator=g)
        init.normal_(made[3], generator=g)
        init.orthogonal_(made[0], generator=g)
        init.trunc_normal_(made[4], generator=g)
        return [bits(each.contiguous()) for each in made], g.stream

    on_device = filled()
    assert cuda.taken()
    monkeypatch.setattr(tensors, "is_cuda", lambda tensor: False)
    assert filled() == on_device
    assert on_device[1] == 5
    assert cuda.taken() == []


def test_rows_of_several_streams_are_one_launch(cuda):
    tensor = torch.zeros(200, 3, 5, dtype=torch.float16)
    init.normal_(tensor, streams=range(200), generator=fastinit.Generator(SEED))
    assert cuda.taken() == ["blocks"]
    for stream in (0, 17, 199):
        assert bits(tensor[stream]) == expected_array("normal", {}, (3, 5), torch.float16, stream).tobytes()


def test_blocks_are_filled_where_they_are(cuda):
    whole = expected_array("xavier_normal", {"layout": "torch"}, SHAPE, torch.float32, "w")
    part = torch.zeros(4, 3)
    g = fastinit.Generator(SEED)
    init.xavier_normal_(part, generator=g, stream="w", offset=(2, 1), global_shape=SHAPE)
    assert np.array_equal(part.numpy(), whole[2:6, 1:4])
    assert (cuda.taken(), cuda.by_way_of_the_cpu) == (["region"], [])


@pytest.mark.parametrize("placed", [(Shard(0), Replicate()), (_StridedShard(0, split_factor=2), Shard(0))], ids=str)
def test_each_part_of_a_dtensor_is_launched_by_itself(cuda, placed):
    whole = torch.from_numpy(expected_array("normal", {}, (8, 6), torch.float32, "w"))
    for rank in range(4):
        with rank_of(rank, (2, 2)) as mesh:
            expected = distribute_tensor(whole, mesh, placed, src_data_rank=None).to_local()
            sharded = distribute_tensor(torch.zeros(8, 6), mesh, placed, src_data_rank=None)
            init.normal_(sharded, generator=fastinit.Generator(SEED), stream="w")
            assert torch.equal(sharded.to_local(), expected)
            with pytest.raises(TypeError, match="out is a DTensor, of which this process holds shards"):
                fastinit.Generator(SEED).normal(sharded)
    assert len(cuda.taken()) >= 4
    assert cuda.by_way_of_the_cpu == []


@pytest.mark.parametrize("inside", [False, True])
def test_tensors_of_inference_mode_are_filled_outside_of_it_too(cuda, inside):
    with torch.inference_mode():
        tensor = torch.zeros(SHAPE)
    with torch.inference_mode(inside):
        call("normal_", tensor, (), {})
    assert cuda.taken() == ["range"]
    assert bits(tensor.clone()) == expected_array("normal", {}, SHAPE, torch.float32).tobytes()


@pytest.mark.parametrize("view", [torch.Tensor.conj, torch._neg_view], ids=["conj", "neg"])
def test_lazy_views_go_by_way_of_the_cpu(cuda, view):
    tensor = view(torch.zeros(SHAPE, dtype=torch.complex64))
    call("normal_", tensor, (), {})
    assert (cuda.taken(), cuda.by_way_of_the_cpu) == ([], [SHAPE])
    whole = expected_array("normal", {}, SHAPE, torch.complex64)
    assert bits(tensor.resolve_neg()) == whole.tobytes()


def test_meta_tensors_ask_no_device(cuda, monkeypatch):
    monkeypatch.setattr(launch, "serves", lambda device: pytest.fail("a device was asked"))
    g = fastinit.Generator(SEED)
    init.normal_(torch.empty(SHAPE, device="meta"), generator=g)
    assert g.stream == 0
    with pytest.raises(ValueError, match="it is on the meta device"):
        init.init_module_(nn.Linear(3, 3, device="meta"), seed=SEED)


def test_tensor_without_memory_is_refused_before_a_device_is_asked(monkeypatch):
    from torch._subclasses.fake_tensor import FakeTensorMode

    monkeypatch.setattr(launch, "serves", lambda device: pytest.fail("a device was asked"))
    with FakeTensorMode():
        tensor = torch.empty(3, 4, device="cuda")
    for fill in (init.normal_, init.zeros_, init.orthogonal_):
        with pytest.raises(TypeError, match="tensor is a FakeTensor, whose memory cannot be written to: it has none"):
            fill(tensor)


@pytest.mark.parametrize("view", [torch.Tensor.conj, torch._neg_view], ids=["conj", "neg"])
@pytest.mark.parametrize("cpu", [False, True])
def test_lazy_view_whose_memory_was_freed_is_refused(monkeypatch, view, cpu):
    if cpu:
        monkeypatch.setattr(tensors, "is_cuda", lambda tensor: False)
    tensor = view(torch.zeros(SHAPE, dtype=torch.complex64))
    tensor.untyped_storage().resize_(0)
    for fill in (init.normal_, init.zeros_):
        with pytest.raises(ValueError, match="its memory was freed"):
            fill(tensor)


def test_tensors_of_rocm_go_by_way_of_the_cpu(cuda, monkeypatch):
    monkeypatch.setattr(tensors, "is_cuda", is_cuda)
    tensor = types.SimpleNamespace(is_cuda=True, is_cpu=False)
    monkeypatch.setattr(torch.version, "hip", None)
    assert tensors.is_cuda(tensor)
    monkeypatch.setattr(torch.version, "hip", "6.4")
    assert not tensors.is_cuda(tensor)
    assert tensors.memory_of(tensor, tensors.Recipe.of("normal"), fastinit.default_generator) is None


COMPILED = """
import sys
sys.path.insert(0, {tests!r})
import emulator, torch, fastinit, fastinit.torch as init
from fastinit.torch import tensors

@torch.compile(backend="eager")
def twice(tensor, **where):
    return 2 * init.normal_(tensor, generator=fastinit.Generator(7), **where)

def filled():
    return twice(torch.zeros(6, 7)), twice(torch.zeros(3, 5), streams=range(3))

of_cpu = filled()
tensors.is_cuda = lambda tensor: tensor.device.type == "cpu"
tensors.device_number = lambda tensor: 0
tensors.current_stream = lambda device: 77
torch.compiler.reset()
driver = emulator.Driver(emulator.build({folder!r}))
with emulator.use(driver):
    assert all(map(torch.equal, filled(), of_cpu))
print(*driver.forms)
"""


def test_functions_that_fill_can_be_compiled(tmp_path_factory):
    code = COMPILED.format(tests=str(emulator.ROOT / "tests"), folder=str(tmp_path_factory.getbasetemp()))
    run = fresh_python(code, timeout=240)
    assert run.stdout.split() == ["range", "blocks"], run.stderr


# ---- A generator of another class ------------------------------------------------------------------------------------


class Doubled(fastinit.Generator):
    """Changes in NumPy what fastinit has drawn."""

    def normal(self, out, mean=0.0, std=1.0, **keywords):
        super().normal(out, mean, std, **keywords)
        assert isinstance(out, np.ndarray)
        out *= 2
        return out


@pytest.mark.parametrize("made", [lambda: Doubled(SEED), Halved], ids=["Doubled", "Halved"])
def test_own_method_of_a_subclass_gets_an_array_and_the_others_go_to_the_device(cuda, made):
    std = 2.0 if isinstance(made(), Doubled) else 0.5
    tensor = init.normal_(torch.zeros(SHAPE), generator=made())
    assert bits(tensor) == expected_array("normal", {"std": std}, SHAPE, torch.float32).tobytes()
    assert (cuda.taken(), cuda.by_way_of_the_cpu) == ([], [SHAPE])
    init.uniform_(tensor, generator=made())
    assert bits(tensor) == expected_array("uniform", {}, SHAPE, torch.float32).tobytes()
    assert (cuda.taken(), cuda.by_way_of_the_cpu) == (["range"], [SHAPE])


def test_own_method_of_the_default_generator_fills_modules(cuda, monkeypatch):
    monkeypatch.setattr(fastinit, "default_generator", Doubled(SEED))
    module = owner_of(torch.zeros(SHAPE))
    init.init_module_(module, {"weight": "normal"})
    assert bits(module.weight) == expected_array("normal", {"std": 2.0}, SHAPE, torch.float32, "weight").tobytes()
    assert (cuda.taken(), cuda.by_way_of_the_cpu) == ([], [SHAPE])


# ---- Modules ---------------------------------------------------------------------------------------------------------


def values_of(module):
    return {name: bits(tensor.contiguous()) for name, tensor in module.state_dict().items()}


def test_many_small_parameters_take_few_launches(cuda, monkeypatch):
    def model():
        return nn.Sequential(*(nn.Linear(8, 8) for _ in range(50)))

    on_device, on_cpu = model(), model()
    init.init_module_(on_device, seed=SEED)
    assert cuda.taken() == ["ranges"] * 5  # of twenty each
    assert cuda.by_way_of_the_cpu == []
    counts = zip(on_device.parameters(), on_cpu.parameters(), strict=True)
    assert {filled._version - other._version for filled, other in counts} == {1}
    monkeypatch.setattr(tensors, "is_cuda", lambda tensor: False)
    init.init_module_(on_cpu, seed=SEED)
    assert values_of(on_device) == values_of(on_cpu)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16, torch.float64], ids=str)
def test_models_get_the_weights_of_the_cpu(cuda, monkeypatch, dtype):
    def model():
        made = nn.ModuleDict(
            {
                "embedding": nn.Embedding(50, 12, padding_idx=3),
                "layers": nn.TransformerEncoder(nn.TransformerEncoderLayer(12, 3, 24), 2, enable_nested_tensor=False),
                "convolution": nn.Conv2d(3, 8, 3).to(memory_format=torch.channels_last),
                "norm": nn.BatchNorm2d(8),
                "recurrent": nn.LSTM(5, 4),
                "large": nn.Linear(300, 200),
                "slope": nn.PReLU(),
            }
        )
        made["transposed"] = owner_of(torch.zeros(9, 4).T)
        made["tied"] = nn.Linear(12, 50, bias=False)
        made["tied"].weight = made["embedding"].weight
        return made.to(dtype)

    rules = {"transposed.weight": "he_normal"}
    on_device, on_cpu = model(), model()
    report = init.init_module_(on_device, rules, seed=SEED)
    forms = cuda.taken()
    assert len(forms) < len(report) / 1.5
    assert {"ranges", "region", "constant"} <= set(forms)
    assert cuda.by_way_of_the_cpu == []
    monkeypatch.setattr(tensors, "is_cuda", lambda tensor: False)
    init.init_module_(on_cpu, rules, seed=SEED)
    assert cuda.taken() == []
    assert values_of(on_device) == values_of(on_cpu)


def test_parameters_of_a_module_may_lie_on_several_devices(cuda, monkeypatch):
    """And on the CPU: each is filled where it is."""
    model = nn.Sequential(*(nn.Linear(4, 4) for _ in range(9)))
    devices = dict(zip(map(id, model.parameters()), itertools.cycle((None, 0, 1)), strict=False))
    monkeypatch.setattr(tensors, "is_cuda", lambda tensor: devices[id(tensor)] is not None)
    monkeypatch.setattr(tensors, "device_number", lambda tensor: devices[id(tensor)])
    init.init_module_(model, seed=SEED)
    assert sorted((kernel.form, device) for kernel, device, _, _ in cuda.launches) == [("ranges", 0), ("ranges", 1)]
    for name, tensor in model.state_dict().items():
        expected = expected_array("uniform", {"low": -0.5, "high": 0.5}, tuple(tensor.shape), torch.float32, name)
        assert bits(tensor) == expected.tobytes()


# ---- What can go wrong -----------------------------------------------------------------------------------------------


def test_failed_launch_names_the_tensor_and_writes_nothing(cuda):
    cuda.stops_before = 0
    g = fastinit.Generator(SEED)
    tensor = torch.zeros(SHAPE, dtype=torch.bfloat16)
    with pytest.raises(
        DriverError,
        match=r"cannot fill the array of shape \(6, 7\) and dtype bfloat16 on CUDA device 3: cuLaunchKernel failed",
    ):
        init.normal_(tensor, generator=g)
    assert torch.count_nonzero(tensor) == 0
    assert tensor._version == 0
    assert cuda.by_way_of_the_cpu == []  # it is not tried in another way
    cuda.stops_before = None
    init.normal_(tensor, generator=g, stream="w")
    assert bits(tensor) == expected_array("normal", {}, SHAPE, torch.bfloat16, "w").tobytes()


def test_failed_launch_in_a_module_fills_nothing_twice_and_can_be_repeated(cuda):
    model = nn.Sequential(nn.Linear(9, 9), nn.Linear(9, 9), nn.Linear(9, 9))
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    rules = {"0.*": "normal", "1.*": "uniform", "2.*": "truncated_normal"}  # a launch each
    cuda.stops_before = 2
    with pytest.raises(DriverError, match=r"^parameter '2.weight' and 1 more: cannot fill the array of shape \(9, 9\)"):
        init.init_module_(model, rules, seed=SEED)
    changed = [name for name, tensor in model.state_dict().items() if not torch.equal(tensor, before[name])]
    assert changed == ["0.weight", "0.bias", "1.weight", "1.bias"]
    assert cuda.by_way_of_the_cpu == []
    cuda.stops_before = None
    init.init_module_(model, rules, seed=SEED)
    for name, tensor in model.state_dict().items():
        expected = expected_array(rules[f"{name[0]}.*"], {}, tuple(tensor.shape), torch.float32, name)
        assert bits(tensor) == expected.tobytes()


def test_failed_launch_of_a_large_parameter_names_it(cuda):
    model = nn.Sequential(nn.Linear(3, 3), owner_of(torch.zeros(5, 4).T))
    cuda.stops_before = 1
    with pytest.raises(DriverError, match=r"^parameter '1.weight': cannot fill the array of shape \(4, 5\)"):
        init.init_module_(model, {"1.weight": "normal"}, seed=SEED)
    cuda.stops_before = 1
    with pytest.raises(DriverError, match=r"^fills\['b'\]: cannot fill the array of shape \(2,\)"):
        fastinit.Generator(SEED).fill({"b": (torch.zeros(2), "ones")})


class CannotCompile:
    """A compiler that has no kernel but the one by which a device is tried."""

    def version(self):
        return "13.0"

    def compile(self, kernel, architecture):
        if kernel.form == "constant":
            return emulator.Compiler().compile(kernel, architecture)
        raise CompilerError(f"NVRTC failed to compile {kernel.name}")


def test_kernel_that_does_not_compile_is_an_error_that_takes_no_stream(cuda):
    g = fastinit.Generator(SEED)
    with launch.use_driver(cuda, CannotCompile()):
        with pytest.raises(CompilerError, match=r"cannot fill the array of shape \(6, 7\).*range_normal_float32"):
            init.normal_(torch.zeros(SHAPE), generator=g)
        assert g.stream == 0


class NoDriver(emulator.Driver):
    """A driver that loads nothing, on devices with other numbers than 5."""

    tried = 0

    def load(self, device, image, name):
        if device == 5:
            return super().load(device, image, name)
        self.tried += 1
        raise DriverError("cuModuleLoadData failed: CUDA_ERROR_NO_BINARY_FOR_GPU")


def test_device_that_runs_no_kernels_is_warned_of_once_and_its_tensors_go_by_way_of_the_cpu(cuda, monkeypatch):
    driver = NoDriver(cuda._library)
    numbers = iter([0, 0, 1, 1, 5, 0, 1])
    model = nn.Linear(7, 6)
    with launch.use_driver(driver, emulator.Compiler()), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for name, arguments, keywords, scheme, expected in CALLS:
            monkeypatch.setattr(tensors, "device_number", lambda tensor: 0)
            tensor = torch.zeros(SHAPE)
            call(name, tensor, arguments, keywords)
            assert bits(tensor) == expected_array(scheme, expected, SHAPE, torch.float32).tobytes()
        assert len(cuda.by_way_of_the_cpu) == len(CALLS)
        init.init_module_(model, seed=SEED)
        for number in numbers:
            monkeypatch.setattr(tensors, "device_number", lambda tensor, number=number: number)
            call("normal_", tensor, (), {})
            assert bits(tensor) == expected_array("normal", {}, SHAPE, torch.float32).tobytes()
    assert [str(each.message).partition(".")[0] for each in caught] == [
        f"tensors on CUDA device {number} are filled by way of the CPU: the values are the same, the way is longer"
        for number in (0, 1)
    ]
    assert {each.category for each in caught} == {RuntimeWarning}
    assert driver.tried == 2
    assert len(driver.launches) == 1
    monkeypatch.setattr(tensors, "is_cuda", lambda tensor: False)
    of_cpu = nn.Linear(7, 6)
    init.init_module_(of_cpu, seed=SEED)
    assert values_of(model) == values_of(of_cpu)


def test_errors_are_those_of_the_cpu_and_come_before_the_first_launch(cuda):
    g = fastinit.Generator(SEED)
    for tensor, error, said in (
        (torch.zeros(3).expand(4, 3), ValueError, "overlap"),
        (torch.zeros(3, dtype=torch.int32), TypeError, "tensor has dtype torch.int32"),
        (test_torch.freed(), ValueError, "its memory was freed"),
    ):
        with pytest.raises(error, match=said):
            init.normal_(tensor, generator=g)
    with pytest.raises(ValueError, match="std=-1"):
        init.normal_(torch.zeros(3), std=-1, generator=g)
    whole = torch.zeros(8)
    module = nn.ParameterList([nn.Parameter(whole[:5]), nn.Parameter(whole[4:])])
    with pytest.raises(ValueError, match="share memory"):
        init.init_module_(module, {"*": "normal"}, seed=SEED)
    assert (cuda.taken(), cuda.by_way_of_the_cpu, g.stream) == ([], [], 0)
