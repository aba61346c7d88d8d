"""
fastinit beside torch.nn.init: `python benchmarks/against_torch.py`.

A million elements, one thread, interleaved in one run; for the dtypes that NumPy does not draw. Needs PyTorch (a CPU
build will do) and ml_dtypes.
"""

from statistics import median

import ml_dtypes
import numpy as np
import torch

import fastinit
from fastinit.bench import measure

ELEMENTS = 1 << 20
EFFORT = measure.Effort((ELEMENTS,), rounds=25, batch_seconds=5e-3, case_seconds=60)
DTYPES = (("float32", np.float32), ("float16", np.float16), ("bfloat16", ml_dtypes.bfloat16))
DRAWS = (
    ("normal", "g.normal(w, 0.0, 0.05)", "init.normal_(t, 0.0, 0.05)"),
    ("uniform", "g.uniform(w, -0.05, 0.05)", "init.uniform_(t, -0.05, 0.05)"),
)


def main():
    torch.set_num_threads(1)
    print(f"fastinit {fastinit.__version__} ({fastinit.simd}), PyTorch {torch.__version__}, {ELEMENTS} elements")
    print(f"{'draw':8}  {'dtype':8}  {'fastinit ns':>11}  {'PyTorch ns':>10}  {'ratio':>6}")
    for draw, fastinit_statement, torch_statement in DRAWS:
        for name, dtype in DTYPES:
            seconds = measure.interleaved(
                {"fastinit": fastinit_statement, "torch": torch_statement},
                {
                    "g": fastinit.Generator(7),
                    "w": np.zeros(ELEMENTS, dtype),
                    "init": torch.nn.init,
                    "t": torch.zeros(ELEMENTS, dtype=getattr(torch, name)),
                },
                EFFORT,
            )
            ratio = median(b / a for a, b in zip(seconds["fastinit"], seconds["torch"], strict=True))
            own, other = (median(seconds[side]) * 1e9 / ELEMENTS for side in ("fastinit", "torch"))
            print(f"{draw:8}  {name:8}  {own:11.3f}  {other:10.3f}  {ratio:5.1f}x")


if __name__ == "__main__":
    main()
