"""init_module_: every parameter of a module, by its name as stream and by rules that give it a scheme."""

import math
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from fnmatch import fnmatchcase
from typing import Any, NamedTuple, SupportsIndex, TypeAlias

import torch
from torch import nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.conv import _ConvNd
from torch.nn.modules.linear import NonDynamicallyQuantizableLinear

import fastinit
from fastinit.recipe import Recipe, first_matches, listed
from fastinit.torch.tensors import Target, Tensor, array_of, count_write, fill_part, target_of

Module: TypeAlias = nn.Module
_Choice: TypeAlias = Recipe | None  # None leaves the parameter as it is

_WRAPPERS = frozenset(("_orig_mod", "_checkpoint_wrapped_module"))  # what torch.compile and checkpointing add to names


class Owned(NamedTuple):
    """A parameter where it was found first, and its other names."""

    tensor: Tensor
    module: Module
    local_name: str
    aliases: list[str]


class Filled(NamedTuple):
    """
    What ``init_module_`` did to a parameter.

    ``scheme`` is the name of fastinit's function, None if the parameter was left as it is, and ``arguments`` its
    arguments; ``rule`` what chose it; ``aliases`` the other names of a tied parameter.
    """

    scheme: str | None
    arguments: dict[str, Any]
    rule: str
    shape: tuple[int, ...]
    dtype: torch.dtype
    aliases: tuple[str, ...]

    def __str__(self) -> str:
        return str(Recipe(self.scheme, self.arguments)) if self.scheme else "left as it is"


# ---- What PyTorch's own constructors draw ----------------------------------------------------------------------------


def _uniform(bound: float) -> Recipe:
    return Recipe.of("uniform", -bound, bound)


def _linear(module: Any, name: str) -> Recipe:
    """U(-1 / sqrt(fan_in), 1 / sqrt(fan_in)) for the weight and for the bias."""
    return _uniform(1 / math.sqrt(max(fastinit.fans(module.weight.shape, "torch").fan_in, 1)))


def _attention_output(module: Any, name: str) -> Recipe:
    return _linear(module, name) if name == "weight" else Recipe.of("zeros")


def _bilinear(module: Any, name: str) -> Recipe:
    return _uniform(1 / math.sqrt(max(module.weight.shape[1], 1)))


def _recurrent(module: Any, name: str) -> Recipe:
    return _uniform(1 / math.sqrt(max(module.hidden_size, 1)))


def _norm(module: Any, name: str) -> Recipe:
    return Recipe.of("ones" if name == "weight" else "zeros")


def _attention(module: Any, name: str) -> Recipe:
    by_name = {"in_proj_bias": Recipe.of("zeros"), "bias_k": _ATTENTION_BIAS, "bias_v": _ATTENTION_BIAS}
    return by_name.get(name, Recipe.of("xavier_uniform", layout="torch"))


_ATTENTION_BIAS = Recipe.of("xavier_normal", layout="torch")
_WEIGHT_AND_BIAS = r"weight|bias"
_IN_PROJECTION = r"in_proj_(weight|bias)|[qkv]_proj_weight|bias_[kv]"

# Types of modules, the parameters that are theirs and not a subclass', and what those are filled with.
_DEFAULTS: tuple[tuple[tuple[type, ...], str, Callable[[Any, str], Recipe]], ...] = (
    ((NonDynamicallyQuantizableLinear,), _WEIGHT_AND_BIAS, _attention_output),  # that of MultiheadAttention
    ((nn.Linear, _ConvNd), _WEIGHT_AND_BIAS, _linear),
    ((nn.Bilinear,), _WEIGHT_AND_BIAS, _bilinear),
    ((nn.Embedding, nn.EmbeddingBag), "weight", lambda module, name: Recipe.of("normal")),
    ((nn.LayerNorm, nn.RMSNorm, nn.GroupNorm, _NormBase), _WEIGHT_AND_BIAS, _norm),
    ((nn.RNNBase, nn.RNNCellBase), r"(weight|bias)_(ih|hh|hr).*", _recurrent),
    ((nn.MultiheadAttention,), _IN_PROJECTION, _attention),
    ((nn.PReLU,), "weight", lambda module, name: Recipe.of("constant", module.init)),
)


def _default(owned: Owned) -> Recipe | None:
    for types, names, recipe in _DEFAULTS:
        if isinstance(owned.module, types) and re.fullmatch(names, owned.local_name):
            return recipe(owned.module, owned.local_name)
    return None


# ---- The rules -------------------------------------------------------------------------------------------------------


class _Rule(NamedTuple):
    text: str  # as errors and the report name it
    matches: Callable[[str, Owned], bool]
    choose: Callable[[Owned], _Choice]


def _rule(key: object, spec: object) -> _Rule:
    text, matches = _text(key), _matcher(key)
    with _errors_of(f"rule {text}"):
        return _Rule(text, matches, _chooser(spec))


def _text(key: object) -> str:
    if isinstance(key, type):
        return key.__name__
    if isinstance(key, tuple) and key and isinstance(key[0], type):
        return f"({', '.join((key[0].__name__, *map(repr, key[1:])))})"
    return repr(key)


def _matcher(key: object) -> Callable[[str, Owned], bool]:
    if isinstance(key, str):
        return lambda name, owned: any(fnmatchcase(each, key) for each in (name, *owned.aliases))
    if isinstance(key, type) and issubclass(key, nn.Module):
        return lambda name, owned: isinstance(owned.module, key)
    if isinstance(key, tuple) and len(key) == 2 and isinstance(key[0], type) and isinstance(key[1], str):
        module_type, pattern = key
        return lambda name, owned: isinstance(owned.module, module_type) and fnmatchcase(owned.local_name, pattern)
    raise TypeError(
        f"rules has the key {key!r}; accepted are a pattern of names, a type of module, or a tuple of a type and a "
        "pattern of its parameters' own names"
    )


def _chooser(spec: Any) -> Callable[[Owned], _Choice]:
    if callable(spec):
        return lambda owned: _recipe(spec(owned.module, owned.local_name))
    recipe = _recipe(spec)
    return lambda owned: recipe


def _recipe(spec: object) -> _Choice:
    return None if spec is None else Recipe.parse(spec).with_layout("torch")


# ---- The module ------------------------------------------------------------------------------------------------------


def init_module_(
    module: Module,
    rules: Mapping[Any, Any] | None = None,
    *,
    seed: SupportsIndex | None = None,
    prefix: str = "",
    defaults: bool = True,
    keep_unmatched: bool = False,
) -> dict[str, Filled]:
    """
    Fills all parameters of a module, each by its qualified name as stream and by the first rule that matches it.

    Parameters
    ----------
    module : torch.nn.Module
        On any device but meta, sharded or not.
    rules : mapping, optional
        From what a rule applies to: a pattern of qualified names such as ``"*.bias"`` (as in fnmatch), a type of
        module, or a tuple of a type and a pattern of its parameters' own names, such as ``(nn.Linear, "weight")``. To a
        scheme: the name of a function that fills arrays, or a tuple of the name and its arguments, as in
        Generator.fill, with layout="torch" where a scheme needs fans and is given none; or a function of the module and
        the parameter's own name that returns one; or None, which leaves the parameter as it is. The first rule that
        matches applies.
    seed : int, optional
        In [0, 2**64). Left out: that of the default generator, which fastinit.seed sets; sharded parameters need one.
    prefix : str
        Of the names, as in named_parameters: a part of a model gets what it gets in the whole.
    defaults : bool
        After the rules, what PyTorch's own constructors draw: U(-a, a) with a = 1 / sqrt(fan_in) for the weights and
        biases of Linear and convolutions, N(0, 1) for embeddings, ones and zeros for normalisation layers,
        U(-1 / sqrt(hidden_size), 1 / sqrt(hidden_size)) for recurrent ones, Glorot's for MultiheadAttention.
    keep_unmatched : bool
        Leave parameters that nothing matches as they are, instead of raising an error.

    Returns
    -------
    dict of str to Filled
        What was done, by the qualified names, in the order of module.named_parameters().

    Raises
    ------
    TypeError, ValueError
        If a rule applies to nothing, no rule matches a parameter, a parameter is not a strided float tensor with
        memory, or an argument is not as above; nothing is written then.

    Notes
    -----
    A tied parameter is filled once, under the first of its names. The row of an embedding's ``padding_idx`` is zero,
    and running statistics of normalisation layers are reset; other buffers are left alone. The names that
    torch.compile, activation checkpointing and DistributedDataParallel put around a module do not count.

    Examples
    --------
    >>> import torch, fastinit.torch as init
    >>> model = torch.nn.Sequential(torch.nn.Linear(784, 512), torch.nn.LayerNorm(512), torch.nn.Linear(512, 10))
    >>> rules = {"2.weight": "zeros", (torch.nn.Linear, "weight"): ("he_normal", {"negative_slope": 0.01})}
    >>> for name, done in init.init_module_(model, rules, seed=7).items():
    ...     print(f"{name:8}  {done}")
    0.weight  he_normal(negative_slope=0.01, layout='torch')
    0.bias    uniform(low=-0.03571428571428571, high=0.03571428571428571)
    1.weight  ones()
    1.bias    zeros()
    2.weight  zeros()
    2.bias    uniform(low=-0.044194173824159216, high=0.044194173824159216)
    """
    if not isinstance(module, nn.Module):
        raise TypeError(f"module must be a torch.nn.Module, not {type(module).__name__}")
    generator = fastinit.default_generator if seed is None else fastinit.Generator(seed)
    parameters = _parameters(module, prefix)
    chosen = _choices(parameters, rules or {}, defaults, keep_unmatched)
    recipes = {name: recipe for name, (_, recipe) in chosen.items() if recipe}
    targets = {name: _target(name, parameters[name], recipe) for name, recipe in recipes.items()}
    if seed is None and generator._from_entropy and any(target.is_sharded for target in targets.values()):
        raise ValueError("seed=None with sharded parameters: each process would draw from a seed of its own")
    _fill_all(targets, recipes, generator)
    for name, target in targets.items():
        _clear_padding(parameters[name], target)
    _reset_statistics(module)
    return {name: _report(parameters[name], *chosen[name]) for name in parameters}


def _parameters(module: Module, prefix: str) -> dict[str, Owned]:
    """The parameters of a module, tied ones once, by their names without those of wrappers."""
    if isinstance(module, nn.parallel.DistributedDataParallel):
        module = module.module
    found: dict[str, Owned] = {}
    first_names: dict[int, str] = {}
    for path, owner in module.named_modules(remove_duplicate=False):
        if type(owner).__name__ == "FullyShardedDataParallel":
            raise TypeError("module is wrapped in FullyShardedDataParallel, which flattens parameters; use fully_shard")
        for local_name, tensor in owner._parameters.items():
            if tensor is None:
                continue
            parts = [part for part in (prefix, *path.split("."), local_name) if part and part not in _WRAPPERS]
            name = ".".join(parts)
            if nn.parameter.is_lazy(tensor):
                raise ValueError(f"parameter {name!r} is of a lazy module and has no shape yet; run the module once")
            first = first_names.setdefault(id(tensor), name)
            owned = found.setdefault(first, Owned(tensor, owner, local_name, []))
            if owned.tensor is not tensor:
                raise ValueError(f"two parameters have the name {name!r}, once wrappers are left out of it")
            if first != name:
                owned.aliases.append(name)
    return found


def _choices(
    parameters: Mapping[str, Owned], rules: Mapping[Any, Any], defaults: bool, keep_unmatched: bool
) -> dict[str, tuple[str, _Choice]]:
    """For each parameter, what chose its scheme, and the scheme."""
    if not isinstance(rules, Mapping):
        raise TypeError(f"rules must be a mapping, not {type(rules).__name__}")
    compiled = [_rule(key, spec) for key, spec in rules.items()]
    found = first_matches(parameters, [(rule.text, rule.matches) for rule in compiled])
    chosen: dict[str, tuple[str, _Choice]] = {}
    unmatched = []
    for name, owned in parameters.items():
        i = found[name]
        if i is not None:
            with _errors_of(f"rule {compiled[i].text}"):
                chosen[name] = compiled[i].text, compiled[i].choose(owned)
        elif defaults and (recipe := _default(owned)):
            chosen[name] = f"default of {type(owned.module).__name__}", recipe
        else:
            unmatched.append(name)
            chosen[name] = "no rule", None
    if unmatched and not keep_unmatched:
        raise ValueError(f"no rule matches {listed(unmatched)}; keep_unmatched=True leaves them as they are")
    return chosen


def _target(name: str, owned: Owned, recipe: Recipe) -> Target:
    """The parameter as something to fill, after every check."""
    with _errors_of(f"parameter {name!r}"):
        target = target_of(owned.tensor)
        if owned.tensor.is_meta:
            raise ValueError("it is on the meta device and has no memory; call module.to_empty(device=...) first")
        recipe.check(target.global_shape, target.dtype)
    return target


@contextmanager
def _errors_of(label: str) -> Iterator[None]:
    """Says whose the errors are."""
    try:
        yield
    except (TypeError, ValueError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"{label}: {error}") from None


def _fill_all(targets: Mapping[str, Target], recipes: Mapping[str, Recipe], generator: fastinit.Generator) -> None:
    """Fills what lies in the CPU's memory side by side, then what does not."""
    parts = [(name, part, array_of(part.tensor)) for name, target in targets.items() for part in target.parts]
    specs = [
        (name, recipes[name].spec(array, name, part.offset, targets[name].global_shape))
        for name, part, array in parts
        if array is not None
    ]
    generator._fill(specs, "parameter {!r}")
    for name, part, array in parts:
        if array is None:
            fill_part(part, array, targets[name], recipes[name], generator, name)
    for target in targets.values():
        count_write(target.tensor)


def _clear_padding(owned: Owned, target: Target) -> None:
    """Zeros for the embedding of what stands for nothing."""
    row = getattr(owned.module, "padding_idx", None)
    if row is None or owned.local_name != "weight" or not isinstance(owned.module, (nn.Embedding, nn.EmbeddingBag)):
        return
    with torch.no_grad():
        for part in target.parts:
            local = row - part.offset[0]
            if 0 <= local < part.tensor.shape[0]:
                part.tensor[local].zero_()


def _reset_statistics(module: Module) -> None:
    for each in module.modules():
        if isinstance(each, _NormBase):
            each.reset_running_stats()


def _report(owned: Owned, rule: str, recipe: _Choice) -> Filled:
    scheme, arguments = (recipe.scheme, dict(recipe.arguments)) if recipe else (None, {})
    return Filled(scheme, arguments, rule, tuple(owned.tensor.shape), owned.tensor.dtype, tuple(owned.aliases))
