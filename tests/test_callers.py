"""Memory and values do not depend on who calls: on what runs while arguments are read, or on the FP environment."""

import concurrent.futures
import contextlib
import ctypes
import enum
import fractions
import hashlib
import math
import platform

import ml_dtypes
import numpy as np
import pytest
from conftest import fresh_python

import fastinit
from fastinit import _core, matrices

# ---- Code of the user's, which runs while the arguments are read -----------------------------------------------------

GUARD = 64  # elements on each side


def guarded(dtype="f8", shape=(16, 8)):
    """An array in the midst of memory that nothing may write to, and what checks that."""
    size = math.prod(shape)
    memory = np.full(size + 2 * GUARD, 3, dtype)
    array = memory[GUARD : GUARD + size].reshape(shape)

    def check():
        assert (memory[:GUARD] == 3).all()
        assert (memory[GUARD + size :] == 3).all()

    return array, check


class Meddler:
    """A number, or an iterable of numbers, that does something else when it is read."""

    def __init__(self, value, act):
        self.value, self.act = value, act

    def __float__(self):
        self.act()
        return float(self.value)

    def __index__(self):
        self.act()
        return int(self.value)

    def __iter__(self):
        self.act()
        return iter(self.value)


def calls(g, w, act):
    """Every function, with a number or an iterable of each kind that meddles."""
    one = Meddler(1, act)
    where = {"offset": Meddler((0, 0), act), "global_shape": (99, 99)}, {"offset": (0, 0), "global_shape": (99, act)}
    where[1]["global_shape"] = Meddler((99, 99), act)
    for name in ("uniform", "normal", "truncated_normal", "orthogonal"):
        yield name, lambda name=name: getattr(g, name)(w, **({"gain": one} if name == "orthogonal" else {}), stream=one)
        for block in where:
            yield f"{name} of a block", lambda name=name, block=block: getattr(g, name)(w, stream=0, **block)
    yield "low", lambda: g.uniform(w, Meddler(0, act), 1)
    yield "mean", lambda: g.normal(w, one)
    yield "std", lambda: g.normal(w, std=one)
    yield "bounds", lambda: g.truncated_normal(w, high=one)
    yield "fan_in", lambda: g.he_normal(w, one)
    yield "slope", lambda: g.he_uniform(w, 3, one)
    yield "gain", lambda: g.xavier_normal(w, gain=one, layout="torch")
    yield "scale", lambda: g.variance_scaling(w, one, layout="torch")
    yield "sparsity", lambda: g.sparse(w, one)
    yield "value", lambda: g.constant(w, one)
    yield "identity", lambda: g.identity(w, one)
    for block in where:
        yield "constant of a block", lambda block=block: g.constant(w, 1, **block)
        yield "identity of a block", lambda block=block: g.identity(w, **block)
    yield "many", lambda: g.fill([(np.empty(3), "normal"), (w, "normal", one)])
    yield "many constants", lambda: g.fill({"a": (w, "constant", one)})


NAMES = [name for name, _ in calls(None, np.empty((2, 2)), None)]


@pytest.mark.parametrize("i", range(len(NAMES)), ids=lambda i: f"{i}-{NAMES[i]}")
@pytest.mark.parametrize("dtype", ["f4", "f2", "c8"])
def test_array_that_changes_its_dtype_while_it_is_filled_keeps_its_neighbours(g, i, dtype):
    w, check = guarded()

    def act():
        w.dtype = dtype

    with contextlib.suppress(TypeError, ValueError):  # refused or filled as what it is by then
        list(calls(g, w, act))[i][1]()
    check()


@pytest.mark.parametrize("i", range(len(NAMES)), ids=lambda i: f"{i}-{NAMES[i]}")
def test_array_that_becomes_read_only_is_not_written(g, i):
    w, check = guarded()

    def act():
        w.flags.writeable = False

    with pytest.raises(ValueError, match=r"read-only|was changed while the arguments were read"):
        list(calls(g, w, act))[i][1]()
    check()
    assert (w == 3).all()
    assert g.stream == 0


@pytest.mark.parametrize("i", range(len(NAMES)), ids=lambda i: f"{i}-{NAMES[i]}")
def test_array_that_changes_its_shape_keeps_its_neighbours(g, i):
    w, check = guarded()

    def act():
        w.shape = (8, 16)

    with contextlib.suppress(ValueError):
        list(calls(g, w, act))[i][1]()
    check()


@pytest.mark.parametrize("change", ["dtype", "writeable", "shape", "strides"])
@pytest.mark.parametrize("scheme", ["normal", "constant", "identity", "orthogonal"])
def test_generator_of_fills_that_changes_an_array_it_has_given_writes_nothing(g, scheme, change):
    w, check = guarded()
    other = np.full(9, 3.0)

    def specs():
        yield (other, "normal")
        yield (w, scheme, *([2.0] if scheme == "constant" else []))
        if change == "dtype":
            w.dtype = "f4"
        elif change == "writeable":
            w.flags.writeable = False
        elif change == "shape":
            w.shape = (128,)
        else:
            w.shape = (8, 16)  # the strides change with it
        yield (np.empty(3), "normal")

    with pytest.raises(ValueError, match=r"fills\[1\] was changed while the arguments were read: it had dtype float64"):
        g.fill(specs())
    check()
    assert (w.view("f8") == 3).all()
    assert (other == 3).all()
    assert g.stream == 0


@pytest.mark.parametrize("scheme", ["orthogonal", "delta_orthogonal", "sparse"])
def test_accumulate_is_read_before_the_array_is_checked(g, scheme):
    class Meddling:
        def __bool__(self):
            w.flags.writeable = False
            return True

    w = np.full((3, 4, 4) if scheme == "delta_orthogonal" else (4, 4), 3.0)
    arguments = (0.5,) if scheme == "sparse" else ()
    with pytest.raises(ValueError, match="read-only"):
        getattr(g, scheme)(w, *arguments, accumulate=Meddling())
    w = np.full_like(w, 3)
    other = np.full(3, 3.0)
    with pytest.raises(ValueError, match=r"fills\[1\]: The truth value of an array"):
        g.fill([(other, "normal"), (w, scheme, *arguments, {"accumulate": np.array([1, 0])})])
    with pytest.raises(ValueError, match="The truth value of an array"):
        getattr(g, scheme)(w, *arguments, accumulate=np.array([1, 0]))
    assert (w == 3).all()
    assert (other == 3).all()
    assert g.stream == 0


def test_matrix_whose_array_changes_while_it_is_computed_is_not_written(g, monkeypatch):
    w, check = guarded()

    def computed(*arguments):
        w.flags.writeable = False
        return original(*arguments)

    original = matrices.haar
    monkeypatch.setattr(matrices, "haar", computed)
    with pytest.raises(ValueError, match="out was changed while the arguments were read"):
        g.orthogonal(w)
    check()
    assert (w == 3).all()


def test_classes_of_arrays_with_methods_of_their_own_are_filled_as_what_they_are(g):
    class Odd(np.ndarray):
        shape = property(lambda self: (1000, 1000))
        dtype = property(lambda self: np.dtype("f4"))
        ndim = 3
        size = 10**6
        strides = (8, 8)

        def view(self, *_):
            raise AssertionError("the core takes no view of the user's")

        def __setitem__(self, *_):
            raise AssertionError("the core writes by itself")

    for name, arguments in (
        ("normal", ()),
        ("he_normal", ()),
        ("zeros", ()),
        ("constant", (0.5,)),
        ("identity", ()),
        ("orthogonal", ()),
        ("sparse", (0.25,)),
    ):
        plain = np.empty((6, 4))
        keywords = {"layout": "torch"} if name == "he_normal" else {}
        if name in ("normal", "he_normal", "orthogonal", "sparse"):
            keywords["stream"] = 3
        expected = getattr(g, name)(plain, *arguments, **keywords)
        memory = np.empty((6, 4))
        odd = np.ndarray.__new__(Odd, (6, 4), "f8", memory)
        assert getattr(g, name)(odd, *arguments, **keywords) is odd
        assert memory.tobytes() == expected.tobytes(), name
        many = np.ndarray.__new__(Odd, (6, 4), "f8", memory := np.empty((6, 4)))
        keywords.pop("stream", None)
        g.fill({3: (many, name, *arguments, keywords)})
        assert memory.tobytes() == expected.tobytes(), name


@pytest.mark.filterwarnings("ignore:the matrix subclass:PendingDeprecationWarning")
def test_masks_and_matrices_are_written_whole(g):
    masked = np.ma.array(np.ones((3, 4)), mask=np.eye(3, 4, dtype=bool), hard_mask=True)
    g.zeros(masked)
    assert not masked.data.any()
    g.identity(matrix := np.asmatrix(np.empty((3, 4))))
    assert np.array_equal(matrix, np.eye(3, 4))


def test_error_inside_a_number_is_the_cause_of_the_refusal(g):
    class Broken:
        def __float__(self):
            raise TypeError("no weights yet")

        __index__ = __iter__ = __float__

    for call in (
        lambda: g.normal(np.empty(3), std=Broken()),
        lambda: g.he_normal(np.empty(3), Broken()),
        lambda: g.normal(np.empty(3), stream=Broken()),
        lambda: g.normal(np.empty(3), offset=Broken(), global_shape=(3,)),
        lambda: g.constant(np.empty(3), Broken()),
        lambda: g.fill({"w": (np.empty(3), "normal", Broken())}),
    ):
        with pytest.raises(TypeError, match="must be") as caught:
            call()
        assert str(caught.value.__cause__) == "no weights yet"
    with pytest.raises(TypeError, match="must be a number, not str") as caught:
        g.normal(np.empty(3), "0")
    assert caught.value.__cause__ is None


# ---- Names -----------------------------------------------------------------------------------------------------------


class Alike(str):
    """Equal to any string, with the hash of one."""

    __slots__ = ()

    def __eq__(self, other):
        return True

    def __hash__(self):
        return hash("fc1.weight")


class Layer(enum.StrEnum):
    FIRST = "fc1.weight"


class Mixed(str, enum.Enum):  # noqa: UP042  (whose str() is "Mixed.FIRST")
    FIRST = "fc1.weight"


def test_name_is_its_characters_whatever_its_class(g):
    expected = {name: g.normal(np.empty(5), stream=name).tobytes() for name in ("fc1.weight", "fc2.weight")}
    for name, given in (("fc2.weight", Alike("fc2.weight")), ("fc1.weight", Layer.FIRST), ("fc1.weight", Mixed.FIRST)):
        assert g.normal(np.empty(5), stream=given).tobytes() == expected[name]
        assert fastinit.stream_number(given) == fastinit.stream_number(name)
    unseen = f"{__name__}.unseen"
    first = fastinit.stream_number(Alike(unseen))
    assert first == fastinit.stream_number(unseen)
    assert g.fill({Mixed.FIRST: (w := np.empty(5), "normal")})[Mixed.FIRST] is w
    assert w.tobytes() == expected["fc1.weight"]


def test_layouts_modes_and_schemes_are_their_characters(g):
    w = np.empty((3, 4))
    with pytest.raises(ValueError, match="layout='kears'"):
        g.he_normal(w, layout=Alike("kears"))
    assert fastinit.fans((3, 4), Alike("keras")) == (3, 4)
    g.fill([(w, Alike("zeros"))])
    assert not w.any()


def test_cache_of_names_is_bounded_by_bytes():
    longest = "x" * 1000
    for i in range(70_000):
        fastinit.stream_number(f"layer.{i}.weight")
    young, old = _core.name_cache_sizes()
    assert 8_500 < young + old < 18_500  # of names of some 20 characters
    for i in range(6000):
        fastinit.stream_number(f"{longest}.{i}")
    assert sum(_core.name_cache_sizes()) < 3500
    assert fastinit.stream_number("x" * 10**6) == fastinit.stream_number("x" * 10**6)
    assert fastinit.stream_number("fc1.weight") == 12679638908415312138


def test_name_is_found_again_by_its_characters():
    """Whatever came between, from whichever object, with characters of one byte, two or four."""

    def number(name):
        return 2**63 + int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "little") % 2**63

    names = [f"{text}.{i}" for i in range(3000) for text in ("fc", "décodeur", "слой", "🧠", "")]
    for _ in range(2):
        for name in names:
            assert fastinit.stream_number(name) == number(name)
            assert fastinit.stream_number("".join(list(name))) == number(name)
    for _ in range(2):
        with pytest.raises(ValueError, match="cannot be encoded as UTF-8"):
            fastinit.stream_number("\ud800")


def test_threads_find_the_numbers_of_names_that_others_forget():
    names = [f"{__name__}.{i}" for i in range(20_000)]
    expected = [fastinit.stream_number(name) for name in names]
    with concurrent.futures.ThreadPoolExecutor(4) as threads:
        for found in threads.map(lambda _: [fastinit.stream_number(f"{name}") for name in names], range(4)):
            assert found == expected


@pytest.mark.parametrize("kind", [int, np.uint64])
def test_number_of_a_name_is_accepted_wherever_the_name_is(g, kind):
    name = "fc1.weight"
    number = kind(fastinit.stream_number(name))
    expected = g.normal(np.empty(5), stream=name).tobytes()
    assert fastinit.stream_number(number) == number
    assert g.normal(np.empty(5), stream=number).tobytes() == expected
    assert g.normal(np.empty((1, 5)), streams=[number]).tobytes() == expected
    assert g.fill({number: (w := np.empty(5), "normal")})[number] is w
    assert w.tobytes() == expected
    for matrix in ("orthogonal", "sparse"):
        arguments = {"sparsity": 0.5} if matrix == "sparse" else {}
        one, other = [getattr(g, matrix)(np.empty((4, 3)), **arguments, stream=given) for given in (name, number)]
        assert one.tobytes() == other.tobytes()
    assert g.stream == 0
    with pytest.raises(ValueError, match=r"accepted is 0 <= stream < 2\*\*63 \+ 1"):
        g.stream = number  # the counter stays below


# ---- The floating-point environment ----------------------------------------------------------------------------------

X86_GLIBC = platform.libc_ver()[0] == "glibc" and platform.machine() == "x86_64"
knows_environment = pytest.mark.skipif(not X86_GLIBC, reason="knows the layout of x86-64 glibc's fenv_t only")
ENVIRONMENTS = {"upward": 0x4000, "downward": 0x2000, "truncating": 0x6000, "flushing": 0x8040}  # bits of MXCSR


ROUNDINGS_OF_X87 = {0x4000: 0x800, 0x2000: 0x400, 0x6000: 0xC00}  # bits of the control word


@contextlib.contextmanager
def environment(bits):
    libm = ctypes.CDLL("libm.so.6")
    before, changed = (ctypes.c_uint32 * 8)(), (ctypes.c_uint32 * 8)()
    libm.fegetenv(before)
    ctypes.memmove(changed, before, ctypes.sizeof(before))
    changed[7] |= bits
    changed[0] |= ROUNDINGS_OF_X87.get(bits, 0)
    libm.fesetenv(changed)
    try:
        yield
    finally:
        libm.fesetenv(before)


# What Python would flush, or round, where the caller does.
SUBNORMAL, SINGLE, THIRD = complex(1e-310, 1 / 3), np.float32(1e-42), np.longdouble(1) / 3
COMPLEX = THIRD + 1j


def results(g):
    """What functions write that once followed the caller's environment."""
    floats = [
        *("f2", "f4", "f8", "g", "c8", "c16"),
        *(ml_dtypes.bfloat16, ml_dtypes.float8_e4m3fn, ml_dtypes.float8_e5m2),
    ]
    for dtype in floats:
        for value in (1e-40, 1 / 3, -1 / 3, 1e-310, 5e-324, 2**24 + 1, 7e-6):
            with contextlib.suppress(ValueError):
                yield dtype, value, g.constant(np.ones(3, dtype), value)
                yield dtype, value, g.identity(np.ones((2, 2), dtype), value)
    yield "integer", g.constant(np.empty(3, "f4"), 2**62 + 1)
    yield "integer", g.constant(np.empty(3, "i8"), 2**62 + 1)
    yield "complex", g.constant(np.empty(3, "c8"), complex(1 / 3, -1 / 3))
    for dtype in ("f2", "f4", "f8", ml_dtypes.bfloat16):
        for sparsity in (0.1, 0.3, 0.7):
            yield sparsity, g.sparse(np.empty((50, 4), dtype), sparsity, 1e-3, stream=1)
            yield sparsity, g.sparse(np.full((50, 4), 0.75, dtype), sparsity, stream=1, accumulate=True)
    for slope in (0.01, 0.3, 1e-200):
        yield slope, fastinit.gain("leaky_relu", slope)
    yield "gain", g.he_normal(np.empty(9), 3, 1e-310, stream=1)
    yield "gain", g.xavier_normal(np.empty(9), 3, 3, gain=1e-310, stream=1)
    yield "std", g.normal(np.empty(9), 0, 1e-310, stream=1)
    yield "mean", g.normal(np.empty(9, "c16"), SUBNORMAL, 1e-310, stream=1)
    for number in (2**53 + 1, np.int64(2**53 + 1), fractions.Fraction(1, 3), SINGLE, THIRD):
        yield "number", g.normal(np.empty(9), number, 0.0, stream=1)
        yield "number", g.constant(np.empty(9), number)
        yield "number", g.constant(np.empty(9, "g"), number)
    yield "number", g.uniform(np.empty(9), 0, SINGLE, stream=1)
    yield "number", g.he_normal(np.empty(9), SINGLE, stream=1)
    yield "number", g.normal(np.empty(9, complex), COMPLEX, stream=1)


@knows_environment
@pytest.mark.parametrize("bits", ENVIRONMENTS.values(), ids=ENVIRONMENTS)
def test_environment_of_the_caller_changes_no_value(g, bits):
    def printed():
        return [np.asarray(value).tobytes() for *_, value in results(g)]

    expected = printed()
    with environment(bits):
        inside = printed()
    assert inside == expected


@knows_environment
@pytest.mark.parametrize("exceptions", [0x04 | 0x08, 0x10])  # division and overflow; underflow
def test_sixteen_bits_are_not_trapped_where_the_caller_traps(exceptions):
    code = f"""
import ctypes, numpy as np, fastinit
libm = ctypes.CDLL("libm.so.6")
g = fastinit.Generator(7)
libm.feenableexcept({exceptions})
g.constant(np.empty(3, np.float16), 1e-6)
g.orthogonal(np.empty((30, 30), np.float16), 1e-4, stream=1)
g.sparse(np.empty((30, 30), np.float16), 0.1, 1e-6, stream=1)
for value in (1e6, np.longdouble("1e4000")):
    try:
        g.constant(np.empty(3, np.float16), value)
    except ValueError:
        print("refused")
libm.fedisableexcept({exceptions})
"""
    run = fresh_python(code)
    assert (run.returncode, run.stdout.split()) == (0, ["refused"] * 2), run.stderr


@knows_environment
def test_environment_at_import_changes_no_gain():
    code = (
        "import ctypes; libm = ctypes.CDLL('libm.so.6'); libm.fesetround(0x800);"
        "import fastinit; libm.fesetround(0);"
        "print([fastinit.gain(name).hex() for name in ('tanh', 'relu', 'leaky_relu', 'selu')])"
    )
    expected = [fastinit.gain(name).hex() for name in ("tanh", "relu", "leaky_relu", "selu")]
    assert fresh_python(code).stdout.strip() == str(expected)


@knows_environment
def test_nan_is_refused_and_not_trapped_where_the_caller_traps_it():
    code = """
import ctypes, math, numpy as np, fastinit
libm = ctypes.CDLL("libm.so.6")
g, w = fastinit.Generator(7), np.ones((4, 4), np.float32)
calls = [
    lambda: g.normal(w, math.nan), lambda: g.normal(w, std=math.nan), lambda: g.uniform(w, math.nan, 1),
    lambda: g.uniform(w, 0, math.nan), lambda: g.truncated_normal(w, low=math.nan),
    lambda: g.truncated_normal(w, high=math.nan), lambda: g.truncated_normal(w, std=math.nan),
    lambda: g.he_normal(w, math.nan), lambda: g.he_normal(w, 3, math.nan), lambda: g.xavier_uniform(w, 3, 4, math.nan),
    lambda: g.variance_scaling(w, math.nan, fan_in=3), lambda: g.orthogonal(w, math.nan), lambda: g.sparse(w, math.nan),
    lambda: g.identity(w, math.nan), lambda: g.constant(w.astype(int), math.nan), lambda: g.sparse(w, 0.5, math.nan),
    lambda: g.normal(w.astype(np.complex64), complex(0, math.nan)), lambda: fastinit.gain("leaky_relu", math.nan),
]
libm.feenableexcept(1)  # FE_INVALID
refused = 0
for call in calls:
    try:
        call()
    except ValueError:
        refused += 1
g.constant(w, math.nan)
libm.fedisableexcept(1)
print(refused == len(calls), bool(np.isnan(w).all()))
"""
    run = fresh_python(code)
    assert (run.returncode, run.stdout.split()) == (0, ["True", "True"]), run.stderr


# ---- What people pass ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [True, False, np.True_, np.array(True)], ids=repr)
def test_bools_are_no_numbers(g, value):
    w = np.ones((3, 4))
    for call in (
        lambda: g.normal(w, value, 1.0),
        lambda: g.normal(w, 0.0, value),
        lambda: g.uniform(w, value, 2),
        lambda: g.truncated_normal(w, high=value),
        lambda: g.he_normal(w, 784, value),
        lambda: g.he_normal(w, value),
        lambda: g.xavier_normal(w, 3, 4, value),
        lambda: g.lasagne_normal(w, 3, 4, value),
        lambda: g.variance_scaling(w, value, fan_in=3),
        lambda: g.orthogonal(w, value),
        lambda: g.sparse(w, value),
        lambda: g.constant(w, value),
        lambda: g.constant(w.astype(int), value),
        lambda: g.identity(w, value),
        lambda: g.dirac(w[None], value),
        lambda: g.normal(w, stream=value),
        lambda: g.normal(w, offset=(value, 0), global_shape=(9, 9)),
        lambda: fastinit.gain("leaky_relu", value),
        lambda: fastinit.fans((value, 3), "torch"),
        lambda: g.spawn(value),
        lambda: fastinit.set_num_threads(value),
    ):
        with pytest.raises(TypeError, match=r"must be|accepted"):
            call()
    assert (w == 1).all()
    mask = g.constant(np.empty(3, bool), value)
    assert mask.tolist() == [bool(value)] * 3


def test_slope_of_a_wrong_type_has_a_clear_error():
    with pytest.raises(TypeError, match="param must be a number, not list"):
        fastinit.gain("leaky_relu", [1])


@pytest.mark.parametrize(
    ("call", "meant"),
    [
        (lambda g, w: g.normal(w, loc=0.0), "did you mean mean=?"),
        (lambda g, w: g.normal(w, scale=0.1), "did you mean std=?"),
        (lambda g, w: g.normal(w, 0, stddev=0.1), "did you mean std=?"),
        (lambda g, w: g.uniform(w, minval=0.1), "did you mean low=?"),
        (lambda g, w: g.he_normal(w, a=0.1), "did you mean negative_slope=?"),
        (lambda g, w: g.he_normal(w, mode="fan_out"), "fan_in= or fan_out= says which it is"),
        (
            lambda g, w: g.he_normal(w, nonlinearity="relu"),
            "fastinit.recommend(nonlinearity) names the scheme and its arguments",
        ),
        (lambda g, w: g.normal(w, size=(3,)), "out is an array of that shape"),
        (lambda g, w: g.normal(w, shape=(3,)), "out is an array of that shape"),
        (lambda g, w: g.normal(w, dtype="f4"), "out is an array of that dtype"),
        (lambda g, w: fastinit.normal(w, seed=7), "fastinit.Generator(seed) has these functions as methods"),
        (lambda g, w: g.constant(w, fill_value=1), "did you mean value=?"),
        (lambda g, w: g.zeros(w, dtype="f4"), "out is an array of that dtype"),
        (lambda g, w: g.sparse(w[None], 0.5, scale=1), "did you mean std=?"),
        (lambda g, w: g.uniform(w, scale=2.0), "did you mean high=?"),
    ],
)
def test_keyword_of_another_library_gets_the_one_that_is_meant(g, call, meant):
    w = np.ones(3)
    with pytest.raises(TypeError, match="got an unexpected keyword argument") as caught:
        call(g, w)
    assert meant in str(caught.value)
    assert (w == 1).all()
    with pytest.raises(TypeError, match=r"normal\(\) got an unexpected keyword argument 'wibble'$"):
        g.normal(w, wibble=1)
    with pytest.raises(TypeError, match=r"uniform\(\) got an unexpected keyword argument 'stddev'$"):
        g.uniform(w, stddev=1)
    with pytest.raises(TypeError, match=r"zeros\(\) got an unexpected keyword argument 'wibble'$"):
        g.zeros(w, wibble=1)


class Tensor:
    pass


@pytest.mark.parametrize(
    ("out", "meant"),
    [
        ([1.0, 2.0], "make one with numpy.empty(shape, dtype)"),
        ((3, 4), "make one with numpy.empty(shape, dtype)"),
        (memoryview(bytearray(16)), "numpy.asarray(out) is an array of the same memory"),
        (bytearray(16), "numpy.asarray(out) is an array of the same memory"),
        (np.float32(1), "a copy of an element"),
        *(
            (type(name, (), {"__module__": library})(), meant)
            for library, name, meant in (
                ("torch", "Tensor", "fastinit.torch fills tensors"),
                ("jaxlib._jax", "ArrayImpl", "fastinit.jax has initialisers"),
                ("tensorflow.python.framework.ops", "EagerTensor", "fastinit.keras has initialisers"),
                ("dask.array.core", "Array", "fastinit.dask makes such arrays"),
                ("cupy", "ndarray", "cupy.asarray(array) makes one of a NumPy array"),
            )
        ),
        (type("Param", (), {"__jax_array__": None})(), "which holds an array of JAX's; fastinit.jax has initialisers"),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, str) else "",
)
def test_what_is_no_array_gets_a_hint(g, out, meant):
    for call in (g.normal, g.zeros, lambda w: g.he_normal(w, 3), g.orthogonal):
        with pytest.raises(TypeError, match="out must be a NumPy array or an array on a CUDA device, not") as caught:
            call(out)
        assert meant in str(caught.value)


def test_many_fills_of_a_wrong_form(g):
    w = np.ones(3)
    with pytest.raises(
        TypeError, match=r"fills\['a'\]: accepted is a tuple \(out, scheme, \*arguments\), not one of 1 item$"
    ):
        g.fill({"a": (w,)})
    with pytest.raises(TypeError, match="fills must be the mapping itself, whose keys are the streams, not its items"):
        g.fill({"a": (w, "normal")}.items())
    for scheme in ("normal", "zeros"):
        with pytest.raises(TypeError, match="stream='b'; the stream of a fill in a mapping is its key"):
            g.fill({"a": (w, scheme, {"stream": "b"})})
    assert (w == 1).all()


@pytest.mark.parametrize("layout", ["jax", "flax", "tensorflow"])
def test_layouts_by_the_names_of_other_libraries(g, layout):
    assert fastinit.fans((3, 3, 16, 32), layout) == fastinit.fans((3, 3, 16, 32), "keras")
    w = g.he_normal(np.empty((16, 32)), layout=layout, stream=1)
    assert w.tobytes() == g.he_normal(np.empty((16, 32)), 16, stream=1).tobytes()
