"""fastinit.torch fills tensors as fastinit fills arrays, by the names and with the arguments of torch.nn.init."""

import doctest
import importlib
import inspect
import math
import re
import warnings

import ml_dtypes
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

import fastinit  # noqa: E402  (after the skip)
import fastinit.torch as init  # noqa: E402
from fastinit.torch import tensors  # noqa: E402

DTYPES = {
    torch.float32: np.float32,
    torch.float64: np.float64,
    torch.float16: np.float16,
    torch.bfloat16: ml_dtypes.bfloat16,
}
COMPLEX = {torch.complex64: np.complex64, torch.complex128: np.complex128}
SEED, INF = 7, math.inf


def scaled(scale, mode, distribution):
    """How CALLS ends for the schemes that have no function of their own."""
    return "variance_scaling", {"scale": scale, "mode": mode, "distribution": distribution, "layout": "torch"}


# The function of torch.nn.init, its arguments, and what Generator does for it.
CALLS = [
    ("uniform_", (-0.5, 0.25), {}, "uniform", {"low": -0.5, "high": 0.25}),
    ("uniform_", (), {"a": -1.0}, "uniform", {"low": -1.0, "high": 1.0}),
    ("normal_", (0.1, 0.02), {}, "normal", {"mean": 0.1, "std": 0.02}),
    ("trunc_normal_", (), {}, "truncated_normal", {}),
    ("trunc_normal_", (), {"std": 0.5, "a": -0.5, "b": 1}, "truncated_normal", {"std": 0.5, "low": -1, "high": 2}),
    ("trunc_normal_", (1, 0.25, 1.5, INF), {}, "truncated_normal", {"mean": 1, "std": 0.25, "low": 2, "high": INF}),
    ("xavier_uniform_", (), {}, "xavier_uniform", {"layout": "torch"}),
    ("xavier_uniform_", (5 / 3,), {}, "xavier_uniform", {"layout": "torch", "gain": 5 / 3}),
    ("xavier_normal_", (), {"gain": 2.0}, "xavier_normal", {"layout": "torch", "gain": 2.0}),
    ("kaiming_uniform_", (), {}, "he_uniform", {"layout": "torch"}),
    ("kaiming_uniform_", (math.sqrt(5),), {}, "he_uniform", {"layout": "torch", "negative_slope": math.sqrt(5)}),
    ("kaiming_normal_", (), {"nonlinearity": "relu", "a": 3}, "he_normal", {"layout": "torch"}),
    ("kaiming_normal_", (), {"mode": "fan_out", "nonlinearity": "relu"}, *scaled(2, "fan_out", "normal")),
    ("kaiming_uniform_", (0.2, "fan_out"), {}, *scaled(2 / 1.04, "fan_out", "uniform")),
    ("kaiming_normal_", (0, "fan_in", "tanh"), {}, *scaled((5 / 3) ** 2, "fan_in", "normal")),
    ("kaiming_normal_", (0, "fan_in", "linear"), {}, "lecun_normal", {"layout": "torch"}),
    ("orthogonal_", (1.5,), {}, "orthogonal", {"gain": 1.5}),
    ("sparse_", (0.3,), {}, "sparse", {"sparsity": 0.3, "std": 0.01}),
    ("sparse_", (), {"sparsity": 0.5, "std": 2.0}, "sparse", {"sparsity": 0.5, "std": 2.0}),
    ("constant_", (0.3,), {}, "constant", {"value": 0.3}),
    ("ones_", (), {}, "ones", {}),
    ("zeros_", (), {}, "zeros", {}),
    ("eye_", (), {}, "identity", {}),
]
CONSTANTS = {"constant_", "ones_", "zeros_", "eye_", "dirac_"}
SHAPE = (6, 7)


def freed():
    """A tensor whose memory is gone, as FSDP leaves the parameters that it has sharded."""
    tensor = torch.ones(3, 4)
    tensor.untyped_storage().resize_(0)
    return tensor


def zero3_placeholder(shape):
    """What DeepSpeed's ZeRO-3 has in the place of a parameter that it has cut."""
    placeholder = torch.nn.Parameter(torch.empty(0))
    placeholder.ds_shape = torch.Size(shape)
    return placeholder


def bits(tensor):
    return tensor.detach().resolve_conj().flatten().view(torch.uint8).numpy().tobytes()


def expected_array(scheme, keywords, shape, dtype, stream=0):
    if scheme in ("constant", "ones", "zeros", "identity", "dirac"):
        return getattr(fastinit.Generator(SEED), scheme)(np.empty(shape, DTYPES[dtype]), **keywords)
    array = np.empty(shape, {**DTYPES, **COMPLEX}[dtype])
    return getattr(fastinit.Generator(SEED), scheme)(array, stream=stream, **keywords)


def call(name, tensor, arguments, keywords, stream=0):
    if name in CONSTANTS:
        return getattr(init, name)(tensor, *arguments, **keywords)
    return getattr(init, name)(tensor, *arguments, **keywords, generator=fastinit.Generator(SEED), stream=stream)


# ---- The functions of torch.nn.init ----------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize(("name", "arguments", "keywords", "scheme", "expected"), CALLS)
def test_function_fills_as_the_generators_does(name, arguments, keywords, scheme, expected, dtype):
    tensor = torch.full(SHAPE, 9, dtype=dtype)
    assert call(name, tensor, arguments, keywords) is tensor
    assert bits(tensor) == expected_array(scheme, expected, SHAPE, dtype).tobytes()


def names_of_torch():
    """Those of its public functions that fill a tensor, and calculate_gain."""
    for name, value in vars(torch.nn.init).items():
        if inspect.isfunction(value) and not name.startswith("_") and (name.endswith("_") or name == "calculate_gain"):
            yield name


@pytest.mark.parametrize("name", list(names_of_torch()))
def test_every_function_of_torch_is_there_with_its_arguments_and_defaults(name):
    own, other = (inspect.signature(getattr(module, name)).parameters for module in (init, torch.nn.init))
    extra = [each for each in own.values() if each.name not in other]
    assert all(each.kind is each.VAR_KEYWORD for each in extra)
    for each, theirs in zip(own.values(), other.values(), strict=False):
        assert (each.name, each.default) == (theirs.name, theirs.default)


@pytest.mark.parametrize("nonlinearity", ["linear", "conv2d", "sigmoid", "tanh", "relu", "leaky_relu", "selu"])
@pytest.mark.parametrize("param", [None, 0, 0.2])
def test_gains_are_torchs(nonlinearity, param):
    theirs = torch.nn.init.calculate_gain(nonlinearity, param)
    assert init.calculate_gain(nonlinearity, param) == pytest.approx(theirs, rel=1e-15)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        (name, arguments)
        for name, arguments, keywords, *_ in CALLS
        if not keywords and name not in CONSTANTS and INF not in arguments  # which PyTorch does not take
    ],
)
def test_values_are_distributed_as_torchs(name, arguments):
    """The means and deviations of 400,000 values, whose own deviations are below 0.3 %."""
    own, theirs = torch.empty(500, 800), torch.empty(500, 800)
    call(name, own, arguments, {})
    getattr(torch.nn.init, name)(theirs, *arguments, generator=torch.Generator().manual_seed(1))
    spread = theirs.std().item()
    assert own.mean().item() == pytest.approx(theirs.mean().item(), abs=0.01 * spread)
    assert own.std().item() == pytest.approx(spread, rel=0.01)


def test_matrices_and_constants_are_torchs():
    assert torch.equal(init.eye_(torch.ones(3, 5)), torch.nn.init.eye_(torch.empty(3, 5)))
    for shape, groups in (((6, 2, 3), 3), ((4, 6, 3, 4), 2), ((5, 3, 1, 2, 3), 1)):
        assert torch.equal(init.dirac_(torch.ones(shape), groups), torch.nn.init.dirac_(torch.empty(shape), groups))
    q = init.orthogonal_(torch.empty(40, 3, 10), gain=2.0, generator=fastinit.Generator(SEED)).flatten(1)
    assert torch.allclose(q.T @ q, 4 * torch.eye(30), atol=1e-5)
    zeros = (init.sparse_(torch.empty(10, 6), 0.35, generator=fastinit.Generator(SEED)) == 0).sum(0)
    assert zeros.tolist() == (torch.nn.init.sparse_(torch.empty(10, 6), 0.35) == 0).sum(0).tolist() == [4] * 6


@settings(max_examples=300)
@given(
    mean=st.floats(-1e3, 1e3),
    std=st.floats(1e-4, 1e3),
    ends=st.tuples(st.floats(-1e3, 1e3), st.floats(-1e3, 1e3)).map(sorted),
    dtype=st.sampled_from([torch.float32, torch.float64]),
)
def test_truncated_normals_never_leave_the_bounds_that_were_given(mean, std, ends, dtype):
    a, b = ends
    assume(b - a > 1e-5 * (abs(mean) + std + abs(a) + abs(b)))  # otherwise there may be no float between them
    values = init.trunc_normal_(torch.empty(300, dtype=dtype), mean, std, a, b, generator=fastinit.Generator(SEED))
    assert a <= values.double().min()
    assert values.double().max() <= b


@pytest.mark.parametrize("module", ["fastinit.torch", "fastinit.torch.functions", "fastinit.torch.modules"])
def test_examples_print_what_they_show(module):
    failures, tried = doctest.testmod(importlib.import_module(module), optionflags=doctest.NORMALIZE_WHITESPACE)
    assert tried
    assert not failures


@pytest.mark.parametrize("name", init.__all__)
def test_every_function_documents_its_arguments_errors_and_an_example(name):
    text = inspect.getdoc(getattr(init, name))
    if name in ("Filled", "Report"):
        return
    for part in ("Parameters\n", "Returns\n", "Raises\n", "Examples\n"):
        assert part in text
    assert not re.search(r"<[a-z ]+>", text), "a shared paragraph was not written out"


# ---- Tensors ---------------------------------------------------------------------------------------------------------


def odd(whole):
    """An axis of one element whose stride, times the item size, no integer of 64 bits holds."""
    return whole.as_strided((1, 6, 7), (2**62, 7, 1))[0]


def views():
    """Tensors of shape SHAPE that lie in memory in other ways, and all of that memory."""
    yield "transposed", lambda dtype: (whole := torch.zeros(7, 6, dtype=dtype), whole.T)
    yield "stepped", lambda dtype: (whole := torch.zeros(12, 15, dtype=dtype), whole[::2, 1::2])
    yield "inner axis last", lambda dtype: (whole := torch.zeros(7, 3, 6, dtype=dtype), whole[:, 1].T)
    yield "steps that are not taken", lambda dtype: (whole := torch.zeros(42, dtype=dtype), odd(whole))
    yield "from an odd place", lambda dtype: (whole := torch.zeros(50, dtype=dtype), whole[3:45].view(6, 7))


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize(("title", "made"), list(views()))
def test_tensors_of_any_strides_get_the_same_values_and_nothing_around_them_changes(title, made, dtype):
    whole, tensor = made(dtype)
    call("normal_", tensor, (0.0, 3.0), {})
    assert bits(tensor) == expected_array("normal", {"std": 3.0}, SHAPE, dtype).tobytes()
    assert torch.count_nonzero(whole) == torch.count_nonzero(tensor)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_tensors_are_filled_where_they_are(dtype):
    tensor = torch.zeros(300, 300, dtype=dtype)
    place, shared = tensor.data_ptr(), tensor.view(-1)
    init.kaiming_normal_(tensor)
    assert tensor.data_ptr() == place
    assert torch.count_nonzero(shared) > 80_000


FILLS_OF_A_TENSOR = {
    "normal_": init.normal_,
    "zeros_": init.zeros_,
    "orthogonal_": init.orthogonal_,
    "init_module_": lambda tensor: init.init_module_(owner_of(tensor), {"weight": "normal"}, seed=SEED),
}


def owner_of(tensor):
    module = torch.nn.Module()
    module.weight = torch.nn.Parameter(tensor, requires_grad=False)
    return module


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("fill", FILLS_OF_A_TENSOR.values(), ids=FILLS_OF_A_TENSOR)
def test_memory_of_a_filled_tensor_can_still_be_resized_freed_and_shared(fill, dtype):
    tensor = torch.zeros(4, 5, dtype=dtype)
    fill(tensor)
    filled = tensor.clone()
    tensor.resize_(8, 5)
    assert torch.equal(tensor[:4], filled)
    torch.add(torch.ones(20, 5, dtype=dtype), 1, out=tensor.resize_(0))
    assert (tensor == 2).all()
    fill(tensor)
    filled = tensor.clone()
    tensor.share_memory_()
    assert torch.equal(tensor, filled)
    tensor = torch.zeros(4, 5, dtype=dtype)
    fill(tensor)
    tensor.untyped_storage().resize_(0)
    with pytest.raises(ValueError, match="its memory was freed"):
        fill(tensor)
    tensor.untyped_storage().resize_(20 * tensor.itemsize)
    fill(tensor)


def test_tensor_that_shares_its_memory_until_it_is_written_to_leaves_the_other_alone():
    one = torch.ones(SHAPE)
    other = torch._lazy_clone(one)
    call("normal_", other, (), {})
    assert (one == 1).all()
    assert bits(other) == expected_array("normal", {}, SHAPE, torch.float32).tobytes()


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors is in prototype")
@pytest.mark.parametrize("layout", [torch.strided, torch.jagged])
def test_nested_tensors_are_refused(layout):
    tensor = torch.nested.nested_tensor([torch.zeros(2), torch.zeros(3)], layout=layout)
    with pytest.raises(TypeError, match=r"tensor is nested; accepted is a plain one"):
        init.normal_(tensor)


@pytest.mark.parametrize("dtype", [torch.float32, torch.complex64], ids=str)
def test_function_that_fills_can_be_compiled(dtype):
    for name in ("normal_", "kaiming_normal_"):

        @torch.compile(backend="eager")
        def twice(tensor, name=name):
            return 2 * call(name, tensor, (), {})

        expected = call(name, torch.empty(SHAPE, dtype=dtype), (), {})
        assert torch.equal(twice(torch.empty(SHAPE, dtype=dtype)), 2 * expected)


def test_tensor_inside_vmap_is_refused():
    def fill(tensor):
        with pytest.raises(TypeError, match="whose memory cannot be written to"):
            init.normal_(tensor)
        return tensor

    torch.vmap(fill)(torch.ones(2, 3))


def test_parameters_that_zero3_has_gathered_are_filled():
    weight = torch.nn.Parameter(torch.empty(SHAPE))
    weight.ds_shape = torch.Size(SHAPE)
    call("normal_", weight, (), {})
    assert bits(weight) == expected_array("normal", {}, SHAPE, torch.float32).tobytes()


def dtypes_of_torch():
    """All that PyTorch fills with ones, but for the quantised ones, which it is about to drop."""
    for dtype in {each for each in vars(torch).values() if isinstance(each, torch.dtype)}:
        if str(dtype).startswith("torch.q") or (dtype == torch.complex32 and not hasattr(ml_dtypes, "complex32")):
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # complex32 is experimental
            try:
                torch.nn.init.ones_(torch.empty(2, dtype=dtype))
            except (NotImplementedError, RuntimeError):
                continue
        yield dtype


CONSTANT_CALLS = [
    ("zeros_", (), (3, 4)),
    ("ones_", (), ()),
    ("ones_", (), (0, 3)),
    ("constant_", (1,), (3, 4)),
    ("eye_", (), (3, 4)),
    ("dirac_", (), (4, 3, 3)),
]
HAS_NO_ZERO = torch.float8_e8m0fnu  # where PyTorch writes 2**-127


@pytest.mark.parametrize(
    ("dtype", "name", "arguments", "shape"),
    [
        (dtype, *call)
        for dtype in sorted(dtypes_of_torch(), key=str)
        for call in CONSTANT_CALLS
        if dtype != HAS_NO_ZERO or call[0] in ("ones_", "constant_")
    ],
    ids=str,
)
@pytest.mark.filterwarnings("ignore:ComplexHalf support is experimental")
def test_constants_are_torchs_in_every_dtype(name, arguments, shape, dtype):
    own, theirs = torch.ones(shape).to(dtype), torch.zeros(shape).to(dtype)
    assert getattr(init, name)(own, *arguments) is own
    try:
        getattr(torch.nn.init, name)(theirs, *arguments)
    except NotImplementedError:  # eye_ of unsigned integers
        theirs = getattr(torch.nn.init, name)(torch.empty(shape), *arguments).to(dtype)
    assert bits(own) == bits(theirs)


def test_bool_is_a_constant_of_bool_tensors_alone():
    for value in (True, False, np.True_, torch.tensor(True)):
        assert init.constant_(torch.zeros(2, dtype=torch.bool), value).tolist() == [bool(value)] * 2
    for dtype in (torch.float32, torch.int8, torch.complex64, torch.bfloat16):
        for value in (True, np.False_, torch.tensor(True)):
            tensor = torch.ones(2, dtype=dtype)
            with pytest.raises(TypeError, match="value must be a number, not "):
                init.constant_(tensor, value)
            assert tensor.tolist() == [1, 1]


def test_a_tensor_of_streams_may_hold_numbers_of_names_and_others():
    numbers = np.array([fastinit.stream_number("a"), 5, 2**64 - 1], np.uint64)
    filled = init.normal_(torch.zeros(3, 4), streams=torch.tensor(numbers))
    assert torch.equal(filled, init.normal_(torch.zeros(3, 4), streams=["a", 5, 2**64 - 1]))
    with pytest.raises(ValueError, match=r"streams has shape=\(3, 1\); accepted is one axis"):
        init.normal_(torch.zeros(3, 4), streams=torch.tensor([[1], [2], [3]]))


@pytest.mark.parametrize(
    "tensor", [torch.zeros(3), torch.zeros(3, dtype=torch.complex64).conj()], ids=["plain", "conj"]
)
def test_constants_take_no_stream_wherever_the_tensor_lies(tensor):
    before = fastinit.default_generator.stream
    init.ones_(tensor)
    init.constant_(tensor, 2.0)
    assert fastinit.default_generator.stream == before


def test_constants_of_integers_and_complex_numbers_are_exact():
    for dtype, value in (
        *((torch.int64, each) for each in (-(2**63), 2**63 - 1, 2**53 + 1)),
        (torch.uint64, 2**64 - 1),
        (torch.int8, -128),
        (torch.complex64, 0.25 - 3j),
        (torch.complex128, complex(0.1, -INF)),
    ):
        assert init.constant_(torch.zeros(3, dtype=dtype), value).tolist() == [value] * 3
    for number in (torch.tensor(0.5), torch.tensor(0.5, dtype=torch.bfloat16), torch.nn.Parameter(torch.tensor(0.5))):
        assert init.constant_(torch.zeros(2), number.detach()).tolist() == [0.5] * 2
    assert init.constant_(torch.zeros(2, dtype=torch.complex64), torch.tensor(0.5j)).tolist() == [0.5j] * 2
    with pytest.raises(TypeError, match="value must be a number, not Tensor: the array is not complex"):
        init.constant_(torch.zeros(2), torch.tensor(0.5j))
    conjugate = torch.zeros(3, dtype=torch.complex64).conj()
    assert init.constant_(conjugate, 1 + 2j).tolist() == [1 + 2j] * 3
    assert init.constant_(torch.zeros(2, 3, dtype=torch.int32).T[1:], 7).tolist() == [[7, 7]] * 2


# ---- Complex numbers -------------------------------------------------------------------------------------------------

COMPLEX_CALLS = [
    *(each for each in CALLS if each[0] in ("normal_", "xavier_normal_", "kaiming_normal_")),
    ("normal_", (1 - 2j, 3.0), {}, "normal", {"mean": 1 - 2j, "std": 3.0}),
    ("normal_", (torch.tensor(0.5j),), {"std": np.float32(2)}, "normal", {"mean": 0.5j, "std": 2.0}),
]


@pytest.mark.parametrize("dtype", COMPLEX, ids=str)
@pytest.mark.parametrize(("name", "arguments", "keywords", "scheme", "expected"), COMPLEX_CALLS)
def test_normals_fill_complex_tensors_as_arrays(
    lazy_device, monkeypatch, name, arguments, keywords, scheme, expected, dtype
):
    wanted = expected_array(scheme, expected, SHAPE, dtype).tobytes()
    for _, made in views():
        whole, tensor = made(dtype)
        assert call(name, tensor, arguments, keywords) is tensor
        assert bits(tensor) == wanted
        assert torch.count_nonzero(whole) == tensor.numel()
    conjugate = torch.zeros(SHAPE, dtype=dtype).conj()
    assert bits(call(name, conjugate, arguments, keywords)) == wanted
    assert conjugate.is_conj()
    monkeypatch.setattr(tensors, "BUFFER", 5)
    assert bits(call(name, torch.zeros(SHAPE, dtype=dtype, device=lazy_device), arguments, keywords).cpu()) == wanted
    block = {"offset": (2, 3), "global_shape": SHAPE}
    part = call(name, torch.zeros(3, 4, dtype=dtype), arguments, {**keywords, **block})
    assert bits(part) == np.ascontiguousarray(expected_array(scheme, expected, SHAPE, dtype)[2:5, 3:]).tobytes()
    g = fastinit.Generator(SEED)
    getattr(init, name)(torch.empty(SHAPE, dtype=dtype, device="meta"), *arguments, **keywords, generator=g)
    assert g.stream == 0


@pytest.mark.parametrize("dtype", [*COMPLEX, torch.complex32], ids=str)
@pytest.mark.parametrize("device", ["cpu", "meta"])
@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("uniform_", ()),
        ("trunc_normal_", ()),
        ("xavier_uniform_", ()),
        ("kaiming_uniform_", ()),
        ("kaiming_uniform_", (0, "fan_out", "tanh")),
        ("orthogonal_", ()),
        ("sparse_", (0.5,)),
    ],
)
@pytest.mark.filterwarnings("ignore:ComplexHalf support is experimental")
def test_other_draws_refuse_complex_tensors_and_say_what_draws_them(name, arguments, device, dtype):
    g = fastinit.Generator(SEED)
    tensor = torch.empty(SHAPE, dtype=dtype, device=device).fill_(1)
    with pytest.raises(TypeError) as caught:
        getattr(init, name)(tensor, *arguments, generator=g)
    assert str(caught.value) == (
        f"tensor has dtype {dtype}; accepted are torch.float32, torch.float64, torch.float16, torch.bfloat16; complex "
        "numbers are drawn by normal_, xavier_normal_ and kaiming_normal_"
    )
    assert g.stream == 0
    assert device == "meta" or (tensor == 1).all()


@pytest.mark.filterwarnings("ignore:ComplexHalf support is experimental")
def test_normals_of_complex_numbers_have_their_own_limits():
    with pytest.raises(TypeError, match=r"dtype torch.complex32; accepted are .*, torch.complex64, torch.complex128$"):
        init.normal_(torch.zeros(3, dtype=torch.complex32))
    with pytest.raises(TypeError, match="mean must be a number, not complex"):
        init.normal_(torch.zeros(3), 1j)
    with pytest.raises(ValueError, match=r"mean=1e\+38j, std=1e\+38: .* do not overflow float32"):
        init.normal_(torch.zeros(3, dtype=torch.complex64, device="meta"), 1e38j, 1e38)


# ---- Other tensors ---------------------------------------------------------------------------------------------------


def test_channels_last_and_scalar_and_empty_tensors():
    image = torch.empty(4, 3, 5, 5).to(memory_format=torch.channels_last)
    call("kaiming_uniform_", image, (), {})
    assert bits(image) == expected_array("he_uniform", {"layout": "torch"}, (4, 3, 5, 5), torch.float32).tobytes()
    scalar = call("normal_", torch.empty(()), (), {})
    assert scalar.item() == expected_array("normal", {}, (), torch.float32)
    assert call("xavier_uniform_", torch.empty(0, 3), (), {}).shape == (0, 3)
    assert call("normal_", torch.zeros(4).as_strided((0, 5), (1, 2**61)), (), {}).shape == (0, 5)


def test_fills_record_no_gradient_and_tell_autograd_that_the_tensor_changed():
    weight = torch.nn.Parameter(torch.ones(3, 3))
    before = weight._version
    init.xavier_normal_(weight)
    assert weight.is_leaf
    assert weight.grad_fn is None
    assert weight._version > before
    x = torch.ones(3, requires_grad=True)
    y = x * 2
    z = (y * y).sum()
    with torch.no_grad():
        init.normal_(y)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        z.backward()


def test_fill_inside_inference_mode():
    with torch.inference_mode():
        tensor = call("normal_", torch.empty(SHAPE), (), {})
    assert bits(tensor.clone()) == expected_array("normal", {}, SHAPE, torch.float32).tobytes()


def test_tensor_of_negated_bits_gets_the_values():
    tensor = torch.zeros(5, dtype=torch.complex64).conj().imag
    assert tensor.is_neg()
    call("normal_", tensor, (), {})
    assert bits(tensor.resolve_neg()) == expected_array("normal", {}, (5,), torch.float32).tobytes()


def test_unnamed_fills_take_the_generators_streams_in_turn_and_others_do_not():
    g = fastinit.Generator(SEED)
    init.normal_(torch.empty(3), generator=g)
    init.zeros_(torch.empty(3))
    init.uniform_(torch.empty(3), generator=g, stream="a")
    second = init.uniform_(torch.empty(SHAPE), generator=g)
    assert g.stream == 2
    assert bits(second) == expected_array("uniform", {}, SHAPE, torch.float32, stream=1).tobytes()


def test_number_of_a_name_is_the_stream_of_the_name():
    g = fastinit.Generator(SEED)
    named, numbered = (
        init.normal_(torch.empty(SHAPE), generator=g, stream=stream) for stream in ("a", fastinit.stream_number("a"))
    )
    assert bits(named) == bits(numbered)


def test_without_a_generator_it_is_the_default_one():
    fastinit.seed(SEED)
    first = init.normal_(torch.empty(SHAPE))
    assert bits(first) == expected_array("normal", {}, SHAPE, torch.float32).tobytes()
    assert fastinit.default_generator.stream == 1


@pytest.mark.parametrize("name", ["normal_", "xavier_uniform_", "orthogonal_", "sparse_", "eye_"])
def test_tensors_that_are_blocks_get_the_part_of_the_whole(name):
    arguments = (0.25,) if name == "sparse_" else ()
    named = {} if name == "eye_" else {"generator": fastinit.Generator(SEED), "stream": "w"}
    whole = getattr(init, name)(torch.empty(8, 10), *arguments, **named)
    block = {"offset": (2, 3), "global_shape": (8, 10)}
    part = getattr(init, name)(torch.empty(5, 4), *arguments, **named, **block)
    assert torch.equal(part, whole[2:7, 3:7])


def test_meta_tensors_are_checked_and_take_no_stream():
    g = fastinit.Generator(SEED)
    tensor = torch.empty(3, 4, device="meta")
    assert init.kaiming_normal_(tensor, generator=g) is tensor
    assert g.stream == 0
    with pytest.raises(ValueError, match="std=-1"):
        init.normal_(tensor, 0, -1, generator=g)
    init.normal_(tensor, generator=g, stream="w", offset=(1, 0), global_shape=(4, 4))
    for place, message in (
        ({"stream": -1}, "stream=-1"),
        ({"offset": (2, 0), "global_shape": (4, 4)}, r"global_shape=\(4, 4\)"),
        ({"offset": (0,), "global_shape": (3,)}, "offset"),
    ):
        with pytest.raises(ValueError, match=message):
            init.normal_(tensor, generator=g, **place)
    assert g.stream == 0


# ---- Other devices ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pieces", [5, 40, 1 << 22])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize(("name", "arguments", "keywords", "scheme", "expected"), CALLS[::3])
def test_tensor_on_another_device_gets_the_same_values(
    lazy_device, monkeypatch, name, arguments, keywords, scheme, expected, dtype, pieces
):
    monkeypatch.setattr(tensors, "BUFFER", pieces)
    tensor = torch.full(SHAPE, 9, dtype=dtype, device=lazy_device)
    assert call(name, tensor, arguments, keywords, stream="w") is tensor
    assert bits(tensor.cpu()) == expected_array(scheme, expected, SHAPE, dtype, stream="w").tobytes()


def test_tensor_on_another_device_takes_one_stream_whatever_its_pieces(lazy_device, monkeypatch):
    monkeypatch.setattr(tensors, "BUFFER", 4)
    g = fastinit.Generator(SEED)
    first, second = (init.normal_(torch.empty(SHAPE, device=lazy_device), generator=g) for _ in range(2))
    assert g.stream == 2
    assert bits(first.cpu()) == expected_array("normal", {}, SHAPE, torch.float32, stream=0).tobytes()
    assert bits(second.cpu()) == expected_array("normal", {}, SHAPE, torch.float32, stream=1).tobytes()


# ---- A generator of another class ------------------------------------------------------------------------------------


class Halved(fastinit.Generator):
    """Draws normals of half the spread, and counts them."""

    def __init__(self):
        super().__init__(SEED)
        self.calls = 0

    def normal(self, out, mean=0.0, std=1.0, **keywords):
        self.calls += 1
        return super().normal(out, mean, std / 2, **keywords)


@pytest.mark.parametrize("stream", [None, "w"])
def test_own_draws_of_a_subclass_are_used_on_every_device(lazy_device, monkeypatch, stream):
    monkeypatch.setattr(tensors, "BUFFER", 10)
    expected = expected_array("normal", {"std": 0.5}, SHAPE, torch.float32, stream or 0)
    for device in ("cpu", lazy_device):
        g = Halved()
        tensor = init.normal_(torch.empty(SHAPE, device=device), generator=g, stream=stream)
        assert bits(tensor.cpu()) == expected.tobytes()
        assert g.calls == (1 if device == "cpu" else SHAPE[0])
        assert g.stream == (stream is None)
    part = init.normal_(torch.empty(2, 3), generator=Halved(), stream=stream, offset=(3, 4), global_shape=SHAPE)
    assert np.array_equal(part.numpy(), expected[3:5, 4:])


# ---- A stream for each row ------------------------------------------------------------------------------------------

STREAMS = ["experts.0", 2, "experts.2", 2**63 - 1, 0]
DRAWS = [each for each in CALLS if each[0] not in CONSTANTS]


def rows_called(name, tensor, arguments, keywords, streams=STREAMS):
    """A loop of calls over the rows, each with its own stream."""
    for row, stream in zip(tensor, streams, strict=True):
        call(name, row, arguments, keywords, stream)
    return tensor


def call_rows(name, tensor, arguments, keywords, streams=STREAMS):
    g = fastinit.Generator(SEED)
    assert getattr(init, name)(tensor, *arguments, **keywords, generator=g, streams=streams) is tensor
    assert g.stream == 0
    return tensor


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize(("name", "arguments", "keywords", "scheme", "expected"), DRAWS)
def test_row_is_what_a_call_with_its_stream_writes(name, arguments, keywords, scheme, expected, dtype):
    tensor = call_rows(name, torch.full((5, *SHAPE), 9, dtype=dtype), arguments, keywords)
    assert bits(tensor) == bits(rows_called(name, torch.empty(5, *SHAPE, dtype=dtype), arguments, keywords))
    assert bits(tensor[2]) == expected_array(scheme, expected, SHAPE, dtype, stream="experts.2").tobytes()


@pytest.mark.parametrize("dtype", [*DTYPES, *COMPLEX], ids=str)
def test_rows_of_any_strides_get_the_same_values_and_nothing_around_them_changes(dtype):
    wanted = bits(rows_called("xavier_normal_", torch.empty(5, 6, 7, dtype=dtype), (), {}))
    for whole, select in (
        (torch.zeros(7, 6, 5, dtype=dtype), lambda whole: whole.permute(2, 1, 0)),
        (torch.zeros(6, 5, 7, dtype=dtype), lambda whole: whole.transpose(0, 1)),
        (torch.zeros(9, 12, 15, dtype=dtype), lambda whole: whole[::2, ::2, 1::2]),
    ):
        tensor = call_rows("xavier_normal_", select(whole), (), {})
        assert bits(tensor.contiguous()) == wanted
        assert torch.count_nonzero(whole) == torch.count_nonzero(tensor)
    if dtype in COMPLEX:
        assert bits(call_rows("xavier_normal_", torch.zeros(5, 6, 7, dtype=dtype).conj(), (), {})) == wanted


def test_fans_of_a_stack_of_experts_are_those_of_an_expert():
    for shape in ((4, 512, 64), (4, 512, 16, 2, 2)):
        experts = init.kaiming_normal_(torch.empty(shape), nonlinearity="relu", streams=range(4))
        assert experts.std().item() == pytest.approx(math.sqrt(2 / 64), rel=0.02)
        out = init.kaiming_normal_(torch.empty(shape), 0, "fan_out", "relu", streams=range(4))
        assert out.std().item() == pytest.approx(math.sqrt(2 / (512 * math.prod(shape[3:]))), rel=0.02)


@pytest.mark.parametrize(
    "streams",
    [
        range(3, 13, 2),
        range(11, 1, -2),
        np.array([3, 5, 2**62, 9, 11]),
        torch.tensor([3, 5, 2**62, 9, 11]),
        torch.tensor([3, 5, 7, 9, 11], dtype=torch.uint8),
        (3, "w", np.int8(7), torch.tensor(9), "ä"),
        iter([3, 5, 7, 9, 11]),
    ],
    ids=lambda streams: type(streams).__name__,
)
def test_streams_of_every_kind_address_the_rows(streams):
    each = list(streams) if not isinstance(streams, type(iter([]))) else [3, 5, 7, 9, 11]
    expected = rows_called("normal_", torch.empty(5, 6), (), {}, each)
    assert torch.equal(call_rows("normal_", torch.empty(5, 6), (), {}, streams), expected)


def test_rows_of_parameters_and_of_tensors_of_one_axis_and_of_none():
    weight = torch.nn.Parameter(torch.zeros(5, 3))
    before = weight._version
    call_rows("uniform_", weight, (), {})
    assert weight._version > before
    assert weight.grad_fn is None
    assert torch.equal(weight, rows_called("uniform_", torch.empty(5, 3), (), {}))
    one = call_rows("normal_", torch.empty(5), (), {})
    assert one[1].item() == call("normal_", torch.empty(()), (), {}, 2).item()
    assert call_rows("normal_", torch.empty(0, 3), (), {}, []).shape == (0, 3)
    assert call_rows("normal_", torch.empty(5, 0), (), {}).shape == (5, 0)
    assert torch.equal(
        init.normal_(torch.empty(5, 3), generator=fastinit.Generator(SEED), stream="w", streams=None),
        call("normal_", torch.empty(5, 3), (), {}, "w"),
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.complex128], ids=str)
def test_block_is_that_of_every_row(lazy_device, monkeypatch, dtype):
    whole = call_rows("xavier_normal_", torch.empty(5, 8, 10, dtype=dtype), (), {})
    block = {"offset": (2, 3), "global_shape": (8, 10)}
    assert torch.equal(call_rows("xavier_normal_", torch.empty(5, 5, 4, dtype=dtype), (), block), whole[:, 2:7, 3:7])
    for pieces in (1, 7, 50, 1 << 22):
        monkeypatch.setattr(tensors, "BUFFER", pieces)
        part = call_rows("xavier_normal_", torch.empty(5, 5, 4, dtype=dtype, device=lazy_device), (), block)
        assert torch.equal(part.cpu(), whole[:, 2:7, 3:7])


@pytest.mark.parametrize("pieces", [5, 50, 150, 1 << 22])
@pytest.mark.parametrize(("name", "arguments", "keywords", "scheme", "expected"), DRAWS[::2])
def test_rows_on_another_device_get_the_same_values(
    lazy_device, monkeypatch, name, arguments, keywords, scheme, expected, pieces
):
    monkeypatch.setattr(tensors, "BUFFER", pieces)
    tensor = call_rows(name, torch.full((5, *SHAPE), 9.0, device=lazy_device), arguments, keywords)
    assert bits(tensor.cpu()) == bits(rows_called(name, torch.empty(5, *SHAPE), arguments, keywords))


def test_matrices_of_rows_go_to_another_device_one_at_a_time(lazy_device, monkeypatch):
    monkeypatch.setattr(tensors, "BUFFER", 5)
    sizes = []
    part = tensors.fill_part
    monkeypatch.setattr(
        tensors, "fill_part", lambda each, *rest: sizes.append(tuple(each.tensor.shape)) or part(each, *rest)
    )
    call_rows("orthogonal_", torch.empty(5, 6, 7, device=lazy_device), (), {})
    assert sizes[1:] == [(1, 6, 7)] * 5


def test_rows_by_a_generator_of_another_class(lazy_device, monkeypatch):
    monkeypatch.setattr(tensors, "BUFFER", 4)
    expected = rows_called("normal_", torch.empty(5, 6), (0.0, 0.5), {})
    for device in ("cpu", lazy_device):
        g = Halved()
        assert torch.equal(init.normal_(torch.empty(5, 6, device=device), generator=g, streams=STREAMS).cpu(), expected)
        assert g.stream == 0


def test_fill_of_rows_can_be_compiled():
    @torch.compile(backend="eager")
    def twice(tensor):
        return 2 * call_rows("kaiming_normal_", tensor, (), {})

    assert torch.equal(twice(torch.empty(5, 6, 7)), 2 * rows_called("kaiming_normal_", torch.empty(5, 6, 7), (), {}))


ROWS_REFUSED = [
    ({"streams": range(4)}, ValueError, "streams has 4 streams, and tensor has shape=(5, 6); accepted is one for each"),
    ({"streams": range(5), "stream": "w"}, ValueError, "stream='w', streams=range(0, 5); accepted is one of the two"),
    ({"streams": [0, 1, 2, 3, -1]}, ValueError, "streams[4]: stream=-1 is out of range"),
    ({"streams": torch.tensor([0, 1, -7, 3, 4])}, ValueError, "streams[2]: stream=-7 is out of range"),
    ({"streams": ["a", "b", None, "d", "e"]}, TypeError, "streams[2]: stream must be an integer or a name"),
    ({"streams": torch.zeros(5)}, TypeError, "streams[0]: stream must be an integer or a name (a string), not float"),
    ({"streams": torch.zeros(5, dtype=torch.bool)}, TypeError, "streams[0]: stream must be an integer or a name"),
    ({"streams": torch.zeros(5, 1, dtype=int)}, ValueError, "streams has shape=(5, 1); accepted is one axis"),
    ({"streams": torch.zeros(5, dtype=int, device="meta")}, TypeError, "streams is a Tensor that cannot be read"),
    ({"streams": "abcde"}, TypeError, "streams must be an array of integers, a range or a list of integers and names"),
    ({"streams": range(5), "offset": (0, 0), "global_shape": (5, 6)}, ValueError, "accepted are 1 integer each"),
    ({"streams": range(5), "offset": (1,), "global_shape": (6,)}, ValueError, "offset=(1,) and the shape of out[i]"),
    ({"streams": range(5), "offset": (1,)}, ValueError, "accepted are both or neither"),
    ({"streams": range(5), "offset": (True,), "global_shape": (9,)}, TypeError, "accepted are integers, not bools"),
]


@pytest.mark.parametrize("device", ["cpu", "meta", "lazy"])
@pytest.mark.parametrize(("place", "kind", "said"), ROWS_REFUSED, ids=[f"{case[0]!r:.60}" for case in ROWS_REFUSED])
def test_bad_streams_are_refused_before_the_first_byte(lazy_device, monkeypatch, place, kind, said, device):
    monkeypatch.setattr(tensors, "BUFFER", 3)
    g, tensor = fastinit.Generator(SEED), torch.ones(5, 6).to(device)
    with pytest.raises(kind) as caught:
        init.normal_(tensor, generator=g, **place)
    assert said in str(caught.value)
    assert device == "meta" or (tensor.cpu() == 1).all()
    assert g.stream == 0


@pytest.mark.parametrize(
    ("fill", "said"),
    [
        (lambda t, g: init.normal_(t[0, 0, 0], generator=g, streams=[1]), "tensor has no axes; accepted with streams="),
        (lambda t, g: init.normal_(t[:1].expand(3, 4, 5), generator=g, streams=range(3)), "overlaps itself"),
        (lambda t, g: init.normal_(t[:, :1].expand(3, 4, 5), generator=g, streams=range(3)), "overlaps itself"),
        (lambda t, g: init.xavier_normal_(t[0], generator=g, streams=range(4)), "shape=(5,); layout='torch'"),
        (lambda t, g: init.normal_(t, 0, -1, generator=g, streams=range(3)), "std=-1"),
        (lambda t, g: init.normal_(t.int(), generator=g, streams=range(3)), "tensor has dtype torch.int32"),
        (lambda t, g: init.uniform_(t.cfloat(), generator=g, streams=range(3)), "tensor has dtype torch.complex64"),
        (lambda t, g: init.eye_(t[0], streams=range(4)), "streams is given to a function that draws nothing"),
        (lambda t, g: init.dirac_(t, streams=range(3)), "streams is given to a function that draws nothing"),
        (lambda t, g: init.zeros_(t, streams=range(3)), "unexpected keyword argument 'streams'"),
        (
            lambda t, g: init.init_module_(owner_of(t), {"weight": ("normal", {"streams": range(3)})}, seed=SEED),
            "rule 'weight': normal: got an unexpected keyword argument 'streams'",
        ),
    ],
)
def test_tensors_and_functions_that_take_no_streams_say_so(fill, said):
    assert said in untouched_by(fill, torch.ones(3, 4, 5))


def test_rows_of_a_tensor_without_memory_are_refused():
    from torch._subclasses.fake_tensor import FakeTensorMode

    with FakeTensorMode():
        tensor, streams = torch.empty(5, 6), torch.arange(5)
        with pytest.raises(TypeError, match="tensor is a FakeTensor, whose memory cannot be written to"):
            init.normal_(tensor, streams=range(5))
    with pytest.raises(TypeError, match="tensor is a FakeTensor, whose memory cannot be written to"):
        init.normal_(tensor, streams=range(5))
    with pytest.raises(TypeError, match="streams is a FakeTensor that cannot be read"):
        init.normal_(torch.empty(5, 6), streams=streams)


def test_block_that_does_not_fit_is_refused_on_another_device_before_the_first_piece(lazy_device, monkeypatch):
    monkeypatch.setattr(tensors, "BUFFER", 3)
    tensor = torch.ones(3, 4, device=lazy_device)
    with pytest.raises(ValueError, match=r"reach beyond global_shape=\(5, 4\)"):
        init.normal_(tensor, generator=fastinit.Generator(SEED), offset=(3, 0), global_shape=(5, 4))
    assert (tensor.cpu() == 1).all()


# ---- Bad input -------------------------------------------------------------------------------------------------------


def untouched_by(fill, tensor):
    before = tensor.clone()
    g = fastinit.Generator(SEED)
    with pytest.raises((TypeError, ValueError)) as caught:
        fill(tensor, g)
    assert torch.equal(tensor, before)
    assert g.stream == 0
    return str(caught.value)


@pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor")  # PyTorch is about to drop them
@pytest.mark.parametrize(
    ("fill", "parts"),
    [
        (lambda t, g: init.normal_(t, 0, -1, generator=g), ["std=-1"]),
        (lambda t, g: init.normal_(t, "0", generator=g), ["mean must be a number"]),
        (lambda t, g: init.uniform_(t, 1, 0, generator=g), ["low=1", "high=0"]),
        (lambda t, g: init.trunc_normal_(t, 0, 0, generator=g), ["std=0"]),
        (lambda t, g: init.trunc_normal_(t, a=1, b=-1, generator=g), ["a=1, b=-1; accepted is a <= b"]),
        (lambda t, g: init.trunc_normal_(t, a=math.nan, generator=g), ["a=nan"]),
        (lambda t, g: init.trunc_normal_(t, math.inf, generator=g), ["mean=inf"]),
        (lambda t, g: init.xavier_uniform_(t, -1, generator=g), ["gain=-1"]),
        (lambda t, g: init.kaiming_normal_(t, mode="fan_avg", generator=g), ["mode='fan_avg'", "fan_in, fan_out"]),
        (lambda t, g: init.kaiming_normal_(t, nonlinearity="gelu", generator=g), ["nonlinearity='gelu'"]),
        (lambda t, g: init.kaiming_normal_(t, math.nan, generator=g), ["a=nan"]),
        (lambda t, g: init.xavier_uniform_(t[0], generator=g), ["shape=(4,)", "two axes or more"]),
        (lambda t, g: init.sparse_(t, 2, generator=g), ["sparsity=2"]),
        (lambda t, g: init.normal_(t, True, generator=g), ["mean must be a number, not bool"]),
        (lambda t, g: init.normal_(t, 0, np.True_, generator=g), ["std must be a number, not bool"]),
        (lambda t, g: init.normal_(t, torch.tensor(True), generator=g), ["mean must be a number, not Tensor of dtype"]),
        (lambda t, g: init.uniform_(t, True, generator=g), ["a must be a number, not bool"]),
        (lambda t, g: init.uniform_(t, b=True, generator=g), ["b must be a number, not bool"]),
        (lambda t, g: init.trunc_normal_(t, a=False, generator=g), ["a must be a number, not bool"]),
        (lambda t, g: init.trunc_normal_(t, False, generator=g), ["mean must be a number, not bool"]),
        (lambda t, g: init.xavier_normal_(t, True, generator=g), ["gain must be a number, not bool"]),
        (lambda t, g: init.kaiming_normal_(t, True, generator=g), ["a must be a number, not bool"]),
        (lambda t, g: init.kaiming_uniform_(t, False, "fan_out", "tanh", g), ["a must be a number, not bool"]),
        (lambda t, g: init.orthogonal_(t, True, generator=g), ["gain must be a number, not bool"]),
        (lambda t, g: init.sparse_(t, True, generator=g), ["sparsity must be a number, not bool"]),
        (lambda t, g: init.sparse_(t, 0.5, True, generator=g), ["std must be a number, not bool"]),
        (lambda t, g: init.dirac_(t[None], True), ["groups must be an integer, not bool"]),
        (
            lambda t, g: init.normal_(t[:1], generator=g, offset=(0, 0), global_shape=(True, 4)),
            ["global_shape=(True, 4); accepted are integers, not bools"],
        ),
        (lambda t, g: init.normal_(t, generator=g, offset=(0, False), global_shape=(3, 4)), ["offset=(0, False)"]),
        (lambda t, g: init.dirac_(t), ["dirac takes an array of 3"]),
        (lambda t, g: init.eye_(t[0]), ["identity takes an array of 2"]),
        (lambda t, g: init.constant_(t, 1e39), ["value=1e+39 overflows float32"]),
        (
            lambda t, g: init.normal_(t, generator=torch.Generator()),
            ["generator must be a fastinit.Generator or None, not torch._C.Generator"],
        ),
        (lambda t, g: init.normal_(t, generator=g, stream=-1), ["stream=-1"]),
        (lambda t, g: init.normal_(t, generator=g, size=3), ["unexpected keyword argument 'size'"]),
        (lambda t, g: init.normal_(t, generator=g, offset=(0, 0)), ["offset=(0, 0), global_shape=None"]),
        (lambda t, g: init.normal_(t, generator=g, offset=(1, 0), global_shape=(3, 4)), ["global_shape=(3, 4)"]),
        (lambda t, g: init.normal_(t.to(torch.int32), generator=g), ["dtype torch.int32", "torch.float32"]),
        (lambda t, g: init.normal_(t.to(torch.float8_e4m3fn), generator=g), ["dtype torch.float8_e4m3fn"]),
        (
            lambda t, g: init.zeros_(t.half().view(torch.bits16)),
            ["dtype torch.bits16", "torch.complex64", "torch.bool"],
        ),
        (lambda t, g: init.zeros_(t.to(torch.float8_e8m0fnu)), ["value=0; float8_e8m0fnu has no zero"]),
        (lambda t, g: init.constant_(t.to(torch.int8), 0.5), ["value=0.5", "int8"]),
        (lambda t, g: init.constant_(t.to(torch.int8), 128), ["value=128", "int8"]),
        (lambda t, g: init.constant_(t, 1j), ["value must be a number, not complex: the array is not complex"]),
        (lambda t, g: init.constant_(t.to(torch.float8_e4m3fn), 1e4), ["value=10000.0", "float8_e4m3fn"]),
        (lambda t, g: init.normal_(freed(), generator=g), ["shape (3, 4) has a storage of 0 bytes", "was freed"]),
        (lambda t, g: init.zeros_(freed()), ["shape (3, 4) has a storage of 0 bytes"]),
        (lambda t, g: init.normal_(zero3_placeholder((3, 4)), generator=g), ["shape (0,)", "(3, 4)", "GatheredParam"]),
        (lambda t, g: init.zeros_(torch._efficientzerotensor((3,))), ["memory cannot be written to"]),
        (lambda t, g: init.normal_(torch.quantize_per_tensor(t, 1, 0, torch.qint8), generator=g), ["torch.qint8"]),
        (lambda t, g: init.normal_(t[0].expand(3, 4), generator=g), ["overlaps itself"]),
        (lambda t, g: init.normal_(t.numpy(), generator=g), ["tensor must be a torch.Tensor, not ndarray"]),
        (lambda t, g: init.normal_([t], generator=g), ["tensor must be a torch.Tensor, not list"]),
        (
            lambda t, g: init.normal_(t.to_mkldnn(), generator=g),
            ["layout torch._mkldnn; accepted is a plain one of layout torch"],
        ),
        (lambda t, g: init.normal_(torch.nn.UninitializedParameter(), generator=g), ["lazy module"]),
    ],
)
def test_bad_arguments_say_what_is_accepted_and_nothing_is_written(fill, parts):
    message = untouched_by(fill, torch.ones(3, 4))
    for part in parts:
        assert part in message


def test_tensor_without_memory_of_its_own_is_refused():
    from torch._subclasses.fake_tensor import FakeTensorMode

    with FakeTensorMode():
        tensor = torch.empty(3)
    with pytest.raises(TypeError, match="tensor is a FakeTensor, whose memory cannot be written to"):
        init.normal_(tensor)
