"""The header of a .safetensors file: names, dtypes, shapes and places of its tensors, read strictly, and written."""

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

_Shape: TypeAlias = tuple[int, ...]

LENGTH_BYTES = 8
MOST_BYTES = 100_000_000  # the format's limit
ALIGNMENT = 8
METADATA = "__metadata__"
LARGEST = 2**63 - 1  # what a file offset and a tensor's size can be

# The format's dtypes, and their bits an element.
BITS = {
    **dict.fromkeys(("F64", "I64", "U64", "C64"), 64),
    **dict.fromkeys(("F32", "I32", "U32"), 32),
    **dict.fromkeys(("F16", "BF16", "I16", "U16"), 16),
    **dict.fromkeys(("BOOL", "U8", "I8", "F8_E5M2", "F8_E4M3", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ"), 8),
    **dict.fromkeys(("F6_E2M3", "F6_E3M2"), 6),
    "F4": 4,
}

# Those that a fill takes, and what NumPy and ml_dtypes call them.
FILLED = {
    **{"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16"},
    **{"U64": "uint64", "U32": "uint32"},
    **{"I64": "int64", "I32": "int32", "I16": "int16", "I8": "int8", "U16": "uint16", "U8": "uint8", "BOOL": "bool"},
    **{"C64": "complex64", "F8_E5M2": "float8_e5m2", "F8_E4M3": "float8_e4m3fn", "F8_E8M0": "float8_e8m0fnu"},
    **{"F8_E4M3FNUZ": "float8_e4m3fnuz", "F8_E5M2FNUZ": "float8_e5m2fnuz"},
}


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

    @property
    def file_size(self) -> int:
        return len(self.prefix) + (self.tensors[-1].end if self.tensors else 0)


def read_header(path: Path) -> Header:
    """The header of a file, exactly as long as it says; ValueError says what is wrong with it."""
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        try:
            return _read(file, size)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None


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
        raise ValueError(f"the header, at byte {LENGTH_BYTES}, begins with {text[:1]!r} and not with a brace")
    entries = parse_json(text, "the header")
    check_metadata(entries.pop(METADATA, {}))
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


def parse_json(text: bytes, what: str) -> dict[str, Any]:
    """The JSON object that a text is; ValueError if it is none, or a key comes twice."""
    try:
        parsed = json.loads(text.decode(), object_pairs_hook=_unique, parse_int=_integer, parse_constant=_no_constant)
    except UnicodeDecodeError as error:
        raise ValueError(f"{what} is not UTF-8: {error}") from None
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{what} is not the JSON that it should be: {error}") from None
    if not isinstance(parsed, dict):
        raise ValueError(f"{what} is not a JSON object but {parsed!r:.40}")
    return parsed


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the name {key!r} comes twice")
        _check_unicode(key)
        found[key] = value
    return found


def _check_unicode(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{text!r} is no Unicode: it holds half of a surrogate pair") from None


def _integer(text: str) -> int:
    if text == "-0":
        raise ValueError("-0 is no integer to other readers")
    return int(text)


def _no_constant(text: str) -> None:
    raise ValueError(f"{text} is no number of JSON")


def check_metadata(metadata: object) -> None:
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise ValueError(f"{METADATA} must map text to text")
    for value in metadata.values():
        _check_unicode(value)


def check_shape(name: str, shape: object) -> _Shape:
    """The shape that a list of sizes is; their product may not overflow at any axis, as readers of the format check."""
    if not isinstance(shape, list) or not all(type(size) is int and 0 <= size <= LARGEST for size in shape):
        raise ValueError(f"tensor {name!r}: shape={shape!r:.80}; accepted is a list of integers in [0, 2**63)")
    count = 1
    for size in shape:
        count *= size
        if count > LARGEST:
            raise ValueError(f"tensor {name!r}: shape={shape} is of 2**63 elements or more")
    return tuple(shape)


def byte_count(name: str, dtype: str, shape: _Shape) -> int:
    bits = BITS[dtype]
    for size in shape:
        bits *= size
    if bits % 8:
        raise ValueError(f"tensor {name!r}: {dtype} of shape={list(shape)} does not end at a whole byte")
    return bits // 8


def _tensor(name: str, entry: object) -> Tensor:
    keys = {"dtype", "shape", "data_offsets"}
    if not isinstance(entry, dict) or set(entry) != keys:
        raise ValueError(f"tensor {name!r}: {entry!r:.80}; accepted is an object of dtype, shape and data_offsets")
    dtype, offsets = entry["dtype"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in BITS:
        raise ValueError(f"tensor {name!r}: dtype={dtype!r:.40}; accepted are {', '.join(BITS)}")
    shape = check_shape(name, entry["shape"])
    if not (isinstance(offsets, list) and len(offsets) == 2 and all(type(offset) is int for offset in offsets)):
        raise ValueError(f"tensor {name!r}: data_offsets={offsets!r:.80}; accepted are two integers")
    begin, end = offsets
    size = byte_count(name, dtype, shape)
    if end - begin != size:
        raise ValueError(
            f"tensor {name!r}: data_offsets={offsets} hold {end - begin} bytes; {dtype} of shape={list(shape)} "
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
                f"tensor {tensor.name!r}: its data begins at {tensor.begin}, but what is before it ends at {expected}"
            )
        expected = tensor.end
    return ordered


def _prefix(text: bytes) -> bytes:
    """The header's length and text, ended by spaces where the data can be aligned."""
    padded = text + b" " * (-len(text) % ALIGNMENT)
    return len(padded).to_bytes(LENGTH_BYTES, "little") + padded
