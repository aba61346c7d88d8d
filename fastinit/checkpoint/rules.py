"""Which rule applies to each tensor of a checkpoint, and whether it can get what the rule says."""

from collections.abc import Container, Mapping
from typing import Any

import numpy as np

from fastinit.checkpoint.header import FILLED, Tensor
from fastinit.dtypes import dtype_named
from fastinit.rules import Action, Choice, Item, Rule, Rules, Spellings, said
from fastinit.text import listed, quoted

COPY = "copy"
SPELLINGS: Spellings = {COPY: Action.COPY}
MOST_PROBLEMS = 12
MOST_TEXT = 2000  # characters of problems, after which no further one is told


def choose(rules: Rules, tensors: Mapping[str, Tensor], copied: Container[str]) -> dict[str, tuple[Rule, Choice]]:
    """
    The rule that applies to each tensor, and what that says.

    ValueError tells of rules that never apply, tensors that none matches, and all that a rule cannot do to a tensor.
    """
    items = {name: Item((name,), len(tensor.shape)) for name, tensor in tensors.items()}
    found = rules.first_matches(items)
    if unmatched := [name for name, rule in found.items() if rule is None]:
        raise ValueError(f"{rules.place}no rule matches {listed(unmatched)}")
    chosen = {name: (rule, rule.choose(items[name])) for name, rule in found.items() if rule}
    problems: list[str] = []
    cause, count = None, 0
    for name, (rule, choice) in chosen.items():
        tensor = tensors[name]
        if problem := _problem(choice, tensor, name in copied):
            count += 1
            if isinstance(problem, Exception):
                cause = cause or problem.__cause__
                problem = said(problem, {} if isinstance(choice, Action) else choice.arguments)
            if len(problems) < MOST_PROBLEMS and sum(map(len, problems)) < MOST_TEXT:
                of = f"({tensor.dtype} {quoted(list(tensor.shape))})"
                problems.append(f"{rule.place}rule {rule.text}, tensor {quoted(name)} {of}: {problem}")
    if problems:
        more = [f"and {count - len(problems)} more"] if count > len(problems) else []
        raise ValueError("\n".join(problems + more)) from cause
    return chosen


def numpy_dtype(tensor: Tensor) -> np.dtype[Any]:
    """The dtype of the array that a fill takes for the tensor."""
    try:
        return dtype_named(FILLED[tensor.dtype], "checkpoint")
    except ImportError as error:
        raise ImportError(f"tensor {quoted(tensor.name)} is {tensor.dtype}: {error}") from None


def _problem(choice: Choice, tensor: Tensor, has_values: bool) -> str | TypeError | ValueError | None:
    """Why a tensor cannot get what its rule says."""
    if isinstance(choice, Action):
        return None if has_values else f"scheme = {COPY!r}, but a JSON of shapes has no values to copy"
    accepted = [own for own, numpys in FILLED.items() if not choice.draws or numpys in choice.dtypes]
    if tensor.dtype not in accepted:
        more = choice.if_complex(tensor.dtype == "C64")
        return f"{choice.scheme} fills {', '.join(accepted)}{more}; scheme = {COPY!r} keeps the values of any dtype"
    try:
        choice.check(tensor.shape, numpy_dtype(tensor))
    except (TypeError, ValueError) as error:
        return error
    return None
