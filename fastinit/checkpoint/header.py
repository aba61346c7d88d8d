"""The header of a .safetensors file: names, dtypes, shapes and places of its tensors, read strictly, and written."""

import json
import math
import os
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

import numpy as np

from fastinit.dtypes import DTYPES
from fastinit.files import open_regular
from fastinit.text import BOM, decoded, named, quoted

_Shape: TypeAlias = tuple[int, ...]

LENGTH_BYTES = 8
MOST_BYTES = 100_000_000  # the format's limit
ALIGNMENT = 8
DEEPEST = 127  # objects and arrays inside of each other; safetensors reads no more
DIGITS = 1000  # of one number
METADATA = "__metadata__"
LARGEST = 2**63 - 1  # what a file offset and a tensor's size can be

# The memory that a parsed JSON takes depends on its objects, arrays and names, so a text may have no more of these than
# one that is of use. The shortest tensor in a header, "a":{"dtype":"U8","shape":[],"data_offsets":[0,0]}, has 3 objects
# and arrays and 4 names in 51 bytes; the shortest in a JSON of shapes is "a":[]. If that has more tensors than the
# longest header has room for, no file can be made of it.
SLACK = 10_000
_SHORTEST = 51


@dataclass(frozen=True)
class Limits:
    """How few bytes a text has for each of its objects and arrays, and for each of its names; and how many at most."""

    per_container: int
    per_name: int
    containers: int = MOST_BYTES // _SHORTEST * 3
    names: int = MOST_BYTES // _SHORTEST * 4


IN_HEADER = Limits(16, 12)
IN_SHAPES = Limits(6, 7)

# Those of the format's dtypes that a fill takes, and what NumPy and ml_dtypes call them; and the bits of an element of
# all, of which the last can only be copied.
_BY_DRAWS = sorted(DTYPES, key=lambda dtype: (("reals", "words", "", "complex").index(dtype.draws), -dtype.bits))
FILLED = {dtype.stored: dtype.name for dtype in _BY_DRAWS if dtype.stored}
BITS = {**{dtype.stored: dtype.bits for dtype in _BY_DRAWS if dtype.stored}, "F6_E2M3": 6, "F6_E3M2": 6, "F4": 4}


@dataclass(frozen=True)
class Tensor:
    """A tensor of a file: bytes begin to end of the data, which follow the header."""

    name: str
    dtype: str
    shape: _Shape
    begin: int
    end: int

    @property
    def elements(self) -> int:
        return (self.end - self.begin) * 8 // BITS[self.dtype]


@dataclass(frozen=True)
class Header:
    """What a new file begins with, its tensors in the order of their data, and where the data began in the old file."""

    prefix: bytes
    tensors: tuple[Tensor, ...]
    source_begin: int
    source_status: os.stat_result | None = None

    @property
    def file_size(self) -> int:
        return len(self.prefix) + (self.tensors[-1].end if self.tensors else 0)


def read_header(path: Path) -> Header:
    """The header of a file, exactly as long as it says; ValueError says what is wrong with it."""
    with open_regular(path) as file:
        status = os.fstat(file.fileno())
        try:
            return replace(_read(file, status.st_size), source_status=status)
        except ValueError as error:
            raise ValueError(f"{named(path)}: {error}") from None


def _read(file: BinaryIO, size: int) -> Header:
    length = int.from_bytes(file.read(LENGTH_BYTES), "little")
    if size < LENGTH_BYTES + length:
        raise ValueError(
            f"the header should take {length} bytes from byte {LENGTH_BYTES} on, but the file ends at byte {size}; "
            "it is no .safetensors file or was cut off"
        )
    if length > MOST_BYTES:
        raise ValueError(f"the header should take {length} bytes; the format allows {MOST_BYTES}")
    text = file.read(length)
    if not text.startswith(b"{"):
        begin = "a byte order mark (BOM)" if text.startswith(BOM) else repr(text[:1])
        raise ValueError(f"the header, at byte {LENGTH_BYTES}, begins with {begin} and not with a brace")
    entries = parse_json(text, "the header", IN_HEADER)
    check_metadata(entries.pop(METADATA, None))
    tensors = in_order(_tensor(name, entry) for name, entry in entries.items())
    header = Header(_prefix(text), tensors, LENGTH_BYTES + length)
    end = header.source_begin + (tensors[-1].end if tensors else 0)
    if size != end:
        raise ValueError(f"its tensors end at byte {end}, but the file at byte {size}")
    return header


def new_header(sizes: dict[str, tuple[str, _Shape]], metadata: dict[str, str] | None) -> Header:
    """The header of a new file for dtypes and shapes; the widest first, so that all of them are aligned."""
    entries: dict[str, Any] = {} if metadata is None else {METADATA: metadata}
    tensors = []
    begin = 0
    for name, (dtype, shape) in sorted(sizes.items(), key=lambda item: -BITS[item[1][0]]):
        end = begin + byte_count(name, dtype, shape)
        entries[name] = {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}
        tensors.append(Tensor(name, dtype, shape, begin, end))
        begin = end
    prefix = _prefix(json.dumps(entries, ensure_ascii=False, separators=(",", ":")).encode())
    if len(prefix) - LENGTH_BYTES > MOST_BYTES:
        raise ValueError(f"the header would take {len(prefix)} bytes; the format allows {MOST_BYTES}")
    if len(prefix) + begin > LARGEST:
        raise ValueError(f"the file would take {len(prefix) + begin} bytes, more than 2**63 - 1")
    return Header(prefix, tuple(tensors), 0)


def check_room(names: Collection[str]) -> None:
    """ValueError if no header has room for so many tensors of these names: it would be made in vain."""
    if (least := sum(map(len, names)) + len(names) * (_SHORTEST - len("a,"))) > MOST_BYTES:
        raise ValueError(f"the header would take more than {least} bytes; the format allows {MOST_BYTES}")


def parse_json(text: bytes, what: str, limits: Limits) -> dict[str, Any]:
    """The JSON object that a text is; ValueError if it is none, a key comes twice, or it is beyond the limits."""
    try:
        _check_structure(text, limits)
        parsed = json.loads(
            decoded(text, what),
            object_pairs_hook=_unique,
            parse_int=_integer,
            parse_float=_float,
            parse_constant=_no_constant,
        )
    except UnicodeError as error:
        raise ValueError(str(error)) from None
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{what} is not the JSON that it should be: {error}") from None
    if not isinstance(parsed, dict):
        raise ValueError(f"{what} is not a JSON object but {quoted(parsed)}")
    return parsed


def _check_structure(text: bytes, limits: Limits) -> None:
    """ValueError for a text that would take far more memory when it is parsed than one of its length may."""
    if b"\\" in text:  # leave only those quotation marks that begin and end a string
        text = text.replace(b"\\\\", b"").replace(b'\\"', b"")
    inside = depth = deepest = containers = names = 0
    step = 1 << 18
    for begin in range(0, len(text), step):
        piece = np.frombuffer(text, np.uint8, min(step, len(text) - begin), begin)
        quotes = np.cumsum(piece == ord('"'), dtype=np.uint8) + np.uint8(inside)  # modulo 256: odd inside of a string
        outside = quotes & 1 == 0
        folded = piece | 0x20  # brackets become braces
        opens = (folded == ord("{")) & outside
        depths = np.cumsum(opens.view(np.int8) - ((folded == ord("}")) & outside).view(np.int8), dtype=np.int64)
        deepest = max(deepest, depth + int(depths.max()))
        depth += int(depths[-1])
        inside = int(quotes[-1]) & 1
        containers += int(np.count_nonzero(opens))
        names += int(np.count_nonzero((piece == ord(":")) & outside))
    if deepest > DEEPEST:
        raise ValueError(f"it is nested more than {DEEPEST} deep")
    for count, per, most, what in (
        (containers, limits.per_container, limits.containers, "objects and arrays"),
        (names, limits.per_name, limits.names, "names"),
    ):
        if count > (accepted := min(len(text) // per + SLACK, most)):
            raise ValueError(f"it holds {count:,} {what}; accepted in {len(text):,} bytes are {accepted:,}")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the name {quoted(key)} comes twice")
        _check_unicode(key)
        _check_unicode(value)
        found[key] = value
    return found


def _check_unicode(value: object) -> None:
    """ValueError for a text, or one in an array, that other readers refuse."""
    if isinstance(value, list):
        for each in value:
            _check_unicode(each)
    elif isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            raise ValueError(f"{quoted(value)} is no Unicode: it holds half of a surrogate pair") from None


def _integer(text: str) -> int | float:
    # Where others read an integer, they do not read -0, which is a float.
    return int(text) if len(text) <= 20 and text != "-0" else _float(text)


def _float(text: str) -> float:
    if len(text) > DIGITS:
        raise ValueError(f"a number takes {len(text):,} characters; accepted are {DIGITS:,}")
    if math.isinf(number := float(text)):
        raise ValueError(f"{quoted(text)} is more than a float64 holds")
    return number


def _no_constant(text: str) -> None:
    raise ValueError(f"{text} is no number of JSON")


def check_metadata(metadata: object) -> None:
    if metadata is None:
        return
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise ValueError(f"{METADATA} must map text to text")


def check_shape(name: str, shape: object) -> _Shape:
    """The shape that a list of sizes is; their product may not overflow at any axis, as readers of the format check."""
    if not isinstance(shape, list) or not all(type(size) is int and 0 <= size <= LARGEST for size in shape):
        raise ValueError(f"tensor {quoted(name)}: shape={quoted(shape)}; accepted is a list of integers in [0, 2**63)")
    count = 1
    for size in shape:
        count *= size
        if count > LARGEST:
            raise ValueError(f"tensor {quoted(name)}: shape={quoted(shape)} is of 2**63 elements or more")
    return tuple(shape)


def byte_count(name: str, dtype: str, shape: _Shape) -> int:
    bits = BITS[dtype]
    for size in shape:
        bits *= size
    if bits % 8:
        raise ValueError(f"tensor {quoted(name)}: {dtype} of shape={quoted(list(shape))} does not end at a whole byte")
    return bits // 8


def _tensor(name: str, entry: object) -> Tensor:
    # Other keys may be there, as the format's own reader has it.
    if not isinstance(entry, dict) or not {"dtype", "shape", "data_offsets"} <= set(entry):
        raise ValueError(
            f"tensor {quoted(name)}: {quoted(entry)}; accepted is an object of dtype, shape and data_offsets"
        )
    dtype, offsets = entry["dtype"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in BITS:
        raise ValueError(f"tensor {quoted(name)}: dtype={quoted(dtype)}; accepted are {', '.join(BITS)}")
    shape = check_shape(name, entry["shape"])
    if not (isinstance(offsets, list) and len(offsets) == 2 and all(type(offset) is int for offset in offsets)):
        raise ValueError(f"tensor {quoted(name)}: data_offsets={quoted(offsets)}; accepted are two integers")
    begin, end = offsets
    size = byte_count(name, dtype, shape)
    if end - begin != size:
        raise ValueError(
            f"tensor {quoted(name)}: data_offsets={quoted(offsets)} hold {end - begin} bytes; {dtype} of "
            f"shape={quoted(list(shape))} "
            f"takes {size}"
        )
    return Tensor(name, dtype, shape, begin, end)


def in_order(tensors: Iterable[Tensor]) -> tuple[Tensor, ...]:
    """The tensors in the order of their data, which has neither holes nor overlaps."""
    ordered = tuple(sorted(tensors, key=lambda tensor: (tensor.begin, tensor.end)))
    expected = 0
    for tensor in ordered:
        if tensor.begin != expected:
            raise ValueError(
                f"tensor {quoted(tensor.name)}: its data begins at {tensor.begin}, but what is before it ends at "
                f"{expected}"
            )
        expected = tensor.end
    return ordered


def _prefix(text: bytes) -> bytes:
    """The header's length and text, ended by spaces where the data can be aligned."""
    padded = text + b" " * (-len(text) % ALIGNMENT)
    return len(padded).to_bytes(LENGTH_BYTES, "little") + padded
