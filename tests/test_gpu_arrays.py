"""Arrays on CUDA devices as the core sees them, by stand-ins whose memory is the CPU's: no device is needed."""

import ctypes
import gc
import subprocess
import sys
import types

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastinit.gpu import arrays, dlpack
from fastinit.gpu.arrays import device_array, is_device_array

DTYPES = [
    np.dtype(name) for name in ("f2", "f4", "f8", "c8", "c16", "u4", "u8", "i1", "i2", "i4", "i8", "u1", "u2", "?")
] + [np.dtype(ml_dtypes.bfloat16), np.dtype(ml_dtypes.float8_e5m2), np.dtype(ml_dtypes.float8_e4m3fn)]


class Memory:
    """What NumPy makes an array of: the memory that a DeviceArray describes."""

    def __init__(self, array):
        self.__array_interface__ = {
            "version": 3,
            "data": (array.address, False),
            "shape": array.shape,
            "strides": array.strides,
            "typestr": f"|u{array.dtype.itemsize}" if array.dtype.itemsize <= 8 else "|V16",
        }


def check_same_elements(array, view):
    """The DeviceArray's elements are those of NumPy's view, one by one."""
    assert array.shape == view.shape
    assert array.dtype == view.dtype
    assert all(type(number) is int for number in (array.address, *array.shape, *array.strides, array.stream))
    if not view.size:
        return
    first = view.__array_interface__["data"][0]
    for index in {tuple(0 for _ in view.shape), tuple(n - 1 for n in view.shape), tuple(n // 2 for n in view.shape)}:
        here = array.address + sum(i * stride for i, stride in zip(index, array.strides, strict=True))
        assert here == first + sum(i * stride for i, stride in zip(index, view.strides, strict=True))
    assert np.asarray(Memory(array)).tobytes() == view.tobytes()


@st.composite
def views(draw):
    """Views of an array with gaps between its elements, turned round, transposed, broadcast or empty."""
    dtype = draw(st.sampled_from(DTYPES))
    sizes = draw(st.lists(st.integers(0, 5), max_size=4))
    base = np.arange(np.prod([2 * n + 1 for n in sizes], dtype=int), dtype="u1").astype(dtype)
    base = base.reshape([2 * n + 1 for n in sizes])
    steps = [slice(draw(st.integers(0, 1)), None, draw(st.sampled_from((1, 2, -1, -2)))) for _ in sizes]
    view = base[tuple(steps)] if steps else base
    view = view.transpose(draw(st.permutations(range(view.ndim))))
    return np.broadcast_to(view, (2, *view.shape)) if draw(st.booleans()) else view


# ---- __cuda_array_interface__ ----------------------------------------------------------------------------------------


class Interface:
    """An array of CuPy's or Numba's, as far as the protocol tells."""

    def __init__(self, view, **changed):
        self.view = view
        self.dtype = view.dtype
        given = {
            "shape": view.shape,
            "typestr": view.dtype.str,
            "data": (view.__array_interface__["data"][0], False),
            "strides": view.strides,
            "descr": [("", view.dtype.str)],
            "version": 3,
            "stream": 1,
            "mask": None,
        } | changed
        self.given = {key: value for key, value in given.items() if value is not ...}

    @property
    def __cuda_array_interface__(self):
        return self.given


@given(views(), st.booleans())
def test_interface_describes_the_same_elements(view, in_order):
    if in_order:
        view = np.ascontiguousarray(view)
    array = device_array(Interface(view, strides=None if in_order else view.strides))
    check_same_elements(array, view)
    assert (array.device, array.stream, array.synchronize, array.read_only) == (None, 1, False, False)


@pytest.mark.parametrize("absent", ["strides", "stream", "mask", "descr"])
def test_what_is_optional_may_be_absent(absent):
    view = np.ones((3, 4), "f4")
    array = device_array(Interface(view, **{absent: ...}))
    check_same_elements(array, view)
    assert array.stream == 1


@pytest.mark.parametrize(
    ("said", "stream"), [(None, 1), (1, 1), (2, 2), (0x7F00DEADBEEF, 0x7F00DEADBEEF), (np.int64(5), 5)]
)
def test_fill_is_enqueued_where_the_memory_is_ready(said, stream):
    array = device_array(Interface(np.ones(3, "f4"), stream=said))
    assert array.stream == stream
    assert type(array.stream) is int
    assert array.synchronize == (said is None)


@pytest.mark.parametrize("version", [0, 1, 2])
def test_call_waits_where_the_producer_names_no_stream(version):
    array = device_array(Interface(np.ones(3, "f4"), version=version, stream=..., strides=None))
    assert array.synchronize
    assert array.stream == 1


def test_read_only_memory_is_said_to_be():
    view = np.ones(3, "f4")
    assert device_array(Interface(view, data=(view.ctypes.data, True))).read_only


@pytest.mark.parametrize("name", ["bfloat16", "float8_e5m2", "float8_e4m3fn", "complex32"])
def test_dtypes_of_ml_dtypes_are_those_of_the_array(name):
    if not hasattr(ml_dtypes, name):
        pytest.skip(f"this ml_dtypes has no {name}")
    dtype = getattr(ml_dtypes, name)
    view = np.zeros(3, dtype)
    assert device_array(Interface(view)).dtype == dtype
    assert device_array(Interface(view, typestr=f"|V{view.itemsize}")).dtype == dtype


def test_dtype_of_another_size_is_not_the_elements():
    array = Interface(np.zeros(4, "V2"))
    array.dtype = np.dtype("f4")
    assert device_array(array).dtype == np.dtype("V2")
    array.dtype = "bfloat16"  # a library's own, which NumPy does not know
    assert device_array(array).dtype == np.dtype("V2")


def test_byte_order_is_left_to_the_core():
    assert device_array(Interface(np.zeros(3, ">f4"))).dtype == np.dtype(">f4")


def test_array_without_elements_needs_no_memory():
    array = device_array(Interface(np.zeros((3, 0, 2), "f4"), data=(0, False), strides=None))
    assert (array.address, array.shape) == (0, (3, 0, 2))


FOUR = np.zeros((4, 2), "f4")
AT = FOUR.ctypes.data


@pytest.mark.parametrize(
    ("changed", "kind", "said"),
    [
        ({"shape": ..., "data": ...}, TypeError, "has no shape, data; accepted is a dict with shape, typestr, data, v"),
        ({"version": ...}, TypeError, "has no version"),
        ({"version": 4}, ValueError, "has version=4; accepted are 0 to 3"),
        ({"version": -1}, ValueError, "has version=-1; accepted are 0 to 3"),
        ({"version": "3"}, TypeError, "has version='3'; accepted is an integer"),
        ({"mask": np.ones(4)}, TypeError, "has a mask; accepted are arrays without one"),
        ({"typestr": "<q9"}, TypeError, "has typestr='<q9'; accepted is a string such as '<f4'"),
        ({"typestr": np.float32}, TypeError, "has typestr=.*float32.*; accepted is a string such as '<f4'"),
        ({"shape": 4}, TypeError, "has shape=4; accepted is a tuple of integers"),
        ({"shape": (4, 2.0)}, TypeError, r"has shape\[1\]=2.0; accepted is an integer"),
        ({"shape": (4, -2)}, ValueError, r"has shape=\(4, -2\); accepted are integers that are not negative"),
        ({"shape": (1,) * 65, "strides": None}, ValueError, "has 65 axes; accepted are up to 64"),
        ({"strides": (8,)}, ValueError, r"has shape=\(4, 2\) and strides=\(8,\); accepted is a stride for each axis"),
        ({"strides": "ab"}, TypeError, "has strides='ab'; accepted is a tuple of integers"),
        ({"strides": (8, None)}, TypeError, r"has strides\[1\]=None; accepted is an integer"),
        ({"strides": (6, 4)}, ValueError, r"strides=\(6, 4\); accepted are multiples of the 4 bytes of an element"),
        ({"data": (AT + 2, False)}, ValueError, f"has address {AT + 2:#x}.*; accepted are multiples of the 4 bytes"),
        ({"data": (0, False)}, ValueError, r"out with shape=\(4, 2\) has no memory: its address is 0"),
        ({"data": AT}, TypeError, "has data=.*; accepted is a tuple of an address and whether it is read-only"),
        ({"data": (None, False)}, TypeError, r"has data\[0\]=None; accepted is an integer"),
        ({"data": (-4, False)}, ValueError, r"has data\[0\]=-4; accepted is an address below 2\*\*64"),
        ({"data": (1 << 64, False)}, ValueError, r"accepted is an address below 2\*\*64"),
        ({"stream": 0}, ValueError, r"has stream=0; accepted are None, 1 \(the legacy default stream\), 2"),
        ({"stream": -1}, ValueError, "has stream=-1; accepted are None"),
        ({"stream": "main"}, TypeError, "has stream='main'; accepted is an integer"),
    ],
)
def test_interface_that_does_not_hold_is_refused(changed, kind, said):
    with pytest.raises(kind, match=said) as refused:
        device_array(Interface(FOUR, **changed))
    assert str(refused.value).startswith("out ")


def test_alignment_of_an_axis_of_one_index_does_not_matter():
    view = np.zeros((1, 4), "f8")
    assert device_array(Interface(view, strides=(3, 8))).strides == (3, 8)


def test_interface_that_cannot_be_read_says_why():
    class Closed:
        @property
        def __cuda_array_interface__(self):
            raise RuntimeError("the buffer was closed")

    assert is_device_array(Closed())
    with pytest.raises(TypeError, match="out is a Closed, whose __cuda_array_interface__ cannot be read: the buffer"):
        device_array(Closed())


def test_interface_that_is_no_dict_is_refused():
    held = types.SimpleNamespace(__cuda_array_interface__=(1, 2))
    with pytest.raises(TypeError, match="whose __cuda_array_interface__ is a tuple; accepted is a dict"):
        device_array(held)


# ---- DLPack ----------------------------------------------------------------------------------------------------------

# As dlpack.h has them, written down again: tests by the package's own structures would not see what is wrong in them.


class Tensor(ctypes.Structure):
    _fields_ = [
        ("data", ctypes.c_void_p),
        ("device_type", ctypes.c_int32),
        ("device_id", ctypes.c_int32),
        ("ndim", ctypes.c_int32),
        ("code", ctypes.c_uint8),
        ("bits", ctypes.c_uint8),
        ("lanes", ctypes.c_uint16),
        ("shape", ctypes.c_void_p),
        ("strides", ctypes.c_void_p),
        ("byte_offset", ctypes.c_uint64),
    ]


class Unversioned(ctypes.Structure):
    _fields_ = [("tensor", Tensor), ("context", ctypes.c_void_p), ("deleter", ctypes.c_void_p)]
    name = b"dltensor"


class Versioned(ctypes.Structure):
    _fields_ = [
        ("major", ctypes.c_uint32),
        ("minor", ctypes.c_uint32),
        ("context", ctypes.c_void_p),
        ("deleter", ctypes.c_void_p),
        ("flags", ctypes.c_uint64),
        ("tensor", Tensor),
    ]
    name = b"dltensor_versioned"


CODES = {"i": 0, "u": 1, "f": 2, "c": 5, "b": 6}
EXTENSIONS = {"bfloat16": 4, "float8_e4m3fn": 10, "float8_e5m2": 12}
DELETER = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
DESTRUCTOR = ctypes.PYFUNCTYPE(None, ctypes.c_void_p)
new_capsule = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p)(
    ("PyCapsule_New", ctypes.pythonapi)
)
is_valid = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p)(("PyCapsule_IsValid", ctypes.pythonapi))


KEPT = []  # what is lent: a real producer's memory and functions do not go with the object that lent them


class Lent:
    """A producer that lends NumPy's memory as that of a device, and counts how often each loan came back."""

    accepted = {"stream", "max_version", "copy"}  # noqa: RUF012

    def __init__(self, view, form=Versioned, device=(2, 3), **changed):
        self.view, self.device, self.deleted, self.asked = view, device, [], []
        self.sizes = (ctypes.c_int64 * view.ndim)(*view.shape)
        self.steps = (ctypes.c_int64 * view.ndim)(*(stride // view.itemsize for stride in view.strides))
        code = EXTENSIONS.get(view.dtype.name, CODES.get(view.dtype.kind))
        self.managed = form()
        tensor = {
            "data": view.__array_interface__["data"][0],
            "device_type": device[0],
            "device_id": device[1],
            "ndim": view.ndim,
            "code": code,
            "bits": view.itemsize * 8,
            "lanes": 1,
            "shape": ctypes.addressof(self.sizes),
            "strides": ctypes.addressof(self.steps),
        }
        if form is Versioned:
            self.managed.major = 1
        self.deleter = DELETER(self.deleted.append)
        self.managed.deleter = ctypes.cast(self.deleter, ctypes.c_void_p)
        for name, value in (tensor | changed).items():
            setattr(self.managed if hasattr(self.managed, name) else self.managed.tensor, name, value)
        self.destructor = DESTRUCTOR(self.destroy)
        KEPT.append(self)

    def destroy(self, capsule):
        """As every producer's: what was not taken is deleted."""
        if is_valid(capsule, self.managed.name):
            self.deleted.append("not taken")

    def __dlpack_device__(self):
        return self.device

    def __dlpack__(self, **keywords):
        unknown = keywords.keys() - self.accepted
        if unknown:
            raise TypeError(f"unexpected keyword {min(unknown)}")
        self.asked.append(keywords)
        return new_capsule(ctypes.addressof(self.managed), self.managed.name, self.destructor)


@given(views(), st.sampled_from([Unversioned, Versioned]))
def test_loan_describes_the_same_elements(view, form):
    lent = Lent(view, form)
    array = device_array(lent)
    check_same_elements(array, view)
    assert (array.device, array.stream, array.synchronize, array.read_only) == (3, 1, True, False)
    assert lent.deleted == []
    del array
    assert lent.deleted == [ctypes.addressof(lent.managed)]


@pytest.mark.parametrize("form", [Unversioned, Versioned])
def test_loan_without_strides_is_in_c_order(form):
    view = np.ones((3, 4, 5), "f4")
    check_same_elements(device_array(Lent(view, form, strides=None)), view)


@pytest.mark.parametrize("form", [Unversioned, Versioned])
def test_offset_in_bytes_is_added(form):
    view = np.arange(12, dtype="f4")
    lent = Lent(view[4:], form, data=view.ctypes.data, byte_offset=16)
    check_same_elements(device_array(lent), view[4:])


def test_loan_is_given_back_once_and_not_while_it_is_used():
    lent = Lent(np.ones(3, "f4"))
    first, second = device_array(lent), device_array(lent)
    assert lent.deleted == []
    del first
    assert len(lent.deleted) == 1
    del second
    gc.collect()
    assert len(lent.deleted) == 2


def test_loan_without_deleter_is_accepted():
    lent = Lent(np.ones(3, "f4"), deleter=None)
    array = device_array(lent)
    del array
    assert lent.deleted == []


def test_memory_is_not_copied_and_is_ready_on_the_legacy_default_stream():
    lent = Lent(np.ones(3, "f4"))
    device_array(lent)
    assert lent.asked == [{"stream": 1, "max_version": (1, 0), "copy": False}]


@pytest.mark.parametrize("known", [{"stream"}, {"stream", "max_version"}])
def test_older_producers_are_asked_in_their_words(known):
    lent = Lent(np.ones(3, "f4"), Unversioned)
    lent.accepted = known
    check_same_elements(device_array(lent), lent.view)
    assert [set(keywords) for keywords in lent.asked] == [known]


def test_read_only_flag_is_that_of_the_versioned_form():
    assert device_array(Lent(np.ones(3, "f4"), flags=1)).read_only
    assert not device_array(Lent(np.ones(3, "f4"), flags=4)).read_only  # of sub-byte types, in later versions


def test_device_of_managed_memory_is_not_what_dlpack_says():
    assert device_array(Lent(np.ones(3, "f4"), device=(13, 0))).device is None


def test_loan_without_elements_needs_no_memory():
    array = device_array(Lent(np.zeros((3, 0), "f4"), data=None, byte_offset=64))
    assert (array.address, array.shape) == (0, (3, 0))


@pytest.mark.parametrize("form", [Unversioned, Versioned])
@pytest.mark.parametrize(
    ("changed", "kind", "said"),
    [
        ({"lanes": 2}, TypeError, "dtype code=2, bits=32, lanes=2; accepted are, with one lane, bfloat16, bool"),
        ({"code": 3, "bits": 64}, TypeError, "dtype code=3, bits=64, lanes=1; accepted are"),
        ({"code": 17, "bits": 4}, TypeError, "dtype code=17, bits=4, lanes=1; accepted are"),
        ({"bits": 128}, TypeError, "dtype code=2, bits=128, lanes=1; accepted are"),
        ({"device_type": 1}, TypeError, r"on a device of type 1; accepted are 2 \(CUDA\) and 13 \(CUDA, managed\)"),
        ({"ndim": 65}, ValueError, "a tensor of 65 axes; accepted are up to 64"),
        ({"ndim": -1}, ValueError, "a tensor of -1 axes; accepted are up to 64"),
        ({"data": None}, ValueError, r"out with shape=\(4, 2\) has no memory: its address is 0"),
        ({"data": AT + 1}, ValueError, "accepted are multiples of the 4 bytes of an element"),
        ({"byte_offset": 2}, ValueError, "accepted are multiples of the 4 bytes of an element"),
    ],
)
def test_loan_that_is_refused_goes_back_at_once(form, changed, kind, said):
    lent = Lent(FOUR, form, **changed)
    with pytest.raises(kind, match=said) as refused:
        device_array(lent)
    assert str(refused.value).startswith("out ")
    del refused
    gc.collect()
    assert lent.deleted == ["not taken"]


def test_negative_sizes_are_refused():
    lent = Lent(FOUR)
    lent.sizes[1] = -2
    with pytest.raises(ValueError, match=r"a tensor of shape=\(4, -2\); accepted are integers that are not negative"):
        device_array(lent)


def test_version_whose_structures_are_unknown_is_refused():
    with pytest.raises(TypeError, match=r"is of version 2\.5 of DLPack; accepted is 1"):
        device_array(Lent(FOUR, major=2, minor=5))
    check_same_elements(device_array(Lent(FOUR, minor=5)), FOUR)


def test_copy_is_refused_as_the_fill_would_be_lost():
    with pytest.raises(TypeError, match="returned a copy, in which the fill would be lost"):
        device_array(Lent(FOUR, flags=2))


@pytest.mark.parametrize("error", [BufferError, RuntimeError, TypeError, ValueError])
def test_what_the_producer_refuses_is_said(error):
    class Refusing(Lent):
        def __dlpack__(self, **keywords):
            raise error("it requires a gradient")

    with pytest.raises(TypeError, match="out is a Refusing, whose __dlpack__ fails: it requires a gradient; accepted"):
        device_array(Refusing(FOUR))


@pytest.mark.parametrize("returned", [None, "used"])
def test_what_is_no_capsule_of_a_tensor_is_refused(returned):
    class Wrong(Lent):
        def __dlpack__(self, **keywords):
            return new_capsule(ctypes.addressof(self.managed), b"used_dltensor", None) if returned else None

    with pytest.raises(TypeError, match="accepted is a capsule named dltensor or dltensor_versioned"):
        device_array(Wrong(FOUR))


def test_dtype_that_numpy_lacks_says_what_brings_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "ml_dtypes", None)
    lent = Lent(np.zeros(3, ml_dtypes.bfloat16))
    with pytest.raises(ImportError, match="out has dtype bfloat16, which NumPy has by ml_dtypes: `pip i"):
        device_array(lent)


def test_dtype_that_ml_dtypes_lacks_is_refused(monkeypatch):
    monkeypatch.delattr(ml_dtypes, "complex32", raising=False)
    with pytest.raises(TypeError, match="dtype code=5, bits=32, lanes=1; accepted are"):
        device_array(Lent(FOUR, code=5))


class OnDevice:
    """An array of another library's, whose CPU counts as a device."""

    def __init__(self, view, keywords):
        self.view, self.keywords = view, keywords

    def __dlpack_device__(self):
        return self.view.__dlpack_device__()

    def __dlpack__(self, stream, **keywords):
        if keywords.keys() - self.keywords:
            raise TypeError
        return self.view.__dlpack__(**keywords)


@pytest.mark.skipif(np.lib.NumpyVersion(np.__version__) < "2.1.0", reason="NumPy lends by the older form alone")
@pytest.mark.parametrize("keywords", [set(), {"max_version"}, {"max_version", "copy"}])
@given(view=views())
def test_loans_of_numpy_itself_describe_the_same_elements(keywords, view):
    if view.dtype.isbuiltin != 1:  # of ml_dtypes, which NumPy does not lend
        return
    with pytest.MonkeyPatch.context() as patched:
        for module in (arrays, dlpack):
            patched.setattr(module, "CUDA", 1)
        array = device_array(OnDevice(view if keywords else view.copy(), keywords))
    if keywords:
        check_same_elements(array, view)
        assert array.read_only == (not view.flags.writeable)
    else:
        check_same_elements(array, array.out.view)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16", "complex64", "int64", "bool", "float8_e5m2"])
@pytest.mark.parametrize("keywords", [set(), {"max_version", "copy"}])
def test_loans_of_pytorch_itself_describe_the_same_elements(monkeypatch, dtype, keywords):
    torch = pytest.importorskip("torch")
    tensor = torch.zeros(6, 5, dtype=getattr(torch, dtype)).T[1:, ::2]
    for module in (arrays, dlpack):
        monkeypatch.setattr(module, "CUDA", 1)
    array = device_array(OnDevice(tensor, keywords))
    assert (array.address, array.shape) == (tensor.data_ptr(), tuple(tensor.shape))
    assert array.strides == tuple(stride * tensor.element_size() for stride in tensor.stride())
    assert array.dtype == dlpack.dtype_named(dtype, "torch")


# ---- Which arrays are device arrays ----------------------------------------------------------------------------------


def test_what_is_on_the_host_is_no_device_array():
    refused = [np.zeros(3), np.float32(1), [1.0], 3, None, memoryview(b"abc"), np.ndarray, Interface, Lent]
    refused += [Lent(FOUR, device=(kind, 0)) for kind in (1, 3, 10, 14)]
    assert [is_device_array(out) for out in refused] == [False] * len(refused)
    with pytest.raises(TypeError, match="out is a list; accepted are arrays on a CUDA device: PyTorch's tensors, and"):
        device_array([1.0])


def test_what_describes_memory_of_a_device_is_a_device_array():
    accepted = [
        Interface(FOUR),
        Lent(FOUR),
        Lent(FOUR, device=(13, 0)),
        types.SimpleNamespace(__cuda_array_interface__={}),
    ]
    assert [is_device_array(out) for out in accepted] == [True] * len(accepted)


def test_property_that_arrays_of_the_host_do_not_have_makes_no_device_array():
    class OnHost:
        @property
        def __cuda_array_interface__(self):
            raise AttributeError("not on a device")

    assert not is_device_array(OnHost())


def test_placeholder_whose_device_is_unknown_is_no_device_array():
    class Placeholder:
        def __dlpack_device__(self):
            raise RuntimeError("it has no device yet")

        def __dlpack__(self, **keywords):
            raise AssertionError

    assert not is_device_array(Placeholder())


def test_protocol_that_names_the_stream_comes_first():
    class Both(Interface):
        def __dlpack_device__(self):
            return (2, 0)

    assert device_array(Both(FOUR, stream=7)).stream == 7


@pytest.mark.parametrize("library", ["jax", "jaxlib._jax", "jax._src.array", "tensorflow.python.framework.ops"])
def test_arrays_that_are_immutable_are_no_device_arrays(library):
    for kind in (Interface, Lent):
        array = type("Array", (kind,), {"__module__": library})(FOUR)
        assert not is_device_array(array)
        with pytest.raises(TypeError, match="out is a Array; accepted are arrays on a CUDA device"):
            device_array(array)


def test_what_holds_a_jax_array_is_no_device_array():
    class Variable(Interface):
        def __jax_array__(self):
            raise AssertionError

    assert not is_device_array(Variable(FOUR))


def test_jax_arrays_and_flax_variables_are_no_device_arrays():
    jax = pytest.importorskip("jax")
    assert not is_device_array(jax.numpy.zeros(3))
    nnx = pytest.importorskip("flax.nnx")
    assert not is_device_array(nnx.Param(jax.numpy.zeros(3)))


def test_nothing_else_is_imported_for_the_question_or_for_an_interface():
    code = """
import sys
import numpy as np
import fastinit
assert not [name for name in sys.modules if name.startswith("fastinit.gpu")]
from fastinit.gpu.arrays import device_array, is_device_array
class Array:
    __cuda_array_interface__ = {"version": 3, "shape": (2,), "typestr": "<f4", "data": (1024, False)}
assert not is_device_array([1.0])
assert device_array(Array()).address == 1024
found = {name.partition(".")[0] for name in sys.modules}
assert not found & {"torch", "jax", "cupy", "numba", "cuda", "ml_dtypes", "tensorflow"}, found
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_array_is_shown_without_its_elements():
    class Loud(Interface):
        def __repr__(self):
            raise AssertionError("this would read from the device")

    assert repr(device_array(Loud(FOUR))).startswith(f"DeviceArray(address={AT}, shape=(4, 2), strides=(8, 4), dtype=")
    assert len({device_array(Loud(FOUR)), device_array(Loud(FOUR))}) == 2


# ---- PyTorch's tensors -----------------------------------------------------------------------------------------------


@pytest.fixture
def torch(monkeypatch):
    """PyTorch, whose current streams are 70 plus the number of the device."""
    torch = pytest.importorskip("torch")

    def current_stream(device):
        return types.SimpleNamespace(cuda_stream=70 + device.index if device.index else 0)

    monkeypatch.setattr(torch.cuda, "current_stream", current_stream)
    return torch


def on_device(torch, tensor, index=1, **changed):
    """The tensor, which says that its memory is a device's."""
    held = tensor.untyped_storage()
    storage = types.SimpleNamespace(device=torch.device("cuda", index), nbytes=held.nbytes)
    said = {
        "is_cuda": True,
        "is_cpu": False,
        "device": torch.device("cuda", index),
        "untyped_storage": lambda self: storage,
        "__torch_function__": torch._C._disabled_torch_function_impl,
    }
    return tensor.as_subclass(type("Tensor", (torch.Tensor,), said | changed))


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float64", "complex64", "int16", "bool", "float8_e4m3fn"])
def test_tensor_describes_its_memory(torch, dtype):
    whole = torch.zeros(4, 6, 5, dtype=getattr(torch, dtype))
    for view in (whole, whole[1:, ::2].transpose(0, 2), whole[2], whole[0, 0, 3], whole[:, None, :0]):
        tensor = on_device(torch, view)
        assert is_device_array(tensor)
        array = device_array(tensor)
        assert array.out is tensor
        assert array.address == (view.data_ptr() if view.numel() else 0)
        assert array.shape == tuple(view.shape)
        steps = zip(array.strides, view.stride(), view.shape, strict=True)
        assert view.numel() == 0 or all(size == 1 or step == n * view.element_size() for step, n, size in steps)
        assert array.dtype == dlpack.dtype_named(dtype, "torch")
        assert (array.device, array.stream, array.synchronize, array.read_only) == (1, 71, False, False)


def test_default_stream_of_pytorch_is_the_legacy_one(torch):
    array = device_array(on_device(torch, torch.zeros(3), 0))
    assert (array.device, array.stream) == (0, 1)


def test_tensors_elsewhere_are_no_device_arrays(torch, monkeypatch):
    assert not is_device_array(torch.zeros(3))
    assert not is_device_array(torch.nn.Parameter(torch.zeros(3, device="meta")))
    tensor = on_device(torch, torch.zeros(3))
    monkeypatch.setattr(torch.version, "hip", "6.4")
    assert not is_device_array(tensor)
    with pytest.raises(TypeError, match="out is on the device cuda:1 of a ROCm build of PyTorch; accepted"):
        device_array(tensor)


def test_module_that_is_still_being_imported_is_no_obstacle(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", types.ModuleType("torch"))
    assert is_device_array(Interface(FOUR))
    assert device_array(Interface(FOUR)).shape == (4, 2)


def test_tensors_of_other_builds_and_devices_are_named(torch, monkeypatch):
    from fastinit.torch.tensors import device_array_of

    with pytest.raises(TypeError, match="tensor is on the device cpu; accepted is a CUDA device"):
        device_array_of(torch.zeros(3))
    monkeypatch.setattr(torch.version, "hip", "6.4")
    with pytest.raises(TypeError, match="weight is on the device cuda:1 of a ROCm build of PyTorch; accepted"):
        device_array_of(on_device(torch, torch.zeros(3)), "weight")


@pytest.mark.parametrize("view", ["conj", "neg"])
def test_lazy_views_are_refused(torch, view):
    tensor = torch.zeros(3, dtype=torch.complex64).conj()
    tensor = on_device(torch, tensor if view == "conj" else tensor.imag)
    with pytest.raises(TypeError, match=rf"out is a lazy view.*: is_{view}\(\) is true; .* out.resolve_{view}\(\)"):
        device_array(tensor)


def test_fake_tensors_are_refused(torch):
    from torch._subclasses.fake_tensor import FakeTensorMode

    with FakeTensorMode():
        tensor = torch.empty(3, 4, device="cuda")
    assert is_device_array(tensor)
    with pytest.raises(TypeError, match="out is a FakeTensor, whose memory cannot be written to: it has none"):
        device_array(tensor)


def test_wrappers_without_memory_are_refused(torch):
    class Wrapper(torch.Tensor):
        @staticmethod
        def __new__(cls):
            return torch.Tensor._make_wrapper_subclass(cls, (3, 4), dtype=torch.float32, device="cuda")

        __torch_function__ = torch._C._disabled_torch_function_impl

        @classmethod
        def __torch_dispatch__(cls, *arguments):
            raise NotImplementedError

    with pytest.raises(TypeError, match="out is a Wrapper, whose memory cannot be written to"):
        device_array(Wrapper())


def test_dtensors_are_left_to_their_module(torch, monkeypatch):
    import fastinit.torch.tensors

    monkeypatch.setattr(fastinit.torch.tensors, "is_dtensor", lambda tensor: True)
    with pytest.raises(TypeError, match=r"out is a DTensor, of which this process holds shards; fastinit.torch fills"):
        device_array(on_device(torch, torch.zeros(3)))


def test_freed_memory_is_refused(torch):
    tensor = torch.zeros(3)
    tensor.untyped_storage().resize_(0)
    with pytest.raises(ValueError, match=r"out of shape \(3,\) has a storage of 0 bytes, less than it needs"):
        device_array(on_device(torch, tensor))


def test_other_kinds_of_tensors_are_refused(torch):
    with pytest.raises(TypeError, match=r"out has layout torch.sparse_coo; accepted is a plain one"):
        device_array(on_device(torch, torch.zeros(3), layout=torch.sparse_coo))
    with pytest.raises(ValueError, match=r"out has shape \(0,\) and is a placeholder of DeepSpeed's ZeRO-3"):
        device_array(on_device(torch, torch.zeros(0), ds_shape=torch.Size((3, 4))))
    with pytest.raises(TypeError, match=r"out has dtype torch.bits8; accepted are bfloat16, bool"):
        device_array(on_device(torch, torch.zeros(3, dtype=torch.uint8).view(torch.bits8)))


def test_memory_between_the_elements_is_refused(torch):
    tensor = on_device(torch, torch.zeros(3))
    address = tensor.data_ptr() + 2
    moved = on_device(torch, torch.zeros(3), data_ptr=lambda self: address)
    with pytest.raises(ValueError, match="accepted are multiples of the 4 bytes of an element"):
        device_array(moved)
