"""
Rules: which tensor gets which recipe, by its names and what has it. The first rule that matches a tensor applies.

They come from Python code, as pairs of a pattern and what it stands for, or from a TOML file or a mapping like one.
Each face says how it spells an Action, and makes an Item of each of its tensors; all else about rules is here.
"""

import contextlib
import functools
import inspect
import os
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from fnmatch import translate
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, TypeAlias

import fastinit
from fastinit import _core, hints
from fastinit.files import read_all, read_regular
from fastinit.generator import SCHEMES
from fastinit.recipe import Recipe
from fastinit.text import BOM, MOST, cut, decoded, joined, listed, meant, named, printable, quoted

RulesSource: TypeAlias = str | os.PathLike[str] | Mapping[str, Any]

MOST_PROBLEM = 1000  # characters of one
MOST_BYTES = 16 << 20
MOST_WORD = 1000  # characters of a key or number: of long ones tomllib takes a hundred times the memory
MOST_PARTS = 100  # of a key, joined by dots: tomllib takes time as the square of their number
MOST_PATTERN = 4096  # characters: fnmatch makes of each several hundred bytes
MOST_BITS = 1024  # of an integer, as in a float64's exponent


class Action(Enum):
    """What a rule does that fills nothing. Each face has its own spelling of those that it knows."""

    KEEP = "keep"  # the tensor's memory stays as it is
    COPY = "copy"  # the tensor gets the values that the source has for it


Choice: TypeAlias = Recipe | Action
Spellings: TypeAlias = Mapping[Any, Action]


class Item(NamedTuple):
    """A tensor as rules see it: its qualified names, several if it is tied, its axes, and its own name in its owner."""

    names: Sequence[str]
    ndim: int
    owner: object = None
    local_name: str = ""


class Owners(NamedTuple):
    """What tensors belong to in a framework: the type, and the words for it and for such a tensor."""

    type: type
    owner: str
    tensor: str


@dataclass(frozen=True)
class Pattern:
    """
    Tensors of which one of the globs matches a name, with so many axes and an owner of that type, if these are given.

    The name is the tensor's own in an owner whose type is given, and else any of its qualified ones.
    """

    globs: tuple[str, ...]
    ndim: int | None = None
    owner: type | None = None

    @cached_property
    def expressions(self) -> list[re.Pattern[str]]:
        # fnmatch keeps those of 256 globs only.
        return [re.compile(translate(glob)) for glob in self.globs]

    def matches(self, item: Item) -> bool:
        if self.ndim not in (None, item.ndim) or not (self.owner is None or isinstance(item.owner, self.owner)):
            return False
        names = item.names if self.owner is None else (item.local_name,)
        return any(expression.match(name) for expression in self.expressions for name in names)


@dataclass(frozen=True)
class Rule:
    """A pattern, and what it stands for: a choice, or a function of an owner and a name that returns a spec of one."""

    number: int  # from 1 on
    text: str  # as errors and reports name it
    place: str  # what an error begins with: a file and a line, if there are some
    pattern: Pattern
    choice: Choice | Callable[[Any, str], object]
    spellings: Spellings

    def choose(self, item: Item) -> Choice:
        """What a tensor gets that the pattern matches."""
        if isinstance(self.choice, (Recipe, Action)):
            return self.choice
        return _choice(self.choice(item.owner, item.local_name), self.spellings)


@dataclass(frozen=True)
class Rules:
    """All rules, and what errors about all of them begin with."""

    rules: list[Rule]
    place: str = ""

    def first_matches(self, items: Mapping[str, Item]) -> dict[str, Rule | None]:
        """
        Which rule applies to each item, by a name of the item's: the first that matches it, or None.

        A rule that applies to none is a ValueError: it is misspelt, or stands behind those that take all it means.
        """
        may_match = _by_text(self.rules)
        found = {
            name: next((rule for rule in may_match(item) if rule.pattern.matches(item)), None)
            for name, item in items.items()
        }
        used = {rule.number for rule in found.values() if rule}
        for rule in self.rules:
            if rule.number not in used:
                taken = [found[name] for name, item in items.items() if rule.pattern.matches(item)]
                before = {each.number: each.text for each in taken if each}
                why = f"matches nothing; the names are {listed(items)}"
                if before:
                    earlier = joined(before[number] for number in sorted(before))
                    why = f"never applies: {earlier}, before it, already takes all that it matches"
                raise ValueError(f"{rule.place}rule {rule.text} {why}")
        return found


def _by_text(rules: Sequence[Rule]) -> Callable[[Item], list[Rule]]:
    """
    What tells, in their order, the rules that may match an item: those whose globs hold text that a name has.

    It is the beginning up to the first wildcard or the end after the last one, by which names are looked up, or where a
    glob has neither, the longest text inside. Thousands of rules, tried in turn on as many tensors, would take minutes.
    """
    ends: dict[tuple[int | None, int | None], dict[str, list[int]]] = {}
    inside: list[tuple[str, int]] = []
    for rule in rules:
        for glob in rule.pattern.globs if rule.pattern.owner is None else ("*",):
            begin, end = re.split(r"[*?[]", glob, maxsplit=1)[0], re.split(r"[*?[\]]", glob)[-1]
            if begin or end:
                where, text = ((None, len(begin)), begin) if len(begin) >= len(end) else ((-len(end), None), end)
                ends.setdefault(where, {}).setdefault(text, []).append(rule.number)
            else:
                inside.append(("" if "[" in glob else max(re.split(r"[*?]", glob), key=len), rule.number))
    tables = [(slice(*where), table) for where, table in ends.items()]
    by_number = {rule.number: rule for rule in rules}

    def may_match(item: Item) -> list[Rule]:
        numbers = {each for name in item.names for place, table in tables for each in table.get(name[place], ())}
        numbers |= {number for name in item.names for text, number in inside if text in name}
        return [by_number[number] for number in sorted(numbers)]

    return may_match


@contextlib.contextmanager
def errors_of(label: str) -> Iterator[None]:
    """Says whose the errors are."""
    try:
        yield
    except (TypeError, ValueError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"{label}: {error}") from error.__cause__
    except Exception as error:  # of a function that is a rule
        error.add_note(f"in {label}")
        raise


# ---- From Python code ------------------------------------------------------------------------------------------------


def parse_pairs(pairs: Iterable[tuple[object, object]], spellings: Spellings, owners: Owners) -> Rules:
    """Rules from pairs of names, types of owners or tuples of both, and what they stand for or a function of that."""
    rules = []
    for number, (key, spec) in enumerate(pairs, 1):
        pattern, text = _pattern(key, owners), _text(key)
        with errors_of(f"rule {text}"):
            if callable(spec):
                _check_function(spec, owners)
            choice = spec if callable(spec) else _choice(spec, spellings)
        rules.append(Rule(number, text, "", pattern, choice, spellings))
    return Rules(rules)


def _choice(spec: object, spellings: Spellings) -> Choice:
    if (spec is None or isinstance(spec, str)) and spec in spellings:
        return spellings[spec]
    return Recipe.parse(spec)


def _text(key: object) -> str:
    if isinstance(key, type):
        return key.__name__
    if isinstance(key, tuple) and key and isinstance(key[0], type):
        return f"({', '.join((key[0].__name__, *map(repr, key[1:])))})"
    return repr(key)


def _pattern(key: object, owners: Owners) -> Pattern:
    if isinstance(key, str):
        return Pattern((key,))
    if isinstance(key, type) and issubclass(key, owners.type):
        return Pattern(("*",), owner=key)
    if isinstance(key, tuple) and len(key) == 2 and isinstance(key[0], type) and isinstance(key[1], str):
        return Pattern((key[1],), owner=key[0])
    raise TypeError(
        f"rules has the key {key!r}; accepted are a pattern of names, a type of {owners.owner}, or a tuple of a type "
        f"and a pattern of its {owners.tensor}s' own names"
    )


def _check_function(function: Any, owners: Owners) -> None:
    """TypeError for a function that is not one of an owner and a name, such as a framework's own initialisers."""
    inner = function
    while isinstance(inner, functools.partial):
        inner = inner.func
    if not isinstance(function, type) and not _fills_tensors(inner, owners) and _required(function) in (2, None):
        return
    name = getattr(inner, "__name__", type(inner).__name__)
    scheme = hints.closest(name, SCHEMES)
    raise TypeError(
        f"{name} is not a function of a {owners.owner} and a {owners.tensor}'s name; accepted are such a function, the "
        f"name of a scheme{f', here {scheme!r},' if scheme else ''} or a tuple of the name and its arguments"
    )


def _fills_tensors(function: Any, owners: Owners) -> bool:
    """Whether it is the framework's or fastinit's own, or one that calls its first argument a tensor."""
    of = getattr(function, "__objclass__", function)  # of a method that is not written in Python
    if _package(of) in (_package(owners.type), "fastinit"):
        return True
    return next(iter(_parameters_of(function)), None) == "tensor"


def _package(owner: object) -> str:
    return str(getattr(owner, "__module__", "")).partition(".")[0]


def _parameters_of(function: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    """By their names; as if it took any where it does not tell, as it is not written in Python."""
    try:
        return inspect.signature(function).parameters
    except ValueError:
        return {"arguments": inspect.Parameter("arguments", inspect.Parameter.VAR_POSITIONAL)}


def _required(function: Callable[..., Any]) -> int | None:
    """How many arguments it must be given; None if it takes any number."""
    parameters = _parameters_of(function).values()
    if any(each.kind is each.VAR_POSITIONAL for each in parameters):
        return None
    return sum(each.kind is not each.VAR_KEYWORD and each.default is each.empty for each in parameters)


# ---- From a file, or a mapping like one ------------------------------------------------------------------------------


class Toml(dict[str, Any]):
    """What a TOML file holds, with the file's name and the lines at which [[rule]] stands, where it does."""

    def __init__(self, table: Mapping[str, Any], where: str, lines: list[int]) -> None:
        super().__init__(table)
        self.where: str = where
        self.lines: list[int] = lines
        self.status: os.stat_result | None = None  # of the file that standard input is


def read_rules(source: RulesSource, spellings: Spellings) -> Rules:
    """The rules of a TOML file, or of a mapping like one."""
    if not isinstance(source, Mapping):
        path = Path(source)
        source = _toml(lambda: read_regular(path, MOST_BYTES, "a rules file"), named(path))
    table, place = source, f"{source.where}: " if isinstance(source, Toml) else ""
    layout = table.get("layout")
    with _refused(place, {"layout": layout}):
        entries = _entries(table)
        if layout is not None:
            fastinit.fans((1, 1), layout)
    # The rules of an array have no lines of their own.
    has_lines = isinstance(table, Toml) and len(table.lines) == len(entries)
    rules = []
    for number, entry in enumerate(entries, 1):
        own = f"{table.where}, line {table.lines[number - 1]}: " if isinstance(table, Toml) and has_lines else place
        with _refused(own, entry, f"rule {number} ({quoted(entry.get('name'))}): "):
            rules.append(_rule(number, own, dict(entry), layout, spellings))
    return Rules(rules, place)


@contextlib.contextmanager
def _refused(place: str, values: Mapping[str, object], label: str = "") -> Iterator[None]:
    """Says where the errors are, and no more than is needed of the values that they name."""
    try:
        yield
    except (TypeError, ValueError) as error:
        raise ValueError(f"{place or 'rules: '}{label}{said(error, values)}") from error.__cause__


def said(error: Exception, values: Mapping[str, object]) -> str:
    """What an error says, with those values cut of which it says all."""
    message = str(error)
    for value in values.values():
        if len(message) > MOST and (short := quoted(value)) != (long := repr(value)):
            message = message.replace(long, short)
    return cut(printable(message), MOST_PROBLEM)


def _entries(table: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    if unknown := set(table) - {"layout", "rule"}:
        hint = next(filter(None, (meant(str(key), ("layout", "rule")) for key in unknown)), "")
        raise ValueError(f"{listed(sorted(map(str, unknown)))} at the top; accepted are layout and [[rule]]{hint}")
    entries = table.get("rule", [])
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise ValueError("rule must be an array of tables: [[rule]], and not [rule]")
    return entries


def _rule(number: int, place: str, entry: dict[str, Any], layout: str | None, spellings: Spellings) -> Rule:
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
    _core.choice("scheme", scheme, {**SCHEMES, **dict.fromkeys(spellings, False)})
    action = spellings.get(scheme)
    if action and entry:
        raise ValueError(f"{listed(entry)} with scheme = {scheme!r}, which takes no arguments")
    choice: Choice = action or Recipe.of(scheme, **entry)
    if isinstance(choice, Recipe) and layout is not None:
        choice = choice.with_layout(layout)
    return Rule(number, f"{number} ({quoted(name)})", place, Pattern(tuple(globs), ndim), choice, spellings)


# ---- TOML ------------------------------------------------------------------------------------------------------------


def read_stream(stream: BinaryIO | None, where: str = "standard input") -> Toml:
    """The rules that a stream of bytes holds, for read_rules; ValueError if it is closed, too long or no TOML."""
    if stream is None:
        raise ValueError(f"{where}: it is closed")
    try:
        rules = _toml(lambda: read_all(stream, MOST_BYTES, "a rules file"), where)
    except OSError as error:
        raise ValueError(f"{where}: {error.strerror or error}") from None
    with contextlib.suppress(OSError):  # of a stream without a descriptor
        rules.status = os.fstat(stream.fileno())
    return rules


def _toml(read: Callable[[], bytes], where: str) -> Toml:
    """What a TOML file holds; ValueError, which begins with where, if its bytes are too many or no TOML."""
    try:
        text = decoded(read().removeprefix(BOM), "its content")
        bare = _LITERALS.sub(_newlines, text)
        _check_keys(bare)
        return Toml(tomllib.loads(text), where, list(_rule_lines(bare)))
    except RecursionError:
        raise ValueError(f"{where}: arrays or tables are nested too deeply") from None
    except ValueError as error:
        message, at, position = str(error).rpartition(" (at ")  # a line and a column, or the document's end
        problem = f"{cut(message, MOST_PROBLEM)}{at}{position}" if at else cut(position, MOST_PROBLEM)
        raise ValueError(f"{where}: {printable(problem)}") from None


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
