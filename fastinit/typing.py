"""The types of arguments, for those who annotate functions of their own around fastinit's."""

from collections.abc import Iterable
from typing import Any, Literal, Protocol, SupportsComplex, SupportsFloat, SupportsIndex, TypeAlias, TypeVar

import numpy as np

__all__ = ["Array", "ComplexNumber", "Layout", "Number", "OnDevice", "Output", "Sizes", "Stream", "Streams"]


class OnDevice(Protocol):
    """An array of another library's on a CUDA device: CuPy's, Numba's, PyTorch's."""

    @property
    def shape(self) -> Any: ...
    @property
    def __cuda_array_interface__(self) -> Any: ...


Array = TypeVar("Array", bound=np.ndarray[Any, Any])  # what is filled: its class, shape and dtype come back
Output = TypeVar("Output", bound=np.ndarray[Any, Any] | OnDevice)  # the same, or an array on a device
Layout: TypeAlias = Literal[
    "torch", "keras", "jax", "flax", "tensorflow", "lasagne"
]  # which axes of a shape are the fans
Number: TypeAlias = SupportsFloat | SupportsIndex  # NumPy's too
ComplexNumber: TypeAlias = Number | SupportsComplex  # where an array may be complex
Sizes: TypeAlias = Iterable[SupportsIndex]  # an offset or a shape
Stream: TypeAlias = SupportsIndex | str  # a number or a name
Streams: TypeAlias = Iterable[Stream]  # one for each row: an array of integers, a range, a list
