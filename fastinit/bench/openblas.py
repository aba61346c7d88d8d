"""The threads of NumPy's linear algebra, for orthogonal: two on one CPU take fifty times as long as one."""

import ctypes
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np


@cache
def library() -> Any:
    """The OpenBLAS that comes with NumPy's wheels; None where NumPy has another library."""
    site = Path(np.__file__).parents[1]
    for path in (*site.glob("numpy.libs/*openblas*"), *site.glob("numpy/.dylibs/*openblas*")):
        loaded = ctypes.CDLL(str(path))
        if hasattr(loaded, "scipy_openblas_set_num_threads64_"):
            return loaded
    return None


def get_threads() -> int:
    """The most that it uses; 0 where that cannot be told."""
    return 0 if library() is None else int(library().scipy_openblas_get_num_threads64_())


def set_threads(count: int) -> None:
    """Lets it use as many; does nothing where that cannot be set."""
    if library() is not None:
        library().scipy_openblas_set_num_threads64_(count)
