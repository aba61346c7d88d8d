"""
JSON from a file, checked against dataclasses: their fields say which keys an object has and what their values may be.

Known are str, bool, int, float, None in unions, tuples of any length, mappings, dataclasses, and Annotated with rules.
A file that is not so is refused with a ValueError of one line: where in the file, what is there, and what is accepted.
"""

import json
import types
from collections.abc import Callable, Mapping
from dataclasses import is_dataclass
from functools import cache
from typing import Annotated, Any, NamedTuple, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from fastinit.text import cut, meant, printable, quoted

T = TypeVar("T")

MOST_DIGITS = 40  # of an integer; no field accepts as many
NAME_SHOWN = 60  # characters of a foreign name in a path
KEYS_SHOWN = 120


class Within(NamedTuple):
    """A rule: the least and the greatest number."""

    low: float
    high: float


class Among(NamedTuple):
    """A rule: the texts that are accepted."""

    texts: tuple[str, ...]


class Count(NamedTuple):
    """A rule: how many characters, entries or elements there may be."""

    least: int
    most: int


class Flat:
    """A rule: the fields of this dataclass stand among those of the one around it."""


ANY_TEXT, ANY_COUNT, ANY_NUMBER = Count(0, 4000), Count(0, 1000), Within(0, 1e15)


def parsed(content: bytes) -> Any:
    """The JSON of a file."""
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"byte {error.start} is no UTF-8; accepted is JSON in UTF-8") from None
    if text.startswith("\ufeff"):
        raise ValueError("it begins with a byte order mark; accepted is JSON in UTF-8 without one")
    try:
        return json.loads(text, object_pairs_hook=Object, parse_int=integer)
    except RecursionError:
        raise ValueError("its brackets are nested too deeply") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"line {error.lineno}, column {error.colno}: {error.msg}") from None


class Object(dict[str, Any]):
    """An object of the file, which knows whether a key is there twice."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        self.twice: str | None = None
        if len(self) < len(pairs):
            seen: set[str] = set()
            self.twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]


class LongInteger:
    """An integer of more digits than any field accepts: Python refuses to convert the longest."""

    def __init__(self, digits: str) -> None:
        self.digits = digits

    def __repr__(self) -> str:
        return cut(self.digits, NAME_SHOWN)


def integer(digits: str) -> Any:
    return int(digits) if len(digits) <= MOST_DIGITS else LongInteger(digits)


# ---- Values ----------------------------------------------------------------------------------------------------------


def value_of(kind: type[T], data: Any, path: str = "") -> T:
    """What the data stands for, of that kind; path says where in the file it is."""
    return cast("T", _value(kind, data, path, ()))


def _value(kind: Any, data: Any, path: str, rules: tuple[Any, ...] = ()) -> Any:
    origin = get_origin(kind)
    if origin is Annotated:
        inner, *own = get_args(kind)
        return _value(inner, data, path, (*rules, *own))
    if origin in (types.UnionType, Union):
        (inner,) = (each for each in get_args(kind) if each is not type(None))
        return None if data is None else _value(inner, data, path, (*rules, None))
    read = _READERS.get(origin or kind, _dataclass)
    value, accepted = read(kind, data, path, {type(rule): rule for rule in rules})
    if value is REFUSED:
        null = ", or null" if None in rules else ""
        raise ValueError(f"{path or 'the report'}: {shown(data)} is not accepted; accepted is {accepted}{null}")
    return value


# Each gives the value, or REFUSED, and what is accepted in its place.
REFUSED = object()
Rules = Mapping[type, Any]


def _text(kind: Any, data: Any, path: str, rules: Rules) -> tuple[Any, str]:
    """A text; what would move a terminal's cursor, say, is escaped here once for all that print it."""
    among, count = rules.get(Among), rules.get(Count, ANY_TEXT)
    text = printable(data) if isinstance(data, str) else None
    if among is not None:
        return text if data in among.texts else REFUSED, f"one of {', '.join(among.texts)}"
    fits = text is not None and count.least <= len(text) <= count.most
    return text if fits else REFUSED, f"a text of {count.least} to {count.most} characters"


def _bool(kind: Any, data: Any, path: str, rules: Rules) -> tuple[Any, str]:
    return data if isinstance(data, bool) else REFUSED, "true or false"


def _number(kind: Any, data: Any, path: str, rules: Rules) -> tuple[Any, str]:
    """A number in its range; neither NaN nor a bool is in any."""
    low, high = rules.get(Within, ANY_NUMBER)
    types_accepted = (int,) if kind is int else (int, float)
    fits = isinstance(data, types_accepted) and not isinstance(data, bool) and low <= data <= high
    what = "an integer" if kind is int else "a number"
    return kind(data) if fits else REFUSED, f"{what} from {_figure(low)} to {_figure(high)}"


def _tuple(kind: Any, data: Any, path: str, rules: Rules) -> tuple[Any, str]:
    least, most = rules.get(Count, ANY_COUNT)
    if not isinstance(data, list) or not least <= len(data) <= most:
        return REFUSED, f"a list of {least} to {most} elements"
    inner = get_args(kind)[0]
    return tuple([_value(inner, each, f"{path}[{i}]") for i, each in enumerate(data)]), ""


def _mapping(kind: Any, data: Any, path: str, rules: Rules) -> tuple[Any, str]:
    least, most = rules.get(Count, ANY_COUNT)
    if not isinstance(data, dict) or not least <= len(data) <= most:
        return REFUSED, f"an object of {least} to {most} keys"
    _check_once(data, path)
    keys, values = get_args(kind)
    made: dict[str, Any] = {}
    for key, value in data.items():
        place = below(path, key)
        name = _value(keys, key, place)
        if name in made:
            raise ValueError(f"{place}: the same key as another, once it is escaped")
        made[name] = _value(values, value, place)
    return made, ""


def _dataclass(kind: Any, data: Any, path: str, rules: Rules) -> tuple[Any, str]:
    if not is_dataclass(kind):
        raise TypeError(f"no rule reads {kind!r}")
    hints = _hints(cast("Any", kind))
    listed = cut(", ".join(hints), KEYS_SHOWN)
    if not isinstance(data, dict):
        return REFUSED, f"an object with the keys {listed}"
    _check_once(data, path)
    for key in data:
        if key not in hints:
            unknown = f"the key {shown(key)} is unknown; accepted are {listed}{meant(key, hints)}"
            raise ValueError(f"{path or 'the report'}: {unknown}")
    return _made(kind, data, path), ""


def _made(kind: Any, data: dict[str, Any], path: str) -> Any:
    """The dataclass of an object of which the keys are known."""
    values = {}
    for name, hint in _fields(kind).items():
        if _is_flat(hint):
            values[name] = _made(get_args(hint)[0], data, path)
        elif name not in data:
            raise ValueError(f"{below(path, name)}: it is missing")
        else:
            values[name] = _value(hint, data[name], below(path, name))
    return kind(**values)


@cache
def _fields(kind: Any) -> dict[str, Any]:
    """The types of a dataclass's fields, with their rules."""
    return get_type_hints(kind, include_extras=True)


@cache
def _hints(kind: Any) -> dict[str, Any]:
    """The keys of a dataclass's object, and the types of their values."""
    found = {}
    for name, hint in _fields(kind).items():
        found.update(_hints(get_args(hint)[0]) if _is_flat(hint) else {name: hint})
    return found


def _is_flat(hint: Any) -> bool:
    return get_origin(hint) is Annotated and Flat in get_args(hint)[1:]


_READERS: Mapping[Any, Callable[[Any, Any, str, Rules], tuple[Any, str]]] = {
    str: _text,
    bool: _bool,
    int: _number,
    float: _number,
    tuple: _tuple,
    get_origin(Mapping[str, str]): _mapping,
}


# ---- Messages --------------------------------------------------------------------------------------------------------


def below(path: str, key: str) -> str:
    """The path of a key's value: 'sides.NumPy', "sides['NumPy SFC64']"."""
    if key.isascii() and key.isidentifier() and len(key) <= NAME_SHOWN:
        return f"{path}.{key}" if path else key
    return f"{path}[{cut(quoted(key), NAME_SHOWN)}]"


def shown(data: Any) -> str:
    """A value as a message shows it."""
    if isinstance(data, dict):
        return "an object"
    if isinstance(data, list):
        return f"a list of {len(data)}"
    if data is None or isinstance(data, bool):
        return json.dumps(data)
    return cut(quoted(data), KEYS_SHOWN)


def _check_once(data: dict[str, Any], path: str) -> None:
    twice = getattr(data, "twice", None)
    if twice is not None:
        raise ValueError(f"{below(path, twice)}: the key is there twice; accepted is each once")


def _figure(number: float) -> str:
    return str(number) if isinstance(number, int) else f"{number:g}"
