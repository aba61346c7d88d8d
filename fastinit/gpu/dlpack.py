"""Memory on CUDA devices by DLPack: the structures of dlpack.h, and when what was lent is given back."""

import ctypes
import weakref
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from fastinit.dtypes import BY_NAME, dtype_named
from fastinit.gpu.arrays import AXES_MAX, CUDA, CUDA_MANAGED, LEGACY, DeviceArray, c_strides, checked

VERSION = (1, 0)  # the newest whose structures are these; later ones of the same major version only add to them
_READ_ONLY, _IS_COPIED = 1, 2  # flags

# DLDataTypeCode: what the name of a dtype begins with, before its bits, or all of it.
_CODES = {0: "int", 1: "uint", 2: "float", 4: "bfloat", 5: "complex"}
_NAMES = {
    (6, 8): "bool",
    (10, 8): "float8_e4m3fn",
    (11, 8): "float8_e4m3fnuz",
    (12, 8): "float8_e5m2",
    (13, 8): "float8_e5m2fnuz",
    (14, 8): "float8_e8m0fnu",
}


class _Device(ctypes.Structure):
    _fields_ = (("type", ctypes.c_int32), ("id", ctypes.c_int32))


class _DataType(ctypes.Structure):
    _fields_ = (("code", ctypes.c_uint8), ("bits", ctypes.c_uint8), ("lanes", ctypes.c_uint16))


class _Tensor(ctypes.Structure):
    _fields_ = (
        ("data", ctypes.c_void_p),
        ("device", _Device),
        ("axes", ctypes.c_int32),
        ("dtype", _DataType),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("strides", ctypes.POINTER(ctypes.c_int64)),  # count elements
        ("byte_offset", ctypes.c_uint64),
    )


class _Managed(ctypes.Structure):
    _fields_ = (("tensor", _Tensor), ("context", ctypes.c_void_p), ("deleter", ctypes.c_void_p))


class _Version(ctypes.Structure):
    _fields_ = (("major", ctypes.c_uint32), ("minor", ctypes.c_uint32))


class _ManagedVersioned(ctypes.Structure):
    _fields_ = (
        ("version", _Version),
        ("context", ctypes.c_void_p),
        ("deleter", ctypes.c_void_p),
        ("flags", ctypes.c_uint64),
        ("tensor", _Tensor),
    )


class _Form(NamedTuple):
    """A form in which a tensor is lent: the name of its capsule, before and after it was taken, and what is in it."""

    name: bytes
    taken: bytes
    structure: type[ctypes.Structure]


_FORMS = (
    _Form(b"dltensor_versioned", b"used_dltensor_versioned", _ManagedVersioned),
    _Form(b"dltensor", b"used_dltensor", _Managed),
)

# Prototypes of its own: the types of ctypes.pythonapi's attributes are shared by all who use them. The last holds the
# GIL while it runs, which a deleter may rely on, or take again.
_is_valid = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.py_object, ctypes.c_char_p)(("PyCapsule_IsValid", ctypes.pythonapi))
_pointer = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)(
    ("PyCapsule_GetPointer", ctypes.pythonapi)
)
_set_name = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.py_object, ctypes.c_char_p)(("PyCapsule_SetName", ctypes.pythonapi))
_Deleter = ctypes.PYFUNCTYPE(None, ctypes.c_void_p)


class _Loan:
    """What a producer lent: its deleter is called when the last reference to this goes."""

    __slots__ = ("__weakref__",)

    def __init__(self, managed: Any, address: int) -> None:
        if managed.deleter:
            weakref.finalize(self, _Deleter(managed.deleter), address)


def by_dlpack(out: object) -> DeviceArray:
    """
    The memory that __dlpack__ lends, ready on the legacy default stream.

    DLPack does not say on which streams the producer goes on, so the call has to wait for the fill.
    """
    label = f"out is a {type(out).__name__}, whose __dlpack__"
    capsule = _capsule_of(out, label)
    form = next((form for form in _FORMS if _is_valid(capsule, form.name)), None)
    if form is None:
        raise TypeError(
            f"{label} returned a {type(capsule).__name__} that is no tensor, or was taken; accepted is a capsule "
            "named dltensor or dltensor_versioned"
        )
    address = _pointer(capsule, form.name)
    managed: Any = form.structure.from_address(address)
    # Whatever is refused is given back by the capsule's own destructor, as long as its name is the old one.
    array = _described(out, managed, label)
    _set_name(capsule, form.taken)
    return replace(array, owner=_Loan(managed, address))


def _capsule_of(out: Any, label: str) -> object:
    """What __dlpack__ returns. Older producers know fewer keywords; the newer ones would copy, if they were let."""
    refused: TypeError | None = None
    keywords: dict[str, Any]
    for keywords in ({"max_version": VERSION, "copy": False}, {"max_version": VERSION}, {}):
        try:
            return out.__dlpack__(stream=LEGACY, **keywords)
        except TypeError as error:
            refused = error
        except Exception as error:
            raise TypeError(f"{label} fails: {error}; accepted is what lends its memory") from error
    raise TypeError(f"{label} fails: {refused}; accepted is what lends its memory") from refused


def _described(out: object, managed: Any, label: str) -> DeviceArray:
    flags = 0
    if isinstance(managed, _ManagedVersioned):
        version = (managed.version.major, managed.version.minor)
        if version[0] != VERSION[0]:  # nothing beyond the deleter has a known place then
            raise TypeError(f"{label} is of version {version[0]}.{version[1]} of DLPack; accepted is {VERSION[0]}")
        flags = managed.flags
    if flags & _IS_COPIED:
        raise TypeError(f"{label} returned a copy, in which the fill would be lost; accepted is what lends its memory")
    tensor = managed.tensor
    if tensor.device.type not in (CUDA, CUDA_MANAGED):
        raise TypeError(
            f"{label} returned memory on a device of type {tensor.device.type}; accepted are {CUDA} (CUDA) and "
            f"{CUDA_MANAGED} (CUDA, managed)"
        )
    if not 0 <= tensor.axes <= AXES_MAX:
        raise ValueError(f"{label} returned a tensor of {tensor.axes} axes; accepted are up to {AXES_MAX}")
    dtype = _dtype_of(tensor.dtype, label)
    shape = tuple(tensor.shape[: tensor.axes]) if tensor.axes else ()
    if any(length < 0 for length in shape):
        raise ValueError(f"{label} returned a tensor of shape={shape}; accepted are integers that are not negative")
    strides = c_strides(shape, dtype.itemsize)
    if tensor.axes and tensor.strides:
        strides = tuple(stride * dtype.itemsize for stride in tensor.strides[: tensor.axes])
    return checked(
        DeviceArray(
            out,
            address=(tensor.data or 0) and tensor.data + tensor.byte_offset,
            shape=shape,
            strides=strides,
            dtype=dtype,
            device=tensor.device.id if tensor.device.type == CUDA else None,  # DLPack has 0 for all managed memory
            synchronize=True,
            read_only=bool(flags & _READ_ONLY),
        )
    )


def _dtype_of(dtype: Any, label: str) -> np.dtype[Any]:
    code, bits, lanes = dtype.code, dtype.bits, dtype.lanes
    name = _NAMES.get((code, bits), f"{_CODES.get(code)}{bits}")
    if lanes == 1 and name in BY_NAME:
        try:
            return dtype_named(name, "gpu")
        except AttributeError:  # of ml_dtypes before the version that brought it
            pass
        except ImportError as error:
            raise ImportError(f"out has dtype {name}, which NumPy has by ml_dtypes: `pip install ml_dtypes`") from error
    raise TypeError(
        f"{label} returned elements of DLPack's dtype code={code}, bits={bits}, lanes={lanes}; accepted are, with one "
        f"lane, {', '.join(sorted(BY_NAME))}"
    )
