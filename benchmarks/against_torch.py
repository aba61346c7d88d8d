"""
fastinit beside torch.nn.init, more of what `python -m fastinit bench` has one case of: `benchmarks/against_torch.py`.

Truncated normals between any bounds, and a larger orthogonal matrix: a million elements. And what a call of
fastinit.torch costs on small tensors. One thread, interleaved in one run. Needs PyTorch (a CPU build will do).
"""

from statistics import median

import numpy as np
import torch

import fastinit
import fastinit.torch
from fastinit.bench import measure

ELEMENTS = 1 << 20
SHAPE = (1024, 1024)
SMALL = (64, 256, 1024, 4096, 16384)
EFFORT = measure.Effort(rounds=25, batch_seconds=5e-3, case_seconds=60)
STD = 0.05
BOUNDS = ((-2, 2), (-1, 1), (-1, 2), (0.5, 0.6), (-3, 3), (-5, 5), (-1, 4), (2, 4), (10, 11), (30, 31))


def draws():
    """Title, fastinit's statement, PyTorch's."""
    for low, high in BOUNDS:
        yield (
            f"truncated normal, {low} to {high}",
            f"g.truncated_normal(w, 0.0, {STD}, {low}, {high})",
            f"init.trunc_normal_(t, 0.0, {STD}, {low * STD}, {high * STD})",
        )
    yield "orthogonal, 1024 x 1024", "g.orthogonal(w)", "init.orthogonal_(t)"


def main():
    torch.set_num_threads(1)
    fastinit.set_num_threads(1)
    print(f"fastinit {fastinit.__version__} ({fastinit.simd}), PyTorch {torch.__version__}, {ELEMENTS} elements")
    print(f"{'float32, a million elements':28}  {'fastinit ns':>11}  {'PyTorch ns':>10}  {'ratio':>6}")
    for title, own, other in draws():
        names = {"g": fastinit.Generator(7), "w": np.zeros(SHAPE, np.float32), "t": torch.zeros(SHAPE)}
        show(title, own, other, names, 1e9 / ELEMENTS)
    print(f"\n{'float32, a call of normal_':28}  {'fastinit us':>11}  {'PyTorch us':>10}  {'ratio':>6}")
    for elements in SMALL:
        names = {"ours": fastinit.torch, "g": fastinit.Generator(7), "t": torch.zeros(elements)}
        show(f"{elements} elements", "ours.normal_(t, generator=g)", "init.normal_(t)", names, 1e6)


def show(title, own, other, names, scale):
    """Measures both statements, and prints a row."""
    seconds = measure.interleaved({"fastinit": own, "torch": other}, {"init": torch.nn.init, **names}, EFFORT)
    ratio = median(b / a for a, b in zip(seconds["fastinit"], seconds["torch"], strict=True))
    own, other = (median(seconds[side]) * scale for side in ("fastinit", "torch"))
    print(f"{title:28}  {own:11.3f}  {other:10.3f}  {ratio:5.1f}x", flush=True)


if __name__ == "__main__":
    main()
