"""From a seed and a recipe to a tensor of Keras's backend, distributed and traced as Keras's own are."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import keras
import numpy as np

import fastinit
from fastinit.draw import Drawn


def tensor_of(drawn: Drawn, draw_words: Callable[[], Any], layout: Any, like: Any) -> Any:
    """
    The tensor, of the dtype of that one, distributed if there is a layout.

    draw_words tells the seed: its low and its high 32 bits.
    """
    backend = keras.backend.backend()
    if backend == "jax":
        return _jax_array(drawn, draw_words, layout, like)
    drawn = _seeded(drawn, draw_words())
    values = _torch_tensor(drawn, like) if backend == "torch" else drawn.array()
    return _distributed(keras.ops.convert_to_tensor(values, dtype=like.dtype), layout)


def _seeded(drawn: Drawn, words: Any) -> Drawn:
    low, high = keras.ops.convert_to_numpy(words).astype(np.uint32).tolist()  # PyTorch's are signed
    return replace(drawn, seed=low + (high << 32))


def _distributed(values: Any, layout: Any) -> Any:
    return values if layout is None else keras.distribution.distribute_tensor(values, layout)


def _torch_tensor(drawn: Drawn, like: Any) -> Any:
    """
    The values in memory of PyTorch's: its storage can be resized, which that of a NumPy array cannot.

    On the device of that tensor, if it can be filled there, or else on the CPU.
    """
    import torch

    from fastinit.torch.tensors import array_of, memory_of

    generator = fastinit.Generator(drawn.seed)
    can_be_filled = memory_of(like, drawn.recipe, generator) is not None
    values = torch.empty(drawn.shape, dtype=like.dtype, device=like.device if can_be_filled else "cpu")
    memory: Any = memory_of(values, drawn.recipe, generator) if can_be_filled else array_of(values)
    drawn.fill(memory, (), generator)
    return values


def _jax_array(drawn: Drawn, draw_words: Callable[[], Any], layout: Any, like: Any) -> Any:
    import jax

    if isinstance(like, jax.core.Tracer):
        # The program calls back when it runs: tracing, which is often for the shape alone, fills nothing.
        result = jax.ShapeDtypeStruct(drawn.shape, drawn.dtype)
        values = jax.pure_callback(
            lambda words: _seeded(drawn, words).array(), result, draw_words(), vmap_method="sequential"
        )
        return _distributed(values, layout)
    if layout is None:
        from fastinit.jax.tensors import on_default_device

        return on_default_device(_seeded(drawn, draw_words()))
    return _jax_shards(drawn, draw_words, getattr(layout, "backend_layout", layout))


def _jax_shards(drawn: Drawn, draw_words: Callable[[], Any], sharding: Any) -> Any:
    import jax

    from fastinit.jax.tensors import assembled, check_fit

    if isinstance(getattr(sharding, "mesh", None), jax.sharding.AbstractMesh):
        # Keras names no devices, and asks for explicit axes, which the state of a SeedGenerator has not.
        sharding = jax.sharding.NamedSharding(jax.sharding.get_mesh(), sharding.spec)
        with jax.sharding.use_abstract_mesh(sharding.mesh.abstract_mesh):
            return _jax_shards(drawn, draw_words, sharding)
    check_fit(drawn, sharding)
    return assembled(_seeded(drawn, draw_words()), sharding)
