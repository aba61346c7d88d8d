"""The types of arguments, for those who annotate functions of their own around fastinit's."""

from collections.abc import Iterable
from typing import Any, Literal, SupportsComplex, SupportsFloat, SupportsIndex, TypeAlias, TypeVar

import numpy as np

__all__ = ["Array", "ComplexNumber", "Layout", "Number", "Sizes", "Stream", "Streams"]

Array = TypeVar("Array", bound=np.ndarray[Any, Any])  # what is filled: its class, shape and dtype come back
Layout: TypeAlias = Literal[
    "torch", "keras", "jax", "flax", "tensorflow", "lasagne"
]  # which axes of a shape are the fans
Number: TypeAlias = SupportsFloat | SupportsIndex  # NumPy's too
ComplexNumber: TypeAlias = Number | SupportsComplex  # where an array may be complex
Sizes: TypeAlias = Iterable[SupportsIndex]  # an offset or a shape
Stream: TypeAlias = SupportsIndex | str  # a number or a name
Streams: TypeAlias = Iterable[Stream]  # one for each row: an array of integers, a range, a list
