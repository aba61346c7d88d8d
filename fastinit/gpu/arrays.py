"""Arrays on CUDA devices as the core sees them: PyTorch's tensors, and what describes its memory by a protocol."""

import itertools
import math
import operator
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

LEGACY = 1  # the handle of CUDA's legacy default stream, CU_STREAM_LEGACY; 0 may mean that of a thread
CUDA, CUDA_MANAGED = 2, 13  # DLPack's types of devices: kDLCUDA, kDLCUDAManaged
AXES_MAX = 64  # FI_AXES_MAX of src/core.h

_IMMUTABLE = ("jax", "jaxlib", "tensorflow")  # whose arrays can be exported, but others may share their memory
_ACCEPTED = (
    "accepted are arrays on a CUDA device: PyTorch's tensors, and what has __cuda_array_interface__ or, for a CUDA "
    "device, __dlpack__"
)


@dataclass(frozen=True, slots=True, eq=False)
class DeviceArray:
    """Memory on a CUDA device, as the core sees it."""

    out: Any = field(repr=False)  # what the caller gave: kept alive, returned by the fill, named in errors
    address: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]  # in bytes
    dtype: np.dtype[Any]
    device: int | None  # its number; None: the driver is asked by the address
    stream: int = LEGACY  # handle of the stream on which the memory is ready, and the fill is enqueued
    synchronize: bool = False  # whether the call waits for the fill, as whoever uses the memory next may not
    read_only: bool = False
    owner: object = field(default=None, repr=False)  # what else has to live for as long as the memory is used
    written: Callable[[], None] | None = field(default=None, repr=False)  # is to be told of each fill
    of_user: bool = False  # whose code may change the array until it is filled; else it is as it is told here


def is_device_array(out: object) -> bool:
    """
    Whether it is an array on a CUDA device, one that can be written to by its type.

    JAX's and TensorFlow's are immutable: other arrays, and compiled programs, may share their memory.
    """
    if isinstance(out, np.ndarray):
        return False
    if _is_tensor(out):
        from fastinit.torch.tensors import is_cuda

        return is_cuda(out)
    if not _may_be_written_to(out):
        return False
    try:
        if _interface_of(out) is not None:
            return True
    except TypeError:
        return True  # device_array tells why
    return _lends_device_memory(out)


def device_array(out: object) -> DeviceArray:
    """
    The memory of an array for which is_device_array is true.

    A TypeError or ValueError tells what about it is not accepted. Its dtype, and whether it is read-only or overlaps
    itself, is the core's to check, by the rules for NumPy's arrays.
    """
    return replace(_opened(out), of_user=True)


def _opened(out: object) -> DeviceArray:
    if _is_tensor(out):
        from fastinit.torch.tensors import device_array_of

        return device_array_of(out, "out", counts=True)
    if _may_be_written_to(out):
        # First, as it names the stream on which the memory is ready, on which the fill then needs no waiting.
        interface = _interface_of(out)
        if interface is not None:
            return _by_interface(out, interface)
        if _lends_device_memory(out):
            from fastinit.gpu.dlpack import by_dlpack

            return by_dlpack(out)
    raise TypeError(f"out is a {type(out).__name__}; {_ACCEPTED}")


def _is_tensor(out: object) -> bool:
    torch = sys.modules.get("torch")
    kind = getattr(torch, "Tensor", None)  # none while another thread imports PyTorch
    return kind is not None and isinstance(out, kind)


def _may_be_written_to(out: object) -> bool:
    kind = type(out)
    # Flax's variables pass on all attributes of the JAX array that they hold; classes have those of their instances.
    return not (
        kind.__module__.partition(".")[0] in _IMMUTABLE or hasattr(kind, "__jax_array__") or isinstance(out, type)
    )


def _interface_of(out: object) -> object:
    """The instance's __cuda_array_interface__, or None: arrays of the CPU have the property in some libraries."""
    try:
        return getattr(out, "__cuda_array_interface__", None)
    except Exception as error:
        name = type(out).__name__
        raise TypeError(f"out is a {name}, whose __cuda_array_interface__ cannot be read: {error}") from error


def _lends_device_memory(out: Any) -> bool:
    """Whether it has __dlpack__ and is on a CUDA device. Memory of the host that CUDA has pinned is the host's."""
    if not (hasattr(type(out), "__dlpack_device__") and hasattr(type(out), "__dlpack__")):
        return False
    try:
        return out.__dlpack_device__()[0] in (CUDA, CUDA_MANAGED)
    except Exception:  # of a placeholder that has no device yet, for instance
        return False


def checked(array: DeviceArray, label: str = "out") -> DeviceArray:
    """The array; an error if a kernel could not write to it whatever the fill."""
    size = array.dtype.itemsize
    if len(array.shape) > AXES_MAX:
        raise ValueError(f"{label} has {len(array.shape)} axes; accepted are up to {AXES_MAX}")
    if math.prod(filter(None, array.shape)) * size >= 1 << 63 or any(abs(step) >= 1 << 63 for step in array.strides):
        raise ValueError(
            f"{label} has shape={array.shape}, strides={array.strides} and dtype {array.dtype}; accepted are fewer "
            "than 2**63 bytes"
        )
    if 0 in array.shape:
        return array
    if not array.address:
        raise ValueError(f"{label} with shape={array.shape} has no memory: its address is 0")
    # An access that is not aligned ends the CUDA context, with all that is in it.
    taken = [stride for length, stride in zip(array.shape, array.strides, strict=True) if length > 1]
    if size in (2, 4, 8, 16) and any(number % size for number in (array.address, *taken)):
        raise ValueError(
            f"{label} with dtype {array.dtype} has address {array.address:#x} and strides={array.strides}; accepted "
            f"are multiples of the {size} bytes of an element"
        )
    return array


def c_strides(shape: tuple[int, ...], itemsize: int) -> tuple[int, ...]:
    """The strides, in bytes, of an array whose last axis is the fastest and that has no gaps."""
    return tuple(itertools.accumulate(shape[:0:-1], operator.mul, initial=itemsize))[::-1] if shape else ()


# ---- __cuda_array_interface__ ----------------------------------------------------------------------------------------

_REQUIRED = ("shape", "typestr", "data", "version")


def _by_interface(out: object, given: object) -> DeviceArray:
    """
    The memory that __cuda_array_interface__ describes, in any version up to 3.

    Where it names no stream, as none does before version 3, the call waits for the fill.
    """
    name = f"out is a {type(out).__name__}, whose __cuda_array_interface__"
    if not isinstance(given, Mapping):
        raise TypeError(f"{name} is a {type(given).__name__}; accepted is a dict")
    lacks = [key for key in _REQUIRED if key not in given]
    if lacks:
        raise TypeError(f"{name} has no {', '.join(lacks)}; accepted is a dict with {', '.join(_REQUIRED)}")
    version = _integer(f"{name} has version", given["version"])
    if not 0 <= version <= 3:
        raise ValueError(f"{name} has version={version}; accepted are 0 to 3")
    if given.get("mask") is not None:
        raise TypeError(f"{name} has a mask; accepted are arrays without one")
    dtype = _dtype_of(out, name, given["typestr"])
    shape = _integers(f"{name} has shape", given["shape"])
    if any(length < 0 for length in shape):
        raise ValueError(f"{name} has shape={shape}; accepted are integers that are not negative")
    strides = given.get("strides")
    strides = c_strides(shape, dtype.itemsize) if strides is None else _integers(f"{name} has strides", strides)
    if len(strides) != len(shape):
        raise ValueError(f"{name} has shape={shape} and strides={strides}; accepted is a stride for each axis")
    address, read_only = _data_of(name, given["data"])
    stream = _stream_of(name, given.get("stream") if version >= 3 else None)
    # Who names no stream may use the memory next on any.
    waits = stream is None
    return checked(DeviceArray(out, address, shape, strides, dtype, None, stream or LEGACY, waits, read_only))


def _dtype_of(out: object, name: str, typestr: object) -> np.dtype[Any]:
    """The dtype of a typestr, by which those of ml_dtypes are void or unknown: the array's own attribute has them."""
    own = getattr(out, "dtype", None)
    if isinstance(own, np.dtype) and own.str == typestr:
        return own
    if not isinstance(typestr, str):
        raise TypeError(f"{name} has typestr={typestr!r}; accepted is a string such as '<f4'")
    try:
        dtype: np.dtype[Any] = np.dtype(typestr)
    except (TypeError, ValueError) as error:
        raise TypeError(f"{name} has typestr={typestr!r}; accepted is a string such as '<f4'") from error
    if dtype.kind == "V" and isinstance(own, np.dtype) and own.itemsize == dtype.itemsize:
        return own
    return dtype


def _data_of(name: str, data: object) -> tuple[int, bool]:
    if not isinstance(data, (tuple, list)) or len(data) != 2:
        raise TypeError(f"{name} has data={data!r}; accepted is a tuple of an address and whether it is read-only")
    address = _integer(f"{name} has data[0]", data[0])
    if not 0 <= address < 1 << 64:
        raise ValueError(f"{name} has data[0]={address}; accepted is an address below 2**64")
    return address, bool(data[1])


def _stream_of(name: str, stream: object) -> int | None:
    if stream is None:
        return None
    handle = _integer(f"{name} has stream", stream)
    if not 0 < handle < 1 << 64:
        raise ValueError(
            f"{name} has stream={handle}; accepted are None, 1 (the legacy default stream), 2 (that of the thread) and "
            "the handle of a stream"
        )
    return handle


def _integers(label: str, values: object) -> tuple[int, ...]:
    if not isinstance(values, (tuple, list)):
        raise TypeError(f"{label}={values!r}; accepted is a tuple of integers")
    return tuple(_integer(f"{label}[{axis}]", value) for axis, value in enumerate(values))


def _integer(label: str, value: object) -> int:
    try:
        return operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        raise TypeError(f"{label}={value!r}; accepted is an integer") from None
