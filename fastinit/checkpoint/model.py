"""What --like says a model is: the files to be made, their headers, and where values could be copied from."""

import os
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from fastinit.checkpoint import header
from fastinit.checkpoint.header import BITS, FILLED, METADATA, Header, Tensor
from fastinit.files import check_target, led_to, read_regular
from fastinit.text import BOM, cut, listed, meant, named, quoted

# An index or a JSON of shapes is shorter than the headers that it leads to: of a longer one no file could be made.
MOST_BYTES = header.MOST_BYTES
WHOLE, INDEX = ".safetensors", ".safetensors.index.json"  # how the names of a model's one file and of its index end
WEIGHT_MAP = "weight_map"

_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
FROM_NUMPY = {theirs: own for own, theirs in FILLED.items()}


@dataclass(frozen=True)
class FilePlan:
    """A file to be made, and the one that it is like, if that holds values."""

    target: Path
    header: Header
    source: Path | None


@dataclass(frozen=True)
class Model:
    """The files of a model, the index over them, if there is one, with its text, and all files that say what it is."""

    files: tuple[FilePlan, ...]
    index: tuple[Path, bytes] | None
    read: tuple[Path, ...]

    @property
    def targets(self) -> list[Path]:
        return [plan.target for plan in self.files] + ([self.index[0]] if self.index else [])

    @property
    def tensors(self) -> dict[str, Tensor]:
        return {tensor.name: tensor for plan in self.files for tensor in plan.header.tensors}

    @property
    def copied_names(self) -> frozenset[str]:
        """The tensors whose values are there to be copied."""
        return frozenset(tensor.name for plan in self.files if plan.source for tensor in plan.header.tensors)


def path_of(argument: str, value: str | os.PathLike[str]) -> Path:
    """The path that an argument is; an empty one, which Path would take for the current folder, is a ValueError."""
    if not os.fspath(value):
        raise ValueError(f"{argument}={value!r}; accepted is the path of a file")
    return Path(value)


def read_model(like: Path, out: Path, dtype: str | None) -> Model:
    """The model to be made at out: like a .safetensors file, an index of several or a JSON of shapes, or a folder's."""
    if like.is_dir():
        like = in_folder(like)
    content = read_json(like) if like.suffix.lower() == ".json" else None
    entries = None if content is None else _entries(like, content)
    if dtype is not None and (entries is None or WEIGHT_MAP in entries):
        raise ValueError(f"dtype={quoted(dtype)}; {named(like)} has dtypes of its own, only a JSON of shapes takes one")
    if content is not None and entries is not None and WEIGHT_MAP in entries:
        return _indexed(like, content, out, entries[WEIGHT_MAP])
    if out.suffix.lower() == ".json":
        raise ValueError(
            f"out={quoted(str(out))} for one file of tensors; accepted is a name that ends in {WHOLE}, say, and not in "
            ".json as that of an index does"
        )
    if entries is None:
        return Model((FilePlan(out, header.read_header(like), like),), None, (like,))
    try:
        return Model((FilePlan(out, _of_shapes(entries, dtype), None),), None, (like,))
    except ValueError as error:
        raise ValueError(f"{named(like)}: {error}") from None


def in_folder(folder: Path) -> Path:
    """The index, or else the one file, of the model in a folder; ValueError if it is not clear which that is."""
    # Hidden files are no models: macOS puts one beside each file on file systems that are not its own.
    names = sorted(name for name in os.listdir(folder) if not name.startswith(".") and (folder / name).is_file())
    for end in (INDEX, WHOLE):
        found = [name for name in names if name.endswith(end)]
        if f"model{end}" in found:
            return folder / f"model{end}"
        if len(found) == 1:
            return folder / found[0]
        if found:
            raise ValueError(f"{named(folder)} holds {listed(found)}; name the file that is meant")
    raise ValueError(f"{named(folder)} is a folder without a {WHOLE} file or an index of some ({INDEX})")


def check_targets(model: Model, rules: Path | os.stat_result | None, force: bool) -> None:
    """Raises an error if a file to be made is one that is read, or is there and may not be replaced."""
    read = [(path.stat(), "what the new checkpoint is to be like") for path in model.read]
    if rules is not None:
        read.append((rules.stat() if isinstance(rules, Path) else rules, "the rules"))
    for target in model.targets:
        if there := led_to(target):
            for identity, what in read:
                if os.path.samestat(there, identity):
                    raise ValueError(f"cannot write {named(target)}: it is {what}")
        check_target(target, force)


def read_json(path: Path) -> bytes:
    try:
        return read_regular(path, MOST_BYTES, "an index or a JSON of shapes")
    except ValueError as error:
        raise ValueError(f"{named(path)}: {error}") from None


def _entries(path: Path, content: bytes) -> dict[str, Any]:
    text = content.removeprefix(BOM)  # which editors put there: shapes are written by hand
    try:
        entries = header.parse_json(text, "its content", header.IN_SHAPES)
        if WEIGHT_MAP in entries and text != content:
            raise ValueError("it begins with a byte order mark (BOM), with which other programs read no index")
    except ValueError as error:
        raise ValueError(f"{named(path)}: {error}") from None
    return entries


# ---- An index --------------------------------------------------------------------------------------------------------


def _indexed(like: Path, content: bytes, out: Path, weight_map: object) -> Model:
    if not isinstance(weight_map, dict):
        raise ValueError(f"{named(like)}: {WEIGHT_MAP} must map the names of tensors to those of files")
    if out.suffix.lower() != ".json":
        raise ValueError(
            f"out={quoted(str(out))} for the index that {named(like)} is; accepted is a name that ends in .json"
        )
    # Beside the index by the name it was given: in a cache it may be a link to a place where no parts are.
    sources = [like.with_name(name) for name in _file_names(like, out, weight_map)]
    files = tuple(FilePlan(out.with_name(source.name), header.read_header(source), source) for source in sources)
    for problem in _disagreements(weight_map, files):
        raise ValueError(f"{named(like)}: {problem}")
    return Model(files, (out, content), (like, *sources))


def _file_names(like: Path, out: Path, weight_map: Mapping[str, object]) -> list[str]:
    """The names of the parts, which lead to no other folder, under any system's rules, and are different on any."""
    taken = {_folded(out.name): out.name}
    names: dict[str, None] = {}
    for file in weight_map.values():
        if isinstance(file, str) and file in names:
            continue
        if not isinstance(file, str) or not _is_plain(file):
            raise ValueError(
                f"{named(like)}: {WEIGHT_MAP} names the file {quoted(file)}; accepted are plain names of files beside "
                "it"
            )
        name = file
        if other := taken.get(_folded(name)):
            raise ValueError(
                f"{named(like)}: a new file {quoted(name)} is impossible: {quoted(other)} is made beside it, the same "
                "name where upper and lower case are one"
            )
        taken[_folded(name)] = name
        names[name] = None
    return list(names)


def _is_plain(name: str) -> bool:
    """Whether a name leads to a file in its folder, and nowhere else, under any system's rules."""
    if not name.isprintable() or not all(kind(name).name == name for kind in (PurePosixPath, PureWindowsPath)):
        return False
    # Windows drops dots and spaces at the end, and has streams of files, patterns and devices.
    return name[-1:] not in ("", ".", " ") and not set(name) & set('<>:"|?*') and not _DEVICES.fullmatch(name)


def _folded(name: str) -> str:
    """What names have in common that are the same on a file system which ignores case, or accents' composition."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", name).casefold())


def _disagreements(weight_map: dict[str, str], files: tuple[FilePlan, ...]) -> Iterator[str]:
    """What the index says and the headers do not, or the other way round."""
    said: dict[str, set[str]] = {plan.target.name: set() for plan in files}
    for name, file in weight_map.items():
        said[file].add(name)
    for plan in files:
        held, file = {tensor.name for tensor in plan.header.tensors}, plan.target.name
        if missing := said[file] - held:
            yield f"{WEIGHT_MAP} has {listed(sorted(missing))} in {cut(file)}, which does not hold it"
        if more := held - said[file]:
            yield f"{cut(file)} holds {listed(sorted(more))}, which {WEIGHT_MAP} does not have there"


# ---- A JSON of shapes ------------------------------------------------------------------------------------------------


def _of_shapes(entries: dict[str, Any], dtype: str | None) -> Header:
    default = None if dtype is None else _dtype("dtype", dtype)
    metadata = entries.pop(METADATA, None)
    if metadata is not None:
        header.check_metadata(metadata)
    header.check_room(entries)
    return header.new_header({name: _size(name, entry, default) for name, entry in entries.items()}, metadata)


def _size(name: str, entry: object, default: str | None) -> tuple[str, tuple[int, ...]]:
    if isinstance(entry, list):
        if default is None:
            raise ValueError(
                f"tensor {quoted(name)} has a shape and no dtype; --dtype (in Python, dtype=) gives it one"
            )
        return default, header.check_shape(name, entry)
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape"}:
        raise ValueError(
            f'tensor {quoted(name)}: {quoted(entry)}; accepted is {{"dtype": "F32", "shape": [2, 3]}} or a shape alone'
        )
    return _dtype(f"tensor {quoted(name)}: dtype", entry["dtype"]), header.check_shape(name, entry["shape"])


def _dtype(what: str, name: object) -> str:
    """The file format's name of a dtype."""
    found = FROM_NUMPY.get(name, name) if isinstance(name, str) else None
    if found not in BITS:
        close = meant(name, (*FROM_NUMPY, *BITS)) if isinstance(name, str) else ""
        raise ValueError(f"{what}={quoted(name)}; accepted are {', '.join(FROM_NUMPY)}, {', '.join(BITS)}{close}")
    return str(found)
