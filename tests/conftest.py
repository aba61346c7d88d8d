import ml_dtypes
import numpy as np
import pytest

import fastinit

KERNELS = fastinit._core.available_kernels()

# Every (draw, dtype) that a fill can be asked for.
FILLS = [
    ("bits", np.dtype("uint32")),
    ("bits", np.dtype("uint64")),
    *((draw, np.dtype(dtype)) for draw in ("uniform", "normal") for dtype in ("f4", "f8", "f2", ml_dtypes.bfloat16)),
]


@pytest.fixture(params=KERNELS)
def kernels(request):
    return request.param


@pytest.fixture(params=FILLS, ids=lambda fill: f"{fill[0]}-{fill[1]}")
def draw_and_dtype(request):
    return request.param
