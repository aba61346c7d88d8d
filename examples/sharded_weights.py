"""
The weights of a model that is cut over 1, 2 or 4 processes, filled by PyTorch and by fastinit.

    torchrun --nproc-per-node 4 examples/sharded_weights.py

One process holds the model whole; two cut it by FSDP2 (fully_shard); four by tensor parallelism over two and FSDP2
over two. Prints a digest of each global weight, which for fastinit does not depend on the number of processes.
docs/pytorch.md explains.
"""

import hashlib
from collections.abc import Iterator
from typing import Any

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor.parallel import ColwiseParallel, RowwiseParallel, parallelize_module

import fastinit.torch as init

SEED = 0
RULES = {"*.bias": "zeros", "embedding.weight": ("normal", 0.0, 0.02), (nn.Linear, "weight"): "he_normal"}


class Block(nn.Module):
    """What a transformer repeats; its sizes are odd, so that shards are of different sizes."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(1001, 64)
        self.up = nn.Linear(64, 254)
        self.down = nn.Linear(254, 64)
        self.norm = nn.LayerNorm(64)


def sharded_block() -> Block:
    """A block without values, of which this process holds its part."""
    with torch.device("meta"):
        model = Block()
    processes = dist.get_world_size()
    if processes == 4:
        mesh = init_device_mesh("cpu", (2, 2), mesh_dim_names=("data", "tensor"))
        parallelize_module(model, mesh["tensor"], {"up": ColwiseParallel(), "down": RowwiseParallel()})
        fully_shard(model, mesh=mesh["data"])
    elif processes > 1:
        fully_shard(model, mesh=init_device_mesh("cpu", (processes,)))
    model.to_empty(device="cpu")
    return model


def fill_by_torch(model: Block) -> None:
    """As training scripts do it: one seed for all processes, then the layers in turn."""
    torch.manual_seed(SEED)
    nn.init.normal_(model.embedding.weight, 0.0, 0.02)
    for layer in (model.up, model.down):
        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")


def fill_by_fastinit(model: Block) -> None:
    """Each parameter by its name."""
    init.init_module_(model, RULES, seed=SEED)


def digests(model: Block) -> Iterator[tuple[str, str]]:
    """A short digest of the bytes of each global weight, from all processes' parts."""
    for name, parameter in model.named_parameters():
        if not name.startswith("norm") and name.endswith("weight"):
            whole: Any = parameter.full_tensor() if hasattr(parameter, "full_tensor") else parameter
            yield name, hashlib.sha256(whole.detach().contiguous().numpy().tobytes()).hexdigest()[:12]


def main() -> None:
    """Prints a table, on the first process."""
    dist.init_process_group("gloo")
    for title, fill in (("torch.nn.init", fill_by_torch), ("fastinit", fill_by_fastinit)):
        model = sharded_block()
        fill(model)
        row = "  ".join(f"{name} {digest}" for name, digest in digests(model))
        if dist.get_rank() == 0:
            print(f"{title:13}  {dist.get_world_size()} of  {row}", flush=True)
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
