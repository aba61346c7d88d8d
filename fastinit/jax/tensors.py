"""From a key and a recipe to a jax.Array, sharded, committed, traced or under vmap, as JAX's own draws are."""

import functools
from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from typing import Any, SupportsIndex, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jax.nn.initializers import Initializer
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from fastinit import _core
from fastinit.draw import Drawn, Shape
from fastinit.jax import devices
from fastinit.recipe import Recipe

_Index: TypeAlias = tuple[slice, ...]

_COMPLEX_BY = 'normal and by variance_scaling(..., "normal"), which are not truncated'


def initialiser(recipe: Recipe | Callable[[Shape], Recipe], dtype: Any) -> Initializer:
    """The function that draws by a recipe, or by the one for a shape; its default dtype is that one."""

    def init(key: Any, shape: Sequence[SupportsIndex], dtype: Any = dtype, out_sharding: Any = None) -> Any:
        drawn = drawn_as(recipe, shape, dtype, out_sharding)
        if more := drawn.recipe.if_complex(drawn.dtype.kind == "c", _COMPLEX_BY):
            raise TypeError(f"dtype={drawn.dtype}; accepted are {', '.join(drawn.recipe.dtypes)}{more}")
        drawn.check()
        sharding = _sharding(out_sharding)
        words = _words(key)
        if isinstance(words, jax.core.Tracer):
            return _staged(drawn, sharding, words)
        drawn = _of_key(drawn, np.asarray(words))
        return _placed(drawn, key) if sharding is None else assembled(drawn, _concrete(sharding))

    return init


def drawn_as(
    recipe: Recipe | Callable[[Shape], Recipe], shape: Sequence[SupportsIndex], dtype: Any, out_sharding: Any = None
) -> Drawn:
    """What a recipe draws of the shape and dtype that JAX would make of these, with its rules, defaults and errors."""
    like = _like(shape, dtype, out_sharding)
    return Drawn(recipe if isinstance(recipe, Recipe) else recipe(like.shape), like.shape, like.dtype)


def _like(shape: Sequence[SupportsIndex], dtype: Any, out_sharding: Any) -> Any:
    is_plain = isinstance(shape, (tuple, list)) and all(type(size) is int for size in shape)  # 3.0 == 3 is no size
    if is_plain and isinstance(dtype, Hashable) and out_sharding is None:
        return _remembered(tuple(shape), dtype, jax.config.jax_enable_x64)
    return _asked(shape, dtype, out_sharding)


def _asked(shape: Sequence[SupportsIndex], dtype: Any, out_sharding: Any) -> Any:
    if any(map(_core.is_bool, shape if isinstance(shape, (tuple, list)) else (shape,))):
        raise TypeError(f"shape={shape!r}; accepted are integers, not bools")
    return jax.eval_shape(lambda: jnp.zeros(shape, dtype, out_sharding=out_sharding))


@functools.lru_cache(maxsize=4096)
def _remembered(shape: Shape, dtype: Any, x64: bool) -> Any:
    """Asking JAX takes three times as long as all else for a small array."""
    return _asked(shape, dtype, None)


# ---- Keys ------------------------------------------------------------------------------------------------------------


def _words(key: Any) -> Any:
    """The words of a key: of one, not of an array of keys."""
    try:
        words = jax.random.key_data(key)
    except TypeError as error:
        raise TypeError(f"key={key!r}; accepted is a key as jax.random.key makes it ({error})") from None
    if words.ndim != 1:
        raise ValueError(f"key is an array of keys, of shape={words.shape[:-1]}; accepted is one, see jax.vmap")
    if words.size > 4:
        raise ValueError(f"key has {words.size} words; accepted are keys of up to four, a seed and a stream")
    return words


def _of_key(drawn: Drawn, words: np.ndarray[Any, Any]) -> Drawn:
    """The seed is the first two words of a key, the stream the others, if it has any, less the highest bit."""
    seed, stream = (int.from_bytes(part.astype(">u4").tobytes(), "big") for part in (words[:2], words[2:]))
    return replace(drawn, seed=seed, stream=stream % 2**63)


def _placed(drawn: Drawn, key: Any) -> Any:
    """The array where JAX's draws are: on the devices that the key is committed to, or else the default one."""
    if getattr(key, "committed", False):
        made = devices.sharded(drawn, key.sharding) if key.sharding.is_fully_replicated else None
        return jax.device_put(drawn.array(), key.sharding) if made is None else made
    if not jax.sharding.get_abstract_mesh().empty:
        return jnp.asarray(drawn.array())  # on all devices of the mesh
    return on_default_device(drawn)


def on_default_device(drawn: Drawn) -> Any:
    """The array on the device where JAX puts what is told none, to which it is not committed."""
    made = devices.unsharded(drawn)
    return jax.device_put(drawn.array()) if made is None else made  # asarray would copy it


# ---- Shards ----------------------------------------------------------------------------------------------------------


def check_fit(drawn: Drawn, sharding: Any) -> None:
    """ValueError if the sharding does not cut the tensor into equal shards."""
    try:
        sharding.shard_shape(drawn.shape)
    except (IndexError, ValueError) as error:
        raise ValueError(f"sharding={sharding} does not fit shape={drawn.shape}: {error}") from None


def assembled(drawn: Drawn, sharding: Any) -> Any:
    """The array whose shards are drawn apart, replicated ones once; on CUDA devices each on its own."""
    made = devices.sharded(drawn, sharding)
    if made is not None:
        return made
    whole = functools.cache(drawn.array)

    @functools.cache
    def block(*bounds: tuple[int, int, int]) -> np.ndarray[Any, Any]:
        return drawn.block(tuple(slice(*each) for each in bounds))

    def shard(index: _Index) -> np.ndarray[Any, Any]:
        if drawn.recipe.is_whole:
            return whole()[index]
        return block(*(axis.indices(size) for axis, size in zip(index, drawn.shape, strict=True)))

    return jax.make_array_from_callback(drawn.shape, sharding, shard, drawn.dtype)


def _sharding(out_sharding: Any) -> Any:
    """What an initialiser was given, as a NamedSharding; None where there are no axes of a mesh to shard over."""
    if isinstance(out_sharding, PartitionSpec):
        out_sharding = NamedSharding(jax.sharding.get_abstract_mesh(), out_sharding)
    return out_sharding if out_sharding is not None and out_sharding.mesh.abstract_mesh.explicit_axes else None


def _concrete(sharding: Any) -> Any:
    """The sharding with its devices."""
    return sharding if isinstance(sharding.mesh, Mesh) else NamedSharding(jax.sharding.get_mesh(), sharding.spec)


# ---- Programs --------------------------------------------------------------------------------------------------------


def _staged(drawn: Drawn, sharding: Any, words: Any) -> Any:
    """The values for a key that is traced: the compiled program calls back for them, device by device if sharded."""
    if sharding is None or sharding.is_fully_replicated or drawn.recipe.is_whole:
        whole = _called_back(drawn, drawn.shape, words, [0] * len(drawn.shape))
        return whole if sharding is None else jax.sharding.reshard(whole, sharding)
    axes = (*sharding.spec, *[None] * (len(drawn.shape) - len(sharding.spec)))

    def block(words: Any) -> Any:
        place = [0 if names is None else jax.lax.axis_index(names) for names in axes]
        return _called_back(drawn, sharding.shard_shape(drawn.shape), words, place)

    return jax.shard_map(block, mesh=sharding.mesh, in_specs=PartitionSpec(), out_specs=sharding.spec)(words)


@functools.partial(jax.jit, static_argnums=(0, 1))
def _called_back(drawn: Drawn, shape: Shape, words: Any, place: list[Any]) -> Any:
    def blocks(words: Any, place: Any) -> np.ndarray[Any, Any]:
        return _blocks(drawn, shape, words, place)

    result = jax.ShapeDtypeStruct(shape, drawn.dtype)
    values = jax.pure_callback(blocks, result, words, jnp.array(place, np.int32), vmap_method="broadcast_all")
    # What a callback returns is on one of the program's devices; only behind the barrier may it be on all of them.
    return jax.lax.optimization_barrier(values)


def _blocks(drawn: Drawn, shape: Shape, words: Any, place: Any) -> np.ndarray[Any, Any]:
    """The block of that shape at a place among the equal blocks of a tensor, for each key of a batch."""
    words, offset = np.asarray(words), np.asarray(place, np.int64) * np.array(shape, np.int64)
    out = np.empty((*words.shape[:-1], *shape), drawn.dtype)
    for i in np.ndindex(words.shape[:-1]):
        _of_key(drawn, words[i]).fill(out[(*i, ...)], offset[i].tolist())
    return out
