"""The rules file: which tensors, by name, get which scheme with which arguments."""

import contextlib
import os
import re
import tomllib
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import translate
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

import numpy as np

import fastinit
from fastinit import _core
from fastinit.checkpoint.header import BOM, FILLED, Tensor, decoded
from fastinit.dtypes import dtype_named
from fastinit.files import read_all, read_regular
from fastinit.generator import FILLS
from fastinit.recipe import Recipe, UnusedRule, first_matches, listed
from fastinit.text import MOST, cut, meant, named, printable, quoted

RulesSource: TypeAlias = str | os.PathLike[str] | Mapping[str, Any]

COPY = "copy"
MOST_PROBLEMS = 12
MOST_TEXT = 2000  # characters of problems, after which no further one is told
MOST_PROBLEM = 1000  # of one
MOST_BYTES = 16 << 20
MOST_WORD = 1000  # characters of a key or number: of long ones tomllib takes a hundred times the memory
MOST_PARTS = 100  # of a key, joined by dots: tomllib takes time as the square of their number
MOST_PATTERN = 4096  # characters: fnmatch makes of each several hundred bytes
MOST_BITS = 1024  # of an integer, as in a float64's exponent


class Toml(dict[str, Any]):
    """What a TOML file holds, with the file's name and the lines at which [[rule]] stands, where it does."""

    def __init__(self, table: Mapping[str, Any], where: str, lines: list[int]) -> None:
        super().__init__(table)
        self.where: str = where
        self.lines: list[int] = lines
        self.status: os.stat_result | None = None  # of the file that standard input is


@dataclass(frozen=True)
class Rule:
    """Tensors whose name one of the globs matches, of so many axes if that is given, get the recipe; None copies."""

    number: int  # from 1 on
    text: str
    place: str  # what an error begins with
    globs: tuple[str, ...]
    ndim: int | None
    recipe: Recipe | None

    @cached_property
    def patterns(self) -> list[re.Pattern[str]]:
        # fnmatch keeps those of 256 globs only.
        return [re.compile(translate(glob)) for glob in self.globs]

    def matches(self, name: str, tensor: Tensor) -> bool:
        return self.ndim in (None, len(tensor.shape)) and any(pattern.match(name) for pattern in self.patterns)


@dataclass(frozen=True)
class Rules:
    """All rules, and what errors about all of them begin with."""

    rules: list[Rule]
    place: str


def read_rules(source: RulesSource) -> Rules:
    """The rules of a TOML file, or of a mapping like one."""
    if not isinstance(source, Mapping):
        source = _read_file(Path(source))
    place = f"{source.where}: " if isinstance(source, Toml) else ""
    try:
        return Rules(list(_rules(source)), place)
    except _RuleError as error:
        raise ValueError(str(error)) from error.__cause__
    except ValueError as error:
        raise ValueError(f"{place or 'rules: '}{error}") from error.__cause__


def read_stream(stream: BinaryIO | None, where: str = "standard input") -> Toml:
    """The rules that a stream of bytes holds, for read_rules; ValueError if it is closed, too long or no TOML."""
    try:
        if stream is None:
            raise ValueError("it is closed")
        rules = parse_toml(read_all(stream, MOST_BYTES, "a rules file"), where)
        with contextlib.suppress(OSError):  # of a stream without a descriptor
            rules.status = os.fstat(stream.fileno())
        return rules
    except _TomlError:
        raise
    except (OSError, ValueError) as error:
        raise ValueError(f"{where}: {(isinstance(error, OSError) and error.strerror) or error}") from None


def parse_toml(content: bytes, where: str) -> Toml:
    """What the bytes of a TOML file hold, for read_rules; ValueError, which begins with where, if they are no TOML."""
    try:
        text = decoded(content.removeprefix(BOM), "its content")
        bare = _LITERALS.sub(_newlines, text)
        _check_keys(bare)
        return Toml(tomllib.loads(text), where, list(_rule_lines(bare)))
    except RecursionError:
        raise _TomlError(f"{where}: arrays or tables are nested too deeply") from None
    except ValueError as error:
        message, at, position = str(error).rpartition(" (at ")  # a line and a column, or the document's end
        problem = f"{cut(message, MOST_PROBLEM)}{at}{position}" if at else cut(position, MOST_PROBLEM)
        raise _TomlError(f"{where}: {printable(problem)}") from None


def choose(given: Rules, tensors: Mapping[str, Tensor], copied: Container[str]) -> dict[str, Rule]:
    """
    The rule that applies to each tensor.

    ValueError tells of rules that never apply, tensors that none matches, and all that a rule cannot do to a tensor.
    """
    rules = given.rules
    try:
        found = first_matches(tensors, [(rule.text, rule.matches) for rule in rules])
    except UnusedRule as error:
        raise ValueError(f"{rules[error.rule].place}{error}") from None
    unmatched = [name for name, i in found.items() if i is None]
    if unmatched:
        raise ValueError(f"{given.place}no rule matches {listed(unmatched)}")
    chosen = {name: rules[i] for name, i in found.items() if i is not None}
    problems: list[str] = []
    cause, count = None, 0
    for name, rule in chosen.items():
        tensor = tensors[name]
        if problem := _problem(rule.recipe, tensor, name in copied):
            count += 1
            if isinstance(problem, Exception):
                cause = cause or problem.__cause__
                problem = _said(problem, rule.recipe.arguments if rule.recipe else {})
            if len(problems) < MOST_PROBLEMS and sum(map(len, problems)) < MOST_TEXT:
                of = f"({tensor.dtype} {quoted(list(tensor.shape))})"
                problems.append(f"{rule.place}rule {rule.text}, tensor {quoted(name)} {of}: {problem}")
    if problems:
        more = [f"and {count - len(problems)} more"] if count > len(problems) else []
        raise ValueError("\n".join(problems + more)) from cause
    return chosen


def numpy_dtype(tensor: Tensor) -> np.dtype[Any]:
    """The dtype of the array that a fill takes for the tensor."""
    if not tensor.dtype.startswith(("BF16", "F8")):
        return np.dtype(FILLED[tensor.dtype])
    try:
        return dtype_named(FILLED[tensor.dtype], "checkpoint")
    except ImportError as error:
        raise ImportError(f"tensor {quoted(tensor.name)} is {tensor.dtype}: {error}") from None


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


class _RuleError(ValueError):
    """An error of one rule, whose place it says."""


class _TomlError(ValueError):
    """An error of a file, whose name it says."""


def _said(error: Exception, values: Mapping[str, object]) -> str:
    """What an error says, with those values cut of which it says all."""
    message = str(error)
    for value in values.values():
        if len(message) > MOST and (short := quoted(value)) != (long := repr(value)):
            message = message.replace(long, short)
    return cut(printable(message), MOST_PROBLEM)


def _rules(table: Mapping[str, Any]) -> Iterator[Rule]:
    if unknown := set(table) - {"layout", "rule"}:
        hint = next(filter(None, (meant(str(key), ("layout", "rule")) for key in unknown)), "")
        raise ValueError(f"{listed(sorted(map(str, unknown)))} at the top; accepted are layout and [[rule]]{hint}")
    layout, entries = table.get("layout"), table.get("rule", [])
    if layout is not None:
        _check_layout(layout)
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise ValueError("rule must be an array of tables: [[rule]], and not [rule]")
    for number, entry in enumerate(entries, 1):
        place = _place(table, number, len(entries))
        try:
            yield _rule(number, place, dict(entry), layout)
        except (TypeError, ValueError) as error:
            begin = f"{place or 'rules: '}rule {number} ({quoted(entry.get('name'))})"
            raise _RuleError(f"{begin}: {_said(error, entry)}") from error.__cause__


def _place(table: Mapping[str, Any], number: int, count: int) -> str:
    """The file and the line of a rule, as far as they are known."""
    if not isinstance(table, Toml):
        return ""
    # The rules of an array have no lines of their own.
    line = f", line {table.lines[number - 1]}" if len(table.lines) == count else ""
    return f"{table.where}{line}: "


def _rule(number: int, place: str, entry: dict[str, Any], layout: str | None) -> Rule:
    for key in ("name", "scheme"):
        if key not in entry and (other := next((each for each in entry if meant(str(each), (key,))), None)):
            accepted = "name, ndim, scheme and what the scheme takes"
            raise ValueError(f"{quoted(other)} in a rule; accepted are {accepted}; did you mean {key!r}?")
    name, ndim, scheme = (entry.pop(key, None) for key in ("name", "ndim", "scheme"))
    globs = [name] if isinstance(name, str) else name
    if not globs or not isinstance(globs, list) or not all(isinstance(glob, str) for glob in globs):
        raise ValueError(f"name={quoted(name)}; accepted is a pattern such as '*.weight', or a list of them")
    if (longest := max(len(glob) for glob in globs)) > MOST_PATTERN:
        raise ValueError(f"a name of {longest:,} characters; accepted are {MOST_PATTERN:,}")
    if ndim is not None and (type(ndim) is not int or ndim < 0):
        raise ValueError(f"ndim={quoted(ndim)}; accepted is a number of axes")
    for key, value in entry.items():
        if isinstance(value, int) and value.bit_length() > MOST_BITS:
            raise ValueError(f"{quoted(key)} is an integer of {value.bit_length():,} bits; accepted are {MOST_BITS:,}")
    _core.choice("scheme", scheme, {**FILLS, COPY: False})
    if scheme == COPY and entry:
        raise ValueError(f"{listed(entry)} with scheme = {COPY!r}, which takes no arguments")
    recipe = None if scheme == COPY else Recipe.of(scheme, **entry)
    if recipe and layout is not None:
        recipe = recipe.with_layout(layout)
    return Rule(number, f"{number} ({quoted(name)})", place, tuple(globs), ndim, recipe)


def _check_layout(layout: object) -> None:
    try:
        fastinit.fans((1, 1), layout)  # type: ignore[arg-type]
    except (TypeError, ValueError) as error:
        raise ValueError(_said(error, {"layout": layout})) from None


# ---- TOML ------------------------------------------------------------------------------------------------------------

# Strings and comments, to the end of the text where they have no end: what follows is no TOML then.
_LITERALS = re.compile(
    r'''
    \#[^\n]*+
    | """ (?: [^"\\]++ | \\. | "{1,2}+(?!") )*+ (?: "{3,5} | \Z )
    | \'\'\' (?: [^']++ | '{1,2}+(?!') )*+ (?: '{3,5} | \Z )
    | " (?: [^"\\\n]++ | \\[^\n] )*+ (?: " | \\?(?=\n|\Z) )
    | ' [^'\n]*+ (?: ' | (?=\n|\Z) )
    ''',
    re.VERBOSE | re.DOTALL,
)
_KEY = re.compile(r"(?<![^.,=\n\[\]{}])(?:[^.,=\n\[\]{}]*+\.)++")
_LONG_WORD = re.compile(rf"(?<![\w+-])[\w+-]{{{MOST_WORD + 1}}}")
_STRUCTURE = re.compile(r"^[ \t]*+\[\[[ \t]*+(?:rule|s)[ \t]*+\]\]|[\[{]|[\]}]", re.MULTILINE)


def _newlines(literal: re.Match[str]) -> str:
    """What stands for a string or a comment where only the structure of a file counts: its lines."""
    text = literal.group()
    return "" if text.startswith("#") else "s" + "\n" * text.count("\n")


def _check_keys(bare: str) -> None:
    """ValueError for keys and numbers that no rules need, and for which tomllib takes minutes or gigabytes."""
    if word := _LONG_WORD.search(bare):
        line = bare.count("\n", 0, word.start()) + 1
        raise ValueError(f"a key or number of more than {MOST_WORD:,} characters (at line {line})")
    for key in _KEY.finditer(bare):
        if (dots := key.group().count(".")) > MOST_PARTS:
            line = bare.count("\n", 0, key.start()) + 1
            raise ValueError(f"a key of {dots:,} parts and more; accepted are {MOST_PARTS} (at line {line})")


def _rule_lines(bare: str) -> Iterator[int]:
    """The lines at which [[rule]] begins a table, and is no array in an array."""
    depth, line, seen = 0, 1, 0
    for found in _STRUCTURE.finditer(bare):
        text = found.group()
        if len(text) == 1:
            depth += 1 if text in "[{" else -1
        elif depth == 0:
            line += bare.count("\n", seen, found.start())
            seen = found.start()
            yield line


def _read_file(path: Path) -> Toml:
    try:
        content = read_regular(path, MOST_BYTES, "a rules file")
    except ValueError as error:
        raise ValueError(f"{named(path)}: {error}") from None
    return parse_toml(content, named(path))
