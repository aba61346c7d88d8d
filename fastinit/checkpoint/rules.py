"""The rules file: which tensors, by name, get which scheme with which arguments."""

import os
import tomllib
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

import fastinit
from fastinit import _core
from fastinit.checkpoint.header import FILLED, Tensor
from fastinit.generator import FILLS
from fastinit.recipe import Recipe, extension_dtype, first_matches, listed

RulesSource: TypeAlias = str | os.PathLike[str] | Mapping[str, Any]

COPY = "copy"
MOST_PROBLEMS = 12


@dataclass(frozen=True)
class Rule:
    """Tensors whose name one of the globs matches, of so many axes if that is given, get the recipe; None copies."""

    text: str
    globs: tuple[str, ...]
    ndim: int | None
    recipe: Recipe | None

    def matches(self, name: str, tensor: Tensor) -> bool:
        return self.ndim in (None, len(tensor.shape)) and any(fnmatchcase(name, glob) for glob in self.globs)


def read_rules(source: RulesSource) -> list[Rule]:
    """The rules of a TOML file, or of a mapping like one."""
    where = "rules" if isinstance(source, Mapping) else os.fspath(source)
    try:
        table = source if isinstance(source, Mapping) else tomllib.loads(Path(source).read_text(encoding="utf-8"))
        return list(_rules(table))
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from error.__cause__


def choose(rules: list[Rule], tensors: Mapping[str, Tensor], copied: Container[str]) -> dict[str, Recipe | None]:
    """
    What each tensor gets: a recipe that fills it, or None where its values are copied.

    ValueError tells of rules that never apply, tensors that none matches, and all that a rule cannot do to a tensor.
    """
    found = first_matches(tensors, [(rule.text, rule.matches) for rule in rules])
    unmatched = [name for name, i in found.items() if i is None]
    if unmatched:
        raise ValueError(f"no rule matches {listed(unmatched)}")
    chosen = {name: rules[i] for name, i in found.items() if i is not None}
    problems = {
        f"rule {rule.text}, tensor {name!r} ({tensors[name].dtype} {list(tensors[name].shape)}): {problem}": problem
        for name, rule in chosen.items()
        if (problem := _problem(rule.recipe, tensors[name], name in copied))
    }
    if problems:
        more = [f"and {len(problems) - MOST_PROBLEMS} more"] if len(problems) > MOST_PROBLEMS else []
        causes = (problem.__cause__ for problem in problems.values() if isinstance(problem, Exception))
        raise ValueError("\n".join([*problems][:MOST_PROBLEMS] + more)) from next(filter(None, causes), None)
    return {name: rule.recipe for name, rule in chosen.items()}


def numpy_dtype(tensor: Tensor) -> np.dtype[Any]:
    """The dtype of the array that a fill takes for the tensor."""
    if not tensor.dtype.startswith(("BF16", "F8")):
        return np.dtype(FILLED[tensor.dtype])
    try:
        return extension_dtype(FILLED[tensor.dtype], "checkpoint")
    except ImportError as error:
        raise ImportError(f"tensor {tensor.name!r} is {tensor.dtype}: {error}") from None


def _problem(recipe: Recipe | None, tensor: Tensor, has_values: bool) -> str | TypeError | ValueError | None:
    """Why a tensor cannot get what its rule says."""
    if recipe is None:
        return None if has_values else f"scheme = {COPY!r}, but a JSON of shapes has no values to copy"
    accepted = [own for own, numpys in FILLED.items() if not recipe.draws or numpys in recipe.dtypes]
    if tensor.dtype not in accepted:
        more = recipe.if_complex(tensor.dtype == "C64")
        return f"{recipe.scheme} fills {', '.join(accepted)}{more}; scheme = {COPY!r} keeps the values of any dtype"
    try:
        recipe.check(tensor.shape, numpy_dtype(tensor))
    except (TypeError, ValueError) as error:
        return error
    return None


def _rules(table: Mapping[str, Any]) -> Iterator[Rule]:
    if unknown := set(table) - {"layout", "rule"}:
        raise ValueError(f"{listed(sorted(unknown))} at the top; accepted are layout and [[rule]]")
    layout, entries = table.get("layout"), table.get("rule", [])
    if layout is not None:
        _check_layout(layout)
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise ValueError("rule must be an array of tables: [[rule]], and not [rule]")
    for number, entry in enumerate(entries, 1):
        try:
            yield _rule(number, dict(entry), layout)
        except (TypeError, ValueError) as error:
            raise ValueError(f"rule {number} ({entry.get('name')!r}): {error}") from error.__cause__


def _rule(number: int, entry: dict[str, Any], layout: str | None) -> Rule:
    name, ndim, scheme = (entry.pop(key, None) for key in ("name", "ndim", "scheme"))
    globs = [name] if isinstance(name, str) else name
    if not globs or not isinstance(globs, list) or not all(isinstance(glob, str) for glob in globs):
        raise ValueError(f"name={name!r}; accepted is a pattern such as '*.weight', or a list of them")
    if ndim is not None and (type(ndim) is not int or ndim < 0):
        raise ValueError(f"ndim={ndim!r}; accepted is a number of axes")
    _core.choice("scheme", scheme, {**FILLS, COPY: False})
    if scheme == COPY and entry:
        raise ValueError(f"{listed(entry)} with scheme = {COPY!r}, which takes no arguments")
    recipe = None if scheme == COPY else Recipe.of(scheme, **entry)
    if recipe and layout is not None:
        recipe = recipe.with_layout(layout)
    return Rule(f"{number} ({name!r})", tuple(globs), ndim, recipe)


def _check_layout(layout: object) -> None:
    try:
        fastinit.fans((1, 1), layout)  # type: ignore[arg-type]
    except TypeError as error:
        raise ValueError(str(error)) from None
