"""Arrays of JAX that are filled on the CUDA devices where they lie, without a copy on the CPU."""

import functools
import math
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from fastinit.draw import Drawn, Shape

# Elements. JAX compiles a program for each new shape, for which it takes longer than the CPU takes to draw fewer.
LEAST = 1 << 18


def sharded(drawn: Drawn, sharding: Any) -> Any:
    """The array of a sharding, if all of its shards here can be filled on their devices; otherwise None."""
    if drawn.recipe.is_whole or sharding.memory_kind not in (None, "device"):
        return None
    blocks = {}
    for device, index in sharding.addressable_devices_indices_map(drawn.shape).items():
        bounds = [axis.indices(size)[:2] for axis, size in zip(index, drawn.shape, strict=True)]
        offset, shape = tuple(start for start, _ in bounds), tuple(stop - start for start, stop in bounds)
        if math.prod(shape) < LEAST or not _is_served(device):
            return None
        blocks[device] = offset, shape
    if not blocks:
        return None
    arrays = _fresh(drawn.dtype, [(shape, device) for device, (_, shape) in blocks.items()], True)
    _fill(drawn, arrays, [offset for offset, _ in blocks.values()])
    return jax.make_array_from_single_device_arrays(drawn.shape, sharding, arrays)


def unsharded(drawn: Drawn) -> Any:
    """The array where JAX puts what is told no device, if it can be filled there; otherwise None."""
    if drawn.recipe.is_whole or math.prod(drawn.shape) < LEAST or not _is_served(device := _default_device()):
        return None
    arrays = _fresh(drawn.dtype, [(drawn.shape, device)], False)
    _fill(drawn, arrays, [(0,) * len(drawn.shape)])
    return arrays[0]


def cuda_number(device: Any) -> int | None:
    """CUDA's number of a device of JAX's; None of one that is not CUDA's, as those of ROCm, which are GPUs too."""
    if device.platform not in ("gpu", "cuda") or "rocm" in device.client.platform_version.lower():
        return None
    number: int | None = device.local_hardware_id
    return number


def _is_served(device: Any) -> bool:
    number = cuda_number(device)
    if number is None:
        return False
    from fastinit.gpu import launch

    return launch.serves(number)


def _default_device() -> Any:
    device = jax.config.jax_default_device
    if isinstance(device, str):
        return jax.local_devices(backend=device)[0]
    return jax.local_devices()[0] if device is None else device


# ---- Writing to what is immutable ------------------------------------------------------------------------------------
#
# JAX's arrays never change: other arrays, and programs that are running, may share their memory. What is written to
# here has no other user. It is the output of a program without inputs, so that it shares no memory with one, as outputs
# do that are inputs or were donated theirs; outputs that are constants are copies, in memory of their own. Nobody else
# has the array, and no values of it were read, which JAX would keep. The program has ended before the first byte is
# written, and the fill has ended before anybody else gets the array.


def _fresh(dtype: np.dtype[Any], places: Iterable[tuple[Shape, Any]], is_committed: bool) -> list[Any]:
    """New arrays of zeros of these shapes, each on one device, ready to be written to."""

    def made() -> list[Any]:
        arrays = []
        for shape, device in places:
            sharding = jax.sharding.SingleDeviceSharding(device) if is_committed else None
            with jax.default_device(device), jax.enable_x64(True):
                arrays.append(_zeros(shape, dtype, sharding)())
        # JAX's streams and CUDA's default one, which the fill is launched on, do not wait for each other.
        return jax.block_until_ready(arrays)  # type: ignore[no-any-return]

    # In a thread that has none of the caller's contexts: no program that is traced, no mesh, no disabled jit.
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(made).result()


@functools.lru_cache(maxsize=4096)
def _zeros(shape: Shape, dtype: np.dtype[Any], sharding: Any) -> Any:
    """The program. By itself jnp.zeros() may return an array that JAX keeps."""
    return jax.jit(lambda: jnp.zeros(shape, dtype), out_shardings=sharding)


def _fill(drawn: Drawn, arrays: Sequence[Any], offsets: Iterable[Shape]) -> None:
    """Fills arrays, each on one device, with the blocks at these offsets: on all devices at the same time."""
    from fastinit.gpu import launch
    from fastinit.gpu.arrays import DeviceArray, c_strides, checked

    memories = []
    try:
        for array, offset in zip(arrays, offsets, strict=True):
            address, strides = array.unsafe_buffer_pointer(), c_strides(array.shape, drawn.dtype.itemsize)
            # Of the device the driver is asked, by the address.
            memory: Any = checked(DeviceArray(array, address, array.shape, strides, drawn.dtype, None), "the array")
            memories.append(memory)
            drawn.fill(memory, offset)
    finally:
        for memory in memories:
            launch.finish(replace(memory, synchronize=True))
