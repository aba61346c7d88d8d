"""
JSON from a file, checked against dataclasses: their fields say which keys an object has and what their values may be.

Known are str, bool, int, float, None in unions, tuples of any length, mappings, dataclasses, and Annotated with rules.
A file that is not so is refused with a ValueError of one line: where in the file, what is there, and what is accepted.
"""

import json
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass, is_dataclass
from functools import cache
from typing import Annotated, Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from fastinit.text import cut, meant, printable, quoted

T = TypeVar("T")

MOST_DIGITS = 40  # of an integer; no field accepts as many
NAME_SHOWN = 60  # characters of a foreign name in a path
KEYS_SHOWN = 120


@dataclass(frozen=True)
class Within:
    """A rule: the least and the greatest number."""

    low: float
    high: float


@dataclass(frozen=True)
class Among:
    """A rule: the texts that are accepted."""

    texts: tuple[str, ...]


@dataclass(frozen=True)
class Count:
    """A rule: how many characters, entries or elements there may be."""

    least: int
    most: int


class Flat:
    """A rule: the fields of this dataclass stand among those of the one around it."""


ANY_TEXT = Count(0, 4000)
ANY_COUNT = Count(0, 1000)


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


def _value(kind: Any, data: Any, path: str, rules: tuple[Any, ...]) -> Any:
    origin = get_origin(kind)
    if origin is Annotated:
        inner, *own = get_args(kind)
        return _value(inner, data, path, (*rules, *own))
    if origin in (types.UnionType, Union):
        (inner,) = (each for each in get_args(kind) if each is not type(None))
        return None if data is None else _value(inner, data, path, (*rules, None))
    read = cast("Callable[..., Any]", _READERS.get(origin or kind, _dataclass))
    return read(kind, data, path, rules)


def _text(kind: Any, data: Any, path: str, rules: tuple[Any, ...]) -> str:
    """A text; what would move a terminal's cursor, say, is escaped here once for all that print it."""
    among = _rule(rules, Among)
    count = _rule(rules, Count) or ANY_TEXT
    if among is not None:
        accepted = f"one of {', '.join(among.texts)}"
    else:
        accepted = f"a text of {count.least} to {count.most} characters"
    if not isinstance(data, str) or (among is not None and data not in among.texts):
        raise _refusal(path, data, accepted, rules)
    text = printable(data)
    if among is None and not count.least <= len(text) <= count.most:
        raise _refusal(path, data, accepted, rules)
    return text


def _bool(kind: Any, data: Any, path: str, rules: tuple[Any, ...]) -> bool:
    if not isinstance(data, bool):
        raise _refusal(path, data, "true or false", rules)
    return data


def _number(kind: Any, data: Any, path: str, rules: tuple[Any, ...]) -> int | float:
    """A number in its range; neither NaN nor a bool is in any."""
    within = _rule(rules, Within) or Within(0, 1e15)
    types_accepted = (int,) if kind is int else (int, float)
    if isinstance(data, bool) or not isinstance(data, types_accepted) or not within.low <= data <= within.high:
        what = "an integer" if kind is int else "a number"
        raise _refusal(path, data, f"{what} from {_figure(within.low)} to {_figure(within.high)}", rules)
    return cast("int | float", kind(data))


def _tuple(kind: Any, data: Any, path: str, rules: tuple[Any, ...]) -> tuple[Any, ...]:
    count = _rule(rules, Count) or ANY_COUNT
    if not isinstance(data, list) or not count.least <= len(data) <= count.most:
        raise _refusal(path, data, f"a list of {count.least} to {count.most} elements", rules)
    inner = get_args(kind)[0]
    return tuple(_value(inner, each, f"{path}[{i}]", ()) for i, each in enumerate(data))


def _mapping(kind: Any, data: Any, path: str, rules: tuple[Any, ...]) -> dict[str, Any]:
    count = _rule(rules, Count) or ANY_COUNT
    if not isinstance(data, dict) or not count.least <= len(data) <= count.most:
        raise _refusal(path, data, f"an object of {count.least} to {count.most} keys", rules)
    _check_once(data, path)
    keys, values = get_args(kind)
    made: dict[str, Any] = {}
    for key, value in data.items():
        place = below(path, key)
        name = _value(keys, key, place, ())
        if name in made:
            raise ValueError(f"{place}: the same key as another, once it is escaped")
        made[name] = _value(values, value, place, ())
    return made


def _dataclass(kind: Any, data: Any, path: str, rules: tuple[Any, ...]) -> Any:
    if not is_dataclass(kind):
        raise TypeError(f"no rule reads {kind!r}")
    hints = _hints(cast("Any", kind))
    if not isinstance(data, dict):
        raise _refusal(path, data, f"an object with the keys {_listed(hints)}", rules)
    _check_once(data, path)
    for key in data:
        if key not in hints:
            raise ValueError(
                f"{path or 'the report'}: the key {shown(key)} is unknown; accepted are {_listed(hints)}"
                f"{meant(key, hints)}"
            )
    return _made(kind, data, path)


def _made(kind: Any, data: dict[str, Any], path: str) -> Any:
    """The dataclass of an object of which the keys are known."""
    values = {}
    for name, hint in _fields(kind).items():
        if _is_flat(hint):
            values[name] = _made(get_args(hint)[0], data, path)
        elif name not in data:
            raise ValueError(f"{below(path, name)}: it is missing")
        else:
            values[name] = _value(hint, data[name], below(path, name), ())
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


_READERS = {
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


def _refusal(path: str, data: Any, accepted: str, rules: tuple[Any, ...]) -> ValueError:
    null = ", or null" if None in rules else ""
    return ValueError(f"{path or 'the report'}: {shown(data)} is not accepted; accepted is {accepted}{null}")


def _check_once(data: dict[str, Any], path: str) -> None:
    twice = getattr(data, "twice", None)
    if twice is not None:
        raise ValueError(f"{below(path, twice)}: the key is there twice; accepted is each once")


def _listed(names: Mapping[str, Any]) -> str:
    return cut(", ".join(names), KEYS_SHOWN)


def _rule(rules: tuple[Any, ...], kind: type[T]) -> T | None:
    return next((rule for rule in rules if isinstance(rule, kind)), None)


def _figure(number: float) -> str:
    return str(number) if isinstance(number, int) else f"{number:g}"
