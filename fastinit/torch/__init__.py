"""
torch.nn.init's functions, and whole modules, filled by fastinit: ``import fastinit.torch as init``.

>>> import torch, fastinit, fastinit.torch as init
>>> fastinit.seed(7)
>>> w = init.kaiming_normal_(torch.empty(512, 784), nonlinearity="relu")
>>> model = torch.nn.Sequential(torch.nn.Linear(784, 512), torch.nn.ReLU(), torch.nn.Linear(512, 10))
>>> done = init.init_module_(model, {"0.weight": ("he_normal", {"layout": "torch"})}, seed=7)
>>> print(done["0.weight"])
he_normal(layout='torch')

Values depend on (seed, stream, index) as everywhere in fastinit: not on the tensor's device or strides, and for
DTensors not on the mesh. docs/pytorch.md shows how.
"""

try:
    import torch  # noqa: F401  (what all of this needs)
except ModuleNotFoundError as _error:
    from fastinit.distribution import missing

    raise missing(_error, "torch") from None

from fastinit.torch.functions import (
    calculate_gain,
    constant_,
    dirac_,
    eye_,
    kaiming_normal_,
    kaiming_uniform_,
    normal_,
    ones_,
    orthogonal_,
    sparse_,
    trunc_normal_,
    uniform_,
    xavier_normal_,
    xavier_uniform_,
    zeros_,
)
from fastinit.torch.modules import Filled, Report, init_module_

__all__ = [
    "Filled",
    "Report",
    "calculate_gain",
    "constant_",
    "dirac_",
    "eye_",
    "init_module_",
    "kaiming_normal_",
    "kaiming_uniform_",
    "normal_",
    "ones_",
    "orthogonal_",
    "sparse_",
    "trunc_normal_",
    "uniform_",
    "xavier_normal_",
    "xavier_uniform_",
    "zeros_",
]
