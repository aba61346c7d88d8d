"""One launch of each of the kernels that matter most, for a profiler: `python tests/gpu/launch_each.py [--dry]`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import devices
import torch

import fastinit

FILLS = (
    ("normal", torch.float32, {}),
    ("uniform", torch.float32, {}),
    ("uniform", torch.bfloat16, {}),
    ("normal", torch.float32, {"accumulate": True}),
)


def main():
    device = devices.chosen("--dry" in sys.argv[1:])
    with device.used():
        for draw, dtype, keywords in FILLS:
            w = device.zeros(1 << (12 if device.dry else 28), dtype)
            getattr(fastinit.Generator(7), draw)(w, 0.0, 0.05, **keywords)
            device.synchronize()
    print(f"{len(FILLS)} launches on {device.name}")


if __name__ == "__main__":
    main()
