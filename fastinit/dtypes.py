"""The dtypes of elements, a row each: what fills them, and what NumPy, ml_dtypes and files of safetensors call them."""

import importlib
from typing import Any, NamedTuple

import numpy as np

from fastinit.distribution import missing


class DType(NamedTuple):
    """A dtype whose elements fastinit writes."""

    name: str  # NumPy's, or else that of ml_dtypes; PyTorch's, too
    draws: str  # what is drawn in it: "words", "reals", "complex" or, where constants alone are written, nothing
    bits: int
    stored: str = ""  # as safetensors call it
    is_extension: bool = False  # whether ml_dtypes brings it


DTYPES = (
    DType("float32", "reals", 32, "F32"),
    DType("float64", "reals", 64, "F64"),
    DType("float16", "reals", 16, "F16"),
    DType("bfloat16", "reals", 16, "BF16", is_extension=True),
    DType("complex64", "complex", 64, "C64"),
    DType("complex128", "complex", 128),
    DType("uint32", "words", 32, "U32"),
    DType("uint64", "words", 64, "U64"),
    DType("bool", "", 8, "BOOL"),
    DType("int8", "", 8, "I8"),
    DType("int16", "", 16, "I16"),
    DType("int32", "", 32, "I32"),
    DType("int64", "", 64, "I64"),
    DType("uint8", "", 8, "U8"),
    DType("uint16", "", 16, "U16"),
    DType("complex32", "", 32, is_extension=True),
    DType("float8_e5m2", "", 8, "F8_E5M2", is_extension=True),
    DType("float8_e4m3fn", "", 8, "F8_E4M3", is_extension=True),
    DType("float8_e8m0fnu", "", 8, "F8_E8M0", is_extension=True),
    DType("float8_e4m3fnuz", "", 8, "F8_E4M3FNUZ", is_extension=True),
    DType("float8_e5m2fnuz", "", 8, "F8_E5M2FNUZ", is_extension=True),
)
BY_NAME = {each.name: each for each in DTYPES}
WORDS, REALS, COMPLEX = (
    tuple(each.name for each in DTYPES if each.draws == kind) for kind in ("words", "reals", "complex")
)


def dtype_named(name: str, extra: str) -> np.dtype[Any]:
    """The dtype of that name. NumPy may not have it: ml_dtypes brings it then, and the extra brings ml_dtypes."""
    if not BY_NAME[name].is_extension:
        return np.dtype(name)
    try:
        ml_dtypes = importlib.import_module("ml_dtypes")
    except ModuleNotFoundError as error:
        raise missing(error, extra) from None
    dtype: np.dtype[Any] = np.dtype(getattr(ml_dtypes, name))
    return dtype
