"""
What a sharded tensor takes on its way into JAX: `python benchmarks/jax_memory.py [MEBIBYTES] [DEVICES]`.

For each way to make it, in a process of its own, with so many devices on the CPU: the most memory beyond what the
process had before (the peak resident set that Linux keeps, after a small tensor by the same way). Linux alone.
"""

import os
import subprocess
import sys
from pathlib import Path

WAYS = {
    "jax.nn.initializers, jit with out_shardings=": "whole(jax.nn.initializers)",
    "fastinit.jax, jit with out_shardings=": "whole(init)",
    "fastinit.jax, jit, out_sharding= to the initialiser": "traced()",
    "fastinit.jax, out_sharding= to the initialiser": "blocks(key)",
    "make_array": "init.make_array('normal', shape, sharding, 7, 'w', std=0.02)",
}

SETUP = """
import jax, jax.numpy as jnp
from fastinit import jax as init
from jax.sharding import AxisType, NamedSharding, PartitionSpec as P

key, spec = jax.random.key(7), P("data", None)
mesh = jax.make_mesh((jax.device_count(),), ("data",), axis_types=(AxisType.Explicit,))
sharding = NamedSharding(mesh, spec)

def whole(module):
    return jax.jit(lambda key: module.normal(0.02)(key, shape), out_shardings=sharding)(key)

def blocks(key):
    with jax.set_mesh(mesh):
        return init.normal(0.02)(key, shape, jnp.float32, spec)

def traced():
    with jax.set_mesh(mesh):
        return jax.jit(lambda key: init.normal(0.02)(key, shape, jnp.float32, spec))(key)

def status(name):
    return int(next(line for line in open("/proc/self/status") if line.startswith(name)).split()[1])
"""

MEASURE = """
shape = (64, 64)
jax.block_until_ready({way})
open("/proc/self/clear_refs", "w").write("5")  # the peak begins anew
before = status("VmRSS")
shape = ({mebibytes} * 1024 // 16, 4096)
tensor = jax.block_until_ready({way})
assert tensor.shape == shape and tensor.sharding == sharding
print((status("VmHWM") - before) / 1024)
"""


def peak(way: str, mebibytes: int, devices: int) -> float:
    """The most mebibytes that the way takes beyond what was there before."""
    flags = f"--xla_force_host_platform_device_count={devices}"
    done = subprocess.run(
        [sys.executable, "-c", SETUP + MEASURE.format(way=WAYS[way], mebibytes=mebibytes)],
        env={**os.environ, "JAX_PLATFORMS": "cpu", "XLA_FLAGS": flags},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
    return float(done.stdout)


def main(mebibytes: int = 128, devices: int = 8) -> None:
    print(f"{mebibytes} MiB on {devices} devices, most memory beyond what was there")
    for way in WAYS:
        print(f"{way:52} {peak(way, mebibytes, devices) / 1024:6.2f} GiB")


if __name__ == "__main__":
    if not Path("/proc/self/clear_refs").exists():
        raise SystemExit("this system keeps no peak of a process's memory in /proc")
    main(*map(int, sys.argv[1:]))
