"""Tensors as the core sees them: blocks of memory on the CPU, and where in a global tensor each of them lies."""

import itertools
import math
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np
import torch

import fastinit
from fastinit import _core
from fastinit.draw import Drawn
from fastinit.dtypes import BY_NAME, REALS, dtype_named
from fastinit.recipe import Recipe
from fastinit.typing import Stream, Streams

if TYPE_CHECKING:
    from fastinit.gpu.arrays import DeviceArray

Tensor: TypeAlias = torch.Tensor
_Shape: TypeAlias = tuple[int, ...]
Memory: TypeAlias = Any  # an array, or a DeviceArray: what Generator fills
_Runs: TypeAlias = list[range]  # of global indices along an axis, in the order in which a shard holds them

_REALS = frozenset(getattr(torch, name) for name in REALS)
_NUMPY: dict[torch.dtype, np.dtype[Any] | None] = {}  # what numpy_dtype has told
_PLAIN = (torch.Tensor, torch.nn.Parameter)
BUFFER = 1 << 22  # elements that go to another device at a time: some milliseconds of work


class Part(NamedTuple):
    """Memory that belongs to one block of a global tensor."""

    tensor: Tensor
    offset: _Shape


class Target(NamedTuple):
    """A tensor to fill: what is drawn, as it was before it was cut into shards, and what this process holds of that."""

    tensor: Tensor
    drawn: Drawn
    parts: list[Part]

    @property
    def is_sharded(self) -> bool:
        """Whether other processes may hold other parts."""
        return is_dtensor(self.tensor)


def target_of(
    tensor: object,
    recipe: Recipe,
    stream: Stream | None = None,
    offset: Sequence[int] | None = None,
    global_shape: Sequence[int] | None = None,
    streams: Streams | None = None,
    **complex_by: str,
) -> Target:
    """
    What to fill of a tensor, which may be the block of a larger one; an error if it cannot be filled.

    With streams its rows, each of which may be such a block. by= is what draws complex numbers, in the words of the
    caller's.
    """
    if not isinstance(tensor, torch.Tensor):
        raise TypeError(f"tensor must be a torch.Tensor, not {type(tensor).__name__}")
    rows = None if streams is None else _core.rows_of(stream, _in_memory(streams))
    _check_kind(tensor)
    dtype = _dtype_of(tensor, recipe, **complex_by)
    if rows is not None:
        _check_rows(tensor, recipe, rows)
    drawn = Drawn(recipe, tuple(tensor.shape), dtype, stream=stream, streams=rows)
    if is_dtensor(tensor):
        if offset is not None or global_shape is not None:
            raise ValueError(f"offset={offset}, global_shape={global_shape} with a DTensor, whose placements say both")
        return Target(tensor, drawn, list(_shards(tensor)))
    if (offset is None) != (global_shape is None):
        raise ValueError(f"offset={offset!r}, global_shape={global_shape!r}; accepted are both or neither")
    if offset is None or global_shape is None:
        return Target(tensor, drawn, [Part(tensor, (0,) * tensor.ndim)])
    if any(map(_core.is_bool, (*offset, *global_shape))):
        raise TypeError(f"offset={offset!r}, global_shape={global_shape!r}; accepted are integers, not bools")
    if rows is None:
        return Target(tensor, replace(drawn, shape=tuple(global_shape)), [Part(tensor, tuple(offset))])
    return Target(tensor, replace(drawn, shape=(len(rows), *global_shape)), [Part(tensor, (0, *offset))])


def _check_kind(tensor: Tensor, label: str = "tensor") -> None:
    """Raises if it is no tensor of one block of memory with strides, or stands for one that is elsewhere."""
    if torch.nn.parameter.is_lazy(tensor):
        raise ValueError(f"{label} is of a lazy module and has no shape yet; run the module once on an input")
    if tensor.layout != torch.strided or tensor.is_nested:
        kind = "is nested" if tensor.is_nested else f"has layout {tensor.layout}"
        raise TypeError(f"{label} {kind}; accepted is a plain one of layout torch.strided")
    whole = getattr(tensor, "ds_shape", None)  # which DeepSpeed sets
    if whole is not None and tuple(whole) != tuple(tensor.shape):
        raise ValueError(
            f"{label} has shape {tuple(tensor.shape)} and is a placeholder of DeepSpeed's ZeRO-3 for a parameter of "
            f"shape {tuple(whole)}; fill it inside deepspeed.zero.GatheredParameters(..., modifier_rank=0)"
        )


def _in_memory(streams: Streams) -> Streams:
    """What is given as streams, a tensor as an array."""
    if not isinstance(streams, torch.Tensor):
        return streams
    try:
        return streams.tolist() if streams.ndim == 1 else np.array(streams.tolist())
    except RuntimeError as error:  # on the meta device, for instance
        raise TypeError(f"streams is a {type(streams).__name__} that cannot be read: {error}") from None


def _check_rows(tensor: Tensor, recipe: Recipe, rows: _core.Rows) -> None:
    if not recipe.draws:
        raise TypeError("streams is given to a function that draws nothing; accepted are those that draw")
    if tensor.ndim == 0:
        raise ValueError("tensor has no axes; accepted with streams= is a tensor of one axis or more")
    if len(rows) != tensor.shape[0]:
        raise ValueError(
            f"streams has {len(rows)} streams, and tensor has shape={tuple(tensor.shape)}; accepted is one for each "
            "index of tensor's first axis"
        )


def _dtype_of(tensor: Tensor, recipe: Recipe, **complex_by: str) -> np.dtype[Any]:
    if tensor.dtype in _REALS or not recipe.draws or str(tensor.dtype).removeprefix("torch.") in recipe.dtypes:
        dtype = numpy_dtype(tensor.dtype)
        if dtype is not None:
            return dtype
    names = recipe.dtypes if recipe.draws else sorted(BY_NAME)
    accepted = ", ".join(f"torch.{name}" for name in names)
    more = recipe.if_complex(tensor.is_complex(), **complex_by)
    raise TypeError(f"tensor has dtype {tensor.dtype}; accepted are {accepted}{more}")


def numpy_dtype(dtype: torch.dtype) -> np.dtype[Any] | None:
    """The dtype as NumPy has it, with ml_dtypes; None if neither has it."""
    if dtype not in _NUMPY:  # torch.compile warns of functools.cache
        name, known = str(dtype).removeprefix("torch."), None
        if name in BY_NAME:
            with suppress(AttributeError):  # complex32 came with ml_dtypes 0.6
                known = dtype_named(name, "torch")
        _NUMPY[dtype] = known
    return _NUMPY[dtype]


# ---- Memory ----------------------------------------------------------------------------------------------------------


def check(target: Target) -> None:
    """Raises what the fill of a tensor would raise, but for what depends on its memory."""
    drawn = target.drawn
    drawn.check()
    if drawn.stream is not None:
        fastinit.stream_number(drawn.stream)
    for part in target.parts:
        like = np.broadcast_to(np.zeros((), drawn.dtype), tuple(part.tensor.shape))
        where = drawn.where(like, part.offset)
        _core.block_of(like, where.get("offset"), where.get("global_shape"), where.get("streams"))


def fill(target: Target, generator: fastinit.Generator) -> None:
    """Fills all parts from one stream, or from one for each row, after every check."""
    drawn = target.drawn
    arrays = [memory_of(part.tensor, drawn.recipe, generator) for part in target.parts]
    if len(arrays) != 1 or arrays[0] is None:
        check(target)
        if drawn.recipe.draws:  # what does not, takes no stream
            seed, stream = generator._address(drawn.stream if drawn.streams is None else 0)
            drawn = replace(drawn, stream=stream)
            # All parts by one seed, whatever other threads do; a subclass may draw otherwise, and has to do it itself.
            generator = fastinit.Generator(seed) if type(generator) is fastinit.Generator else generator
    for part, array in zip(target.parts, arrays, strict=True):
        fill_part(part, array, drawn, generator)
    count_write(target.tensor)


def fill_part(part: Part, array: Memory | None, drawn: Drawn, generator: fastinit.Generator) -> None:
    """Fills one part, whose memory is the array or, if that is None, one that only PyTorch writes to."""
    if array is None:
        _fill_elsewhere(part, drawn, generator)
    else:
        drawn.fill(array, part.offset, generator)


def memory_of(tensor: Tensor, recipe: Recipe, generator: fastinit.Generator) -> Memory | None:
    """The memory of a tensor where a recipe fills it: of the CPU, or of a CUDA device; None if neither can be."""
    if not is_cuda(tensor):
        return array_of(tensor)
    if _is_lazy_view(tensor):
        return None
    memory = device_array_of(tensor)  # or why it has none
    if recipe.is_whole or _is_own(generator, recipe.scheme):
        return None  # NumPy computes it, or code of the user's, which is written for arrays
    from fastinit.gpu import launch

    return memory if launch.serves(device_number(tensor)) else None


def _is_own(generator: fastinit.Generator, scheme: str) -> bool:
    """Whether a subclass, or who has the generator, has put another method in the place of fastinit's."""
    method = getattr(getattr(generator, scheme), "__func__", None)
    return method is not getattr(fastinit.Generator, scheme)


def is_cuda(tensor: Tensor) -> bool:
    """Whether it lies on a CUDA device, and not on one of ROCm's, which PyTorch calls so too."""
    return bool(tensor.is_cuda) and torch.version.hip is None


def device_number(tensor: Tensor) -> int:
    """CUDA's number of the device that a tensor lies on."""
    return int(tensor.device.index)


def array_of(tensor: Tensor) -> np.ndarray[Any, Any] | None:
    """The memory of a tensor as an array; None if it lies on another device or holds other values than the tensor's."""
    if not tensor.is_cpu or _is_lazy_view(tensor):
        return None
    dtype = numpy_dtype(tensor.dtype)
    assert dtype is not None  # as target_of has seen
    return _borrowed(tensor, dtype)


def _is_lazy_view(tensor: Tensor) -> bool:
    """Whether its memory holds other values than its own; an error if it has none, which copy_ would not notice."""
    if not (tensor.is_neg() or tensor.is_conj()):
        return False
    dtype = numpy_dtype(tensor.dtype)
    assert dtype is not None  # as target_of has seen
    _borrowed(tensor, dtype)
    return True


def device_array_of(tensor: Tensor, label: str = "tensor", counts: bool = False) -> "DeviceArray":
    """
    The memory of a tensor on a CUDA device, ready on that device's current stream.

    Errors call the tensor by the label. Whether its fills count for autograd, or who fills it counts them.
    """
    from fastinit.gpu.arrays import LEGACY, DeviceArray, checked

    if not is_cuda(tensor):
        of_rocm = " of a ROCm build of PyTorch" if tensor.is_cuda else ""
        raise TypeError(f"{label} is on the device {tensor.device}{of_rocm}; accepted is a CUDA device")
    _check_kind(tensor, label)
    if is_dtensor(tensor):
        raise TypeError(f"{label} is a DTensor, of which this process holds shards; fastinit.torch fills those")
    dtype = numpy_dtype(tensor.dtype)
    if dtype is None:
        raise TypeError(f"{label} has dtype {tensor.dtype}; accepted are {', '.join(sorted(BY_NAME))}")
    for lazily, done in ((tensor.is_neg(), "neg"), (tensor.is_conj(), "conj")):
        if lazily:
            raise TypeError(
                f"{label} is a lazy view, whose memory holds other values than its own: is_{done}() is true; accepted "
                f"is the tensor of which it is one, or the copy {label}.resolve_{done}()"
            )
    memory = _borrowed(tensor, dtype, label)
    return checked(
        DeviceArray(
            tensor,
            address=memory.__array_interface__["data"][0] if memory.size else 0,
            shape=memory.shape,
            strides=memory.strides,
            dtype=dtype,
            device=device_number(tensor),
            # PyTorch calls the legacy default stream 0, which the driver may be told to read as another.
            stream=current_stream(tensor.device) or LEGACY,
            written=(lambda: count_write(tensor)) if counts else None,
        ),
        label,
    )


def current_stream(device: torch.device) -> int:
    """The handle of the stream on which the device does what PyTorch asks of it."""
    return int(torch.cuda.current_stream(device).cuda_stream)


def _borrowed(tensor: Tensor, dtype: np.dtype[Any], label: str = "tensor") -> np.ndarray[Any, Any]:
    """
    The memory of a tensor as an array; if it is not the CPU's, an array of which no element can be read.

    It is borrowed by its address. Tensor.numpy() would make the storage one that can never be resized again, as FSDP
    and out= do, and would hand out memory that resize_ has freed.
    """
    try:
        storage = tensor.untyped_storage()
        # A FakeTensor's storage is on the meta device; to ask for its address is a warning.
        has_memory = type(tensor) in _PLAIN or storage.device.type != "meta"
        address = tensor.data_ptr() if has_memory else 0
    except RuntimeError as error:  # inside torch.vmap, for instance
        raise TypeError(f"{label} is a {type(tensor).__name__}, whose memory cannot be written to: {error}") from None
    held = storage.nbytes()
    available = held - tensor.storage_offset() * dtype.itemsize
    if not address and held and tensor.numel():
        raise TypeError(f"{label} is a {type(tensor).__name__}, whose memory cannot be written to: it has none")
    try:
        return _core.borrowed(address, available, tensor.shape, tensor.stride(), dtype, tensor)
    except ValueError:
        raise ValueError(
            f"{label} of shape {tuple(tensor.shape)} has a storage of {held} bytes, less than it needs: its memory was "
            "freed, as FSDP frees the parameters that it has sharded; accepted is a tensor that has its memory"
        ) from None


def _fill_elsewhere(part: Part, drawn: Drawn, generator: fastinit.Generator) -> None:
    """Fills a part through a buffer on the CPU: a piece at a time, or at once what is computed at once."""
    local = part.tensor.detach()
    blocks = list(replace(drawn, shape=tuple(local.shape)).pieces(BUFFER))
    most = max((math.prod(size) for _, size in blocks), default=0)
    buffer = torch.empty(most, dtype=local.dtype, device="cpu", pin_memory=local.is_cuda)
    for start, size in blocks:
        piece = buffer[: math.prod(size)].view(size)
        offset = tuple(map(sum, zip(part.offset, start, strict=True)))
        fill_part(Part(piece, offset), array_of(piece), drawn, generator)
        local[tuple(slice(first, first + n) for first, n in zip(start, size, strict=True))].copy_(piece)


def count_write(tensor: Tensor) -> None:
    """Tells autograd that the tensor was written to, as PyTorch's own in-place functions do."""
    torch.autograd.graph.increment_version(tensor)


# ---- Shards ----------------------------------------------------------------------------------------------------------


def is_dtensor(tensor: Tensor) -> bool:
    """Whether it is a DTensor; none is where that module was not imported, which takes a while."""
    module = sys.modules.get("torch.distributed.tensor")
    return module is not None and isinstance(tensor, module.DTensor)


def _shards(tensor: Any) -> Iterator[Part]:
    """The parts of a DTensor that this process holds: one, or several with _StridedShard, or none."""
    coordinate = tensor.device_mesh.get_coordinate()
    if coordinate is None:  # this process is not in the mesh
        return
    with torch.no_grad():
        local = tensor.to_local()
    axes: list[_Runs] = [[range(size)] for size in tensor.shape]
    for mesh_axis in _sharding_order(tensor):
        placement, count = tensor.placements[mesh_axis], tensor.device_mesh.size(mesh_axis)
        kind = type(placement).__name__
        if kind in ("Shard", "_StridedShard"):
            stripes = placement.split_factor if kind == "_StridedShard" else 1
            axes[placement.dim] = shard_of(axes[placement.dim], stripes, count, coordinate[mesh_axis])
        elif kind != "Replicate" and count > 1:
            raise ValueError(
                f"tensor is a DTensor with placements {tensor.placements}; accepted are Shard and Replicate"
            )
    shape = tuple(sum(map(len, runs)) for runs in axes)
    if shape != tuple(local.shape):
        raise ValueError(
            f"tensor is a DTensor whose shard here has shape {tuple(local.shape)}; its placements {tensor.placements} "
            f"make it {shape}"
        )
    for block in itertools.product(*map(_located, axes)):
        place = tuple(slice(first, first + len(run)) for first, run in block)
        yield Part(local[place], tuple(run.start for _, run in block))


def _sharding_order(tensor: Any) -> Sequence[int]:
    """The axes of the mesh in the order in which they cut the tensor: from left to right, if it says nothing else."""
    order = getattr(tensor._spec, "shard_order", None)
    axes = range(tensor.device_mesh.ndim)
    if not order:
        return axes
    named = [axis for entry in order for axis in entry.mesh_dims]
    return [*named, *(axis for axis in axes if axis not in named)]


def shard_of(runs: _Runs, stripes: int, count: int, index: int) -> _Runs:
    """
    Shard number index of count, of an axis of which these runs are left: a part of each stripe.

    Stripes and shards are as torch.chunk cuts: ceil(size / count) each, the last ones smaller or empty. One stripe is
    Shard, several are _StridedShard.
    """
    return [run for stripe in range(stripes) for run in _chunk(_chunk(runs, stripes, stripe), count, index)]


def _chunk(runs: _Runs, count: int, index: int) -> _Runs:
    size = -(-sum(map(len, runs)) // count)
    first, last = size * index, size * (index + 1)
    cut = [run[max(first - at, 0) : max(last - at, 0)] for at, run in _located(runs)]
    return [run for run in cut if run]


def _located(runs: _Runs) -> list[tuple[int, range]]:
    """The runs, each with its place in the shard."""
    places = itertools.accumulate(map(len, runs), initial=0)
    return list(zip(places, runs, strict=False))
