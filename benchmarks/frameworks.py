"""
Whole models: `python benchmarks/frameworks.py [torch|jax]`.

All parameters of GPT-2 (124 million) and of ResNet-50 (26 million), float32, filled by torch.nn.init or
jax.nn.initializers and by fastinit, in turn in one run; on one thread and on all. PyTorch and JAX are measured in
processes of their own, so that neither's threads disturb the other. Memory is allocated beforehand where the framework
lets one.
"""

import os
import subprocess
import sys
from collections.abc import Callable
from statistics import median, quantiles
from typing import Any

from fastinit.bench import measure
from fastinit.bench.models import MODELS, Model, Parameter

EFFORT = measure.Effort(rounds=9, batch_seconds=1e-3, case_seconds=60)


# ---- PyTorch ---------------------------------------------------------------------------------------------------------


def torch_statements(chosen: Model) -> tuple[dict[str, str], dict[str, Any]]:
    """Both sides' statements over the same tensors, and the names in them."""
    import torch

    import fastinit.torch as init

    parameters, model, tensors = list(chosen.parameters()), torch.nn.Module(), []
    for each in parameters:
        owner = model
        *path, local_name = each.name.split(".")
        for part in path:
            if not hasattr(owner, part):
                owner.add_module(part, torch.nn.Module())
            owner = getattr(owner, part)
        setattr(owner, local_name, torch.nn.Parameter(torch.zeros(each.shape)))
        tensors.append(getattr(owner, local_name))

    def loop(functions: Any) -> None:
        for each, tensor in zip(parameters, tensors, strict=True):
            CALLS[each.kind](functions, tensor, each)

    names = {"loop": loop, "theirs": torch.nn.init, "init": init, "model": model, "rules": chosen.rules}
    return {
        "torch.nn.init": "loop(theirs)",
        "fastinit.torch, the same functions": "loop(init)",
        "init_module_": "init.init_module_(model, rules, seed=0)",
    }, names


CALLS: dict[str, Callable[[Any, Any, Parameter], Any]] = {
    "normal": lambda init, tensor, each: init.normal_(tensor, 0.0, each.std),
    "he": lambda init, tensor, each: init.kaiming_normal_(tensor, mode="fan_out", nonlinearity="relu"),
    "ones": lambda init, tensor, each: init.ones_(tensor),
    "zeros": lambda init, tensor, each: init.zeros_(tensor),
}


# ---- JAX -------------------------------------------------------------------------------------------------------------


def jax_statements(chosen: Model) -> tuple[dict[str, str], dict[str, Any]]:
    """JAX's initialisers one by one and compiled as one function, and fastinit's; new arrays, as JAX has no others."""
    import jax
    import numpy as np

    import fastinit.jax as init

    parameters = list(chosen.parameters())
    jitted = jax.jit(lambda key: drawn(jax.nn.initializers, parameters, key))
    names = {
        "jax": jax,
        "eager": lambda functions: jax.block_until_ready(drawn(functions, parameters, jax.random.key(0))),
        "jitted": lambda: jax.block_until_ready(jitted(jax.random.key(0))),
        "init": init,
        "np": np,
        "parameters": parameters,
    }
    names["jitted"]()
    return {
        "jax.nn.initializers": "eager(jax.nn.initializers)",
        "jax.nn.initializers, jitted": "jitted()",
        "fastinit.jax": "eager(init)",
        "ones in new memory, by NumPy": "[np.ones(each.shape, np.float32) for each in parameters]",
    }, names


def drawn(functions: Any, parameters: list[Parameter], key: Any) -> list[Any]:
    """The arrays, each from a key of its own."""
    import jax

    keys = jax.random.split(key, len(parameters))
    return [JAX_CALLS[each.kind](functions, each)(key, each.shape) for key, each in zip(keys, parameters, strict=True)]


JAX_CALLS: dict[str, Callable[[Any, Parameter], Any]] = {
    "normal": lambda init, each: init.normal(each.std),
    "he": lambda init, each: init.variance_scaling(2.0, "fan_out", "normal", in_axis=1, out_axis=0),
    "ones": lambda init, each: init.ones,
    "zeros": lambda init, each: init.zeros,
}


# ---- The run ---------------------------------------------------------------------------------------------------------


def report(framework: str, threads: int) -> None:
    """Measures one framework, in this process, and prints a table."""
    import fastinit

    fastinit.set_num_threads(threads)
    if framework == "torch":
        import torch

        torch.set_num_threads(threads)
    for title, model in MODELS.items():
        statements, names = STATEMENTS[framework](model)
        seconds = measure.interleaved(statements, names, EFFORT)
        first = next(iter(statements))
        for side, rounds in seconds.items():
            low, _, high = quantiles(rounds, n=4)
            ratio = median(theirs / own for theirs, own in zip(seconds[first], rounds, strict=True))
            spread = f"{low * 1e3:.1f} to {high * 1e3:.1f}"
            print(
                f"{title:15}  {side:34}  {threads:7}  {median(rounds) * 1e3:8.1f}  {spread:>16}  {ratio:6.1f} x",
                flush=True,
            )


STATEMENTS = {"torch": torch_statements, "jax": jax_statements}


def main() -> None:
    """Runs each framework with one thread and with all, each in a process that can use as many CPUs."""
    print(f"{'model':15}  {'filled by':34}  {'threads':>7}  {'ms':>8}  {'middle half':>16}  {'ratio':>8}", flush=True)
    cpus = sorted(os.sched_getaffinity(0))
    for framework in sys.argv[1:] or STATEMENTS:
        for count in sorted({1, len(cpus)}):
            start = f"import os; os.sched_setaffinity(0, {cpus[:count]}); import frameworks; "
            run = f"frameworks.report({framework!r}, {count})"
            folder = os.path.dirname(os.path.abspath(__file__))
            subprocess.run(
                [sys.executable, "-c", f"import sys; sys.path.insert(0, {folder!r}); {start}{run}"], check=True
            )


if __name__ == "__main__":
    main()
