"""init_module_: every parameter of a module, by its name as stream and by rules that give it a scheme."""

import itertools
import math
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple, SupportsIndex, TypeAlias

import numpy as np
import torch
from torch import nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.conv import _ConvNd
from torch.nn.modules.linear import NonDynamicallyQuantizableLinear

import fastinit
from fastinit.recipe import Recipe
from fastinit.rules import Action, Choice, Item, Owners, Rule, Spellings, errors_of, parse_pairs
from fastinit.text import listed
from fastinit.torch.tensors import Target, Tensor, count_write, fill_part, memory_of, target_of

Module: TypeAlias = nn.Module
_Step: TypeAlias = tuple[str, Module, tuple[Module, ...]]

_FROZEN = "requires_grad=False"  # what leaves a parameter as it is
_WRAPPERS = frozenset(("_orig_mod", "_checkpoint_wrapped_module"))  # of names: by torch.compile and checkpointing


class Owner(NamedTuple):
    """A module that has a parameter, the parameter's name there and in the whole, and the modules around it."""

    name: str
    module: Module
    local_name: str
    around: tuple[Module, ...]  # the outermost first


class Found(NamedTuple):
    """A parameter, and all who have it: several, if it is tied or its module is used more than once."""

    tensor: Tensor
    owners: list[Owner]
    names: list[str]  # the owners' names for it; the first is its stream


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


class Report(dict[str, Filled]):
    """
    What ``init_module_`` did: a ``Filled`` for each parameter, by its qualified name, in the module's order.

    ``unwritten`` are the names of the buffers that it did not write: what is in them, after ``to_empty`` garbage, is
    still there.
    """

    unwritten: tuple[str, ...] = ()

    def __str__(self) -> str:
        width = max(map(len, self), default=0)
        lines = [f"{name:{width}}  {done}  by {done.rule}" for name, done in self.items()]
        return "\n".join([*lines, *(f"buffers not written: {', '.join(self.unwritten)}" for _ in self.unwritten[:1])])


# ---- What PyTorch's own constructors draw ----------------------------------------------------------------------------


def _uniform(bound: float) -> Recipe:
    return Recipe.of("uniform", -bound, bound)


def _by_fan(fan_in: int) -> Recipe:
    """U(-1 / sqrt(fan_in), 1 / sqrt(fan_in)); zeros where nothing comes in."""
    return _uniform(1 / math.sqrt(fan_in) if fan_in else 0.0)


# Fans come from what a module says of itself: its weight may be computed by a parametrisation, packed or cut by ZeRO-3.
def _linear(module: Any, name: str) -> Recipe:
    return _by_fan(module.in_features)


def _convolution(module: Any, name: str) -> Recipe:
    inputs = module.out_channels if module.transposed else module.in_channels  # as torch.nn.init counts them
    return _by_fan(inputs // module.groups * math.prod(module.kernel_size))


def _attention_output(module: Any, name: str) -> Recipe:
    return _linear(module, name) if name == "weight" else Recipe.of("zeros")


def _bilinear(module: Any, name: str) -> Recipe:
    return _by_fan(module.in1_features)


def _recurrent(module: Any, name: str) -> Recipe:
    return _by_fan(module.hidden_size)


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
    ((nn.Linear,), _WEIGHT_AND_BIAS, _linear),
    ((_ConvNd,), _WEIGHT_AND_BIAS, _convolution),
    ((nn.Bilinear,), _WEIGHT_AND_BIAS, _bilinear),
    ((nn.Embedding, nn.EmbeddingBag), "weight", lambda module, name: Recipe.of("normal")),
    ((nn.LayerNorm, nn.RMSNorm, nn.GroupNorm, _NormBase), _WEIGHT_AND_BIAS, _norm),
    ((nn.RNNBase, nn.RNNCellBase), r"(weight|bias)_(ih|hh|hr).*", _recurrent),
    ((nn.MultiheadAttention,), _IN_PROJECTION, _attention),
    ((nn.PReLU,), "weight", lambda module, name: Recipe.of("constant", module.init)),
)


_RESETS = ("reset_parameters", "_reset_parameters")  # as PyTorch names a module's own initialisation


def _default(found: Found) -> tuple[str, Recipe] | None:
    """What PyTorch draws, by the first owner of which it is known, and whose default it is."""
    return next(filter(None, (_default_of(owner, found.tensor) for owner in found.owners)), None)


def _default_of(owner: Owner, tensor: Tensor) -> tuple[str, Recipe] | None:
    for module, inner in itertools.pairwise((*owner.around, owner.module)):
        # The initialisation of these goes over what is inside them, so that one of a subclass's own does, too.
        known = next((each for each in (nn.Transformer, nn.MultiheadAttention) if isinstance(module, each)), None)
        if known and _resets_otherwise(module, known):
            return None
        if known is nn.Transformer and tensor.ndim > 1 and _is_half(module, inner):
            return f"default of {type(module).__name__}", Recipe.of("xavier_uniform", layout="torch")
    for types, names, recipe in _DEFAULTS:
        known = next((each for each in types if isinstance(owner.module, each)), None)
        if known and re.fullmatch(names, owner.local_name) and not _resets_otherwise(owner.module, known):
            with suppress(AttributeError):  # of a subclass that never ran PyTorch's constructor, which sets the sizes
                return f"default of {type(owner.module).__name__}", recipe(owner.module, owner.local_name)
    return None


def _is_half(transformer: Any, module: Module) -> bool:
    """Whether its initialisation went over the module: what a subclass has added, or put in its place, came later."""
    halves = (nn.TransformerEncoder, nn.TransformerDecoder)
    own = (getattr(transformer, name, None) for name in ("encoder", "decoder"))  # a subclass may have deleted one
    return module in own and (type(transformer) is nn.Transformer or isinstance(module, halves))


def _resets_otherwise(module: Module, known: type) -> bool:
    """Whether a subclass has replaced the initialisation of PyTorch's class."""
    return any(getattr(type(module), name, None) is not getattr(known, name, None) for name in _RESETS)


# ---- The rules -------------------------------------------------------------------------------------------------------


# Modules whose weights are not (out, in, *kernel), by the names of their classes, which are not imported.
_LAYOUTS = {("transformers.pytorch_utils", "Conv1D"): "keras"}  # (in, out)
_OWNERS = Owners(nn.Module, "module", "parameter")
_SPELLINGS: Spellings = {None: Action.KEEP}


def _choice(rule: Rule, owner: Owner, item: Item) -> Choice:
    """What a rule says, with the fans of the owner's layout."""
    with errors_of(f"rule {rule.text}"):
        choice = rule.choose(item)
        return choice.with_layout(_layout_of(type(owner.module))) if isinstance(choice, Recipe) else choice


def _layout_of(module_type: type) -> str:
    layouts = (_LAYOUTS.get((each.__module__, each.__qualname__)) for each in module_type.__mro__)
    return next(filter(None, layouts), "torch")


# ---- The module ------------------------------------------------------------------------------------------------------


def init_module_(
    module: Module,
    rules: Mapping[Any, Any] | None = None,
    *,
    seed: SupportsIndex | np.random.SeedSequence | None = None,
    prefix: str = "",
    defaults: bool = True,
    keep_unmatched: bool = False,
) -> Report:
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
        Generator.fill, with the module's layout where a scheme needs fans and is given none; or a function of the
        module and the parameter's own name that returns one; or None, which leaves the parameter as it is. The first
        rule that matches applies.
    seed : int or numpy.random.SeedSequence, optional
        In [0, 2**64). Left out: that of the default generator, which fastinit.seed sets; sharded parameters need one.
    prefix : str
        Of the names, as in named_parameters: a part of a model gets what it gets in the whole, but for tied
        weights whose first name is elsewhere, and for the defaults of a Transformer around the part.
    defaults : bool
        After the rules, what PyTorch's own constructors draw: U(-a, a) with a = 1 / sqrt(fan_in) for the weights and
        biases of Linear and convolutions, N(0, 1) for embeddings, ones and zeros for normalisation layers,
        U(-1 / sqrt(hidden_size), 1 / sqrt(hidden_size)) for recurrent ones, Glorot's for MultiheadAttention and for all
        matrices of a Transformer. Not for a subclass that has a reset_parameters or _reset_parameters of its own.
    keep_unmatched : bool
        Leave parameters that no rule matches as they are: there are no defaults then. Otherwise one that neither a rule
        nor a default matches is an error, unless it is frozen (requires_grad=False): only rules write to those.

    Returns
    -------
    Report
        A dict of what was done, by the qualified names, in the order of module.named_parameters(). Its ``unwritten``
        names the buffers that were not written.

    Raises
    ------
    TypeError, ValueError
        If a rule applies to nothing, nothing matches a parameter, the rules of a tied parameter's owners disagree, a
        parameter has no memory or a layout or dtype that its scheme does not fill, or an argument is not as above;
        nothing is written then.

    Notes
    -----
    A tied parameter is filled once, under the first of its names: by the rule that matches any of its names or owners,
    else by the default of its first owner that has one. The row of an embedding's ``padding_idx`` is zero, and running
    statistics of normalisation layers that were filled are reset; other buffers are left alone. Where a scheme needs
    fans, the layout is "keras", (in, out), for Hugging Face's Conv1D. The names that torch.compile, activation
    checkpointing, DistributedDataParallel and DataParallel put around a module do not count.

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
    _reshard(module)
    walk = list(_walk(module, prefix))
    parameters, buffers = _parameters(walk), _buffers(walk)
    chosen = _choices(parameters, rules or {}, defaults, keep_unmatched)
    targets = {
        name: _target(name, parameters[name], choice)
        for name, (_, choice) in chosen.items()
        if isinstance(choice, Recipe)
    }
    if seed is None and generator._from_entropy and any(target.is_sharded for target in targets.values()):
        raise ValueError("seed=None with sharded parameters: each process would draw from a seed of its own")
    _fill_all(targets, generator)
    for name, target in targets.items():
        _clear_padding(parameters[name], target)
    written = _reset_statistics(walk, targets)
    report = Report((name, _filled(parameters[name], *chosen[name])) for name in parameters)
    report.unwritten = tuple(name for name, buffer in buffers.items() if buffer.numel() and id(buffer) not in written)
    return report


def _reshard(module: Module) -> None:
    """Lets FSDP2 drop what it has gathered: values written there would be lost."""
    for each in module.modules():
        if _is_fsdp2(each):
            each.reshard()


def _is_fsdp2(module: Any) -> bool:
    fsdp = sys.modules.get("torch.distributed.fsdp")
    return fsdp is not None and hasattr(fsdp, "FSDPModule") and isinstance(module, fsdp.FSDPModule)


def _walk(module: Module, prefix: str) -> Iterator[_Step]:
    """Each module, after how the names begin of what it has, and before the modules around it, the outermost first."""
    steps: dict[str, _Step] = {"": (f"{prefix}." if prefix else "", module, ())}
    yield steps[""]
    for path, each in itertools.islice(module.named_modules(remove_duplicate=False), 1, None):
        outer, _, part = path.rpartition(".")
        begins, parent, around = steps[outer]
        steps[path] = begins if _is_wrappers(part, parent) else f"{begins}{part}.", each, (*around, parent)
        yield steps[path]


def _is_wrappers(part: str, parent: Module) -> bool:
    """Whether a part of a name is what a wrapper adds to it."""
    replicas = (nn.parallel.DistributedDataParallel, nn.DataParallel)
    return part in _WRAPPERS or (part == "module" and isinstance(parent, replicas))


def _held(walk: Iterable[_Step], kind: str) -> Iterator[tuple[Owner, Tensor]]:
    """The parameters or the buffers, each as often as a module has it, by their names without those of wrappers."""
    for begins, module, around in walk:
        if type(module).__name__ == "FullyShardedDataParallel":
            raise TypeError("module is wrapped in FullyShardedDataParallel, which flattens parameters; use fully_shard")
        for local_name, tensor in getattr(module, f"_{kind}s").items():
            name = begins + local_name
            if nn.parameter.is_lazy(tensor):
                raise ValueError(f"{kind} {name!r} is of a lazy module and has no shape yet; run the module once")
            if tensor is not None:
                yield Owner(name, module, local_name, around), tensor


def _parameters(walk: Iterable[_Step]) -> dict[str, Found]:
    """The parameters of a module, tied ones once."""
    found: dict[str, Found] = {}
    first_names: dict[int, str] = {}
    for owner, tensor in _held(walk, "parameter"):
        each = found.setdefault(first_names.setdefault(id(tensor), owner.name), Found(tensor, [], []))
        if each.tensor is not tensor:
            raise ValueError(f"two parameters have the name {owner.name!r}, once wrappers are left out of it")
        each.owners.append(owner)
        each.names.append(owner.name)
    return found


def _buffers(walk: Iterable[_Step]) -> dict[str, Tensor]:
    """The buffers of a module, each once."""
    found: dict[int, tuple[str, Tensor]] = {}
    for owner, buffer in _held(walk, "buffer"):
        found.setdefault(id(buffer), (owner.name, buffer))
    return dict(found.values())


def _choices(
    parameters: Mapping[str, Found], rules: Mapping[Any, Any], defaults: bool, keep_unmatched: bool
) -> dict[str, tuple[str, Choice]]:
    """For each parameter, what chose its scheme, and the scheme."""
    if not isinstance(rules, Mapping):
        raise TypeError(f"rules must be a mapping, not {type(rules).__name__}")
    items = {
        owner.name: Item(found.names, found.tensor.ndim, owner.module, owner.local_name)
        for found in parameters.values()
        for owner in found.owners
    }
    first = parse_pairs(rules.items(), _SPELLINGS, _OWNERS).first_matches(items)
    chosen: dict[str, tuple[str, Choice]] = {}
    unmatched = []
    for name, found in parameters.items():
        by_rule = [(owner, rule) for owner in found.owners if (rule := first[owner.name])]
        if by_rule:
            chosen[name] = _agreed(by_rule, [_choice(rule, owner, items[owner.name]) for owner, rule in by_rule])
        elif not found.tensor.requires_grad:
            chosen[name] = _FROZEN, Action.KEEP
        else:
            chosen[name] = "no rule", Action.KEEP
            if defaults and not keep_unmatched:
                with errors_of(f"parameter {name!r}"):
                    chosen[name] = _default(found) or chosen[name]
            if chosen[name][1] is Action.KEEP:
                unmatched.append(name)
    if parameters and not keep_unmatched and all(rule == _FROZEN for rule, _ in chosen.values()):
        raise ValueError(
            "all parameters are frozen (requires_grad=False) and no rule matches one: nothing would be filled; give "
            "rules, or fill the module before it is frozen"
        )
    if unmatched and not keep_unmatched:
        raise ValueError(
            f"no rule matches {listed(unmatched)}; a rule of None leaves a parameter as it is, keep_unmatched=True all "
            "that no rule matches"
        )
    return chosen


def _agreed(by_rule: list[tuple[Owner, Rule]], choices: list[Choice]) -> tuple[str, Choice]:
    """The rule of a parameter and its choice, which must be the same for all owners that have one."""
    (first, rule), choice = by_rule[0], choices[0]
    for (owner, other_rule), other in zip(by_rule, choices, strict=True):
        if other != choice:
            advice = "a rule for one of their names, before these, decides; leave out what then matches nothing"
            if rule is other_rule:
                advice = "what the rule leaves to the modules, such as layout=, must be said in it"
            raise ValueError(
                f"parameters {first.name!r} and {owner.name!r} are tied, and their rules disagree: rule {rule.text} "
                f"makes it {_in_words(choice)}, rule {other_rule.text} {_in_words(other)}; {advice}"
            )
    return rule.text, choice


def _in_words(choice: Choice) -> str:
    return "stay as it is" if isinstance(choice, Action) else str(choice)


def _target(name: str, found: Found, recipe: Recipe) -> Target:
    """The parameter as something to fill, after every check."""
    with errors_of(f"parameter {name!r}"):
        target = target_of(found.tensor, recipe, name)
        if not target.is_sharded and any(_is_gathered_from_above(owner) for owner in found.owners):
            raise ValueError(
                "FSDP2 has gathered it, by a module around the one that is filled, and what is written would be lost; "
                "fill that module, or call its reshard() first"
            )
        if found.tensor.is_meta:
            raise ValueError("it is on the meta device and has no memory; call module.to_empty(device=...) first")
        target.drawn.check()
    return target


def _is_gathered_from_above(owner: Owner) -> bool:
    """Whether FSDP2 manages it, and not by a module that could have been told to reshard."""
    managed = getattr(owner.module, "_is_fsdp_managed_module", False)
    return managed and not any(map(_is_fsdp2, (*owner.around, owner.module)))


def _fill_all(targets: Mapping[str, Target], generator: fastinit.Generator) -> None:
    """Fills what lies in memory of the CPU's or of a CUDA device's side by side, then what does not."""
    parts = []
    for name, target in targets.items():
        with errors_of(f"parameter {name!r}"):
            parts += [(name, part, memory_of(part.tensor, target.drawn.recipe, generator)) for part in target.parts]
    specs = [(name, targets[name].drawn.spec(array, part.offset)) for name, part, array in parts if array is not None]
    generator._fill(specs, "parameter {!r}")
    for name, part, array in parts:
        if array is None:
            fill_part(part, array, targets[name].drawn, generator)
    for target in targets.values():
        count_write(target.tensor)


def _clear_padding(found: Found, target: Target) -> None:
    """Zeros for the embedding of what stands for nothing."""
    rows = {
        owner.module.padding_idx
        for owner in found.owners
        if isinstance(owner.module, (nn.Embedding, nn.EmbeddingBag)) and owner.local_name == "weight"
    }
    for row, part in itertools.product(rows - {None}, target.parts):
        local = row - part.offset[0]
        if 0 <= local < part.tensor.shape[0]:
            with _writing(found.tensor):
                part.tensor[local].zero_()


def _reset_statistics(walk: Iterable[_Step], targets: Mapping[str, Target]) -> set[int]:
    """
    Resets the running statistics of the normalisation layers that were filled, and tells the buffers by their ids.

    A layer without parameters counts as filled if all parameters are of the next module around it that has some.
    """
    filled = {id(target.tensor) for target in targets.values()}
    written: set[int] = set()
    for _, layer, around in walk:
        if isinstance(layer, _NormBase) and layer.track_running_stats:
            nearest = next((each for each in (layer, *reversed(around)) if any(True for _ in each.parameters())), layer)
            if all(id(tensor) in filled for tensor in nearest.parameters()):
                with _writing(layer.running_mean):
                    layer.reset_running_stats()
                written |= {id(buffer) for buffer in layer._buffers.values()}
    return written


@contextmanager
def _writing(tensor: Any) -> Iterator[None]:
    """For PyTorch's own in-place functions; tensors of inference mode can be written to inside of it alone."""
    with torch.inference_mode(torch.is_inference_mode_enabled() or tensor.is_inference()), torch.no_grad():
        yield


def _filled(found: Found, rule: str, choice: Choice) -> Filled:
    scheme, arguments = (choice.scheme, dict(choice.arguments)) if isinstance(choice, Recipe) else (None, {})
    return Filled(scheme, arguments, rule, tuple(found.tensor.shape), found.tensor.dtype, tuple(found.names[1:]))
