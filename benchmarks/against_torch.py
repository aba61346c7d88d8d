"""
fastinit beside torch.nn.init: `python benchmarks/against_torch.py`.

A million elements, one thread, interleaved in one run; for the draws and dtypes that NumPy does not have. Needs PyTorch
(a CPU build will do) and ml_dtypes.
"""

from statistics import median

import ml_dtypes
import numpy as np
import torch

import fastinit
from fastinit.bench import measure

ELEMENTS = 1 << 20
SHAPE = (1024, 1024)
EFFORT = measure.Effort(rounds=25, batch_seconds=5e-3, case_seconds=60)
DTYPES = {"float32": np.float32, "float16": np.float16, "bfloat16": ml_dtypes.bfloat16}
STD = 0.05
BOUNDS = ((-2, 2), (-1, 1), (-1, 2), (0.5, 0.6), (-3, 3), (-5, 5), (-1, 4), (2, 4), (10, 11), (30, 31))


def draws():
    """Title, dtype, fastinit's statement, PyTorch's."""
    for dtype in DTYPES:
        yield "normal", dtype, f"g.normal(w, 0.0, {STD})", f"init.normal_(t, 0.0, {STD})"
    for dtype in DTYPES:
        yield "uniform", dtype, "g.uniform(w, -0.05, 0.05)", "init.uniform_(t, -0.05, 0.05)"
    for low, high in BOUNDS:
        yield (
            f"truncated normal, {low} to {high}",
            "float32",
            f"g.truncated_normal(w, 0.0, {STD}, {low}, {high})",
            f"init.trunc_normal_(t, 0.0, {STD}, {low * STD}, {high * STD})",
        )
    yield "orthogonal, 1024 x 1024", "float32", "g.orthogonal(w)", "init.orthogonal_(t)"


def main():
    torch.set_num_threads(1)
    fastinit.set_num_threads(1)
    print(f"fastinit {fastinit.__version__} ({fastinit.simd}), PyTorch {torch.__version__}, {ELEMENTS} elements")
    print(f"{'draw':28}  {'dtype':8}  {'fastinit ns':>11}  {'PyTorch ns':>10}  {'ratio':>6}")
    for title, dtype, fastinit_statement, torch_statement in draws():
        names = {
            "g": fastinit.Generator(7),
            "w": np.zeros(SHAPE, DTYPES[dtype]),
            "init": torch.nn.init,
            "t": torch.zeros(SHAPE, dtype=getattr(torch, dtype)),
        }
        seconds = measure.interleaved({"fastinit": fastinit_statement, "torch": torch_statement}, names, EFFORT)
        ratio = median(b / a for a, b in zip(seconds["fastinit"], seconds["torch"], strict=True))
        own, other = (median(seconds[side]) * 1e9 / ELEMENTS for side in ("fastinit", "torch"))
        print(f"{title:28}  {dtype:8}  {own:11.3f}  {other:10.3f}  {ratio:5.1f}x", flush=True)


if __name__ == "__main__":
    main()
