import math
from typing import NamedTuple

import ml_dtypes
import numpy as np
import pytest

import fastinit

KERNELS = fastinit._core.available_kernels()
FLOATS = tuple(np.dtype(dtype) for dtype in ("f4", "f8", "f2", ml_dtypes.bfloat16))


class Fill(NamedTuple):
    draw: str
    dtype: np.dtype
    bounds: tuple | None = None  # of the truncated normal

    def __str__(self):
        return "-".join(str(part) for part in self if part is not None)


# Every draw and dtype that a fill can be asked for, with bounds for each form of the truncated normal; the central form
# has kernels of its own for symmetric bounds. 16-bit values are float32's, rounded, so there one form stands for all.
FILLS = [
    Fill("bits", np.dtype("uint32")),
    Fill("bits", np.dtype("uint64")),
    *(Fill(draw, dtype) for draw in ("uniform", "normal") for dtype in FLOATS),
    *(
        Fill("truncated_normal", dtype, bounds)
        for bounds in ((-2.0, 2.0), (-0.5, 1.5), (-0.75, math.inf), (-math.inf, -1.5))
        for dtype in FLOATS[: 2 if bounds[0] != -2 else 4]
    ),
]


@pytest.fixture(params=KERNELS)
def kernels(request):
    return request.param


@pytest.fixture(params=FILLS, ids=str)
def fill(request):
    return request.param
