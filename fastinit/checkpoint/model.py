"""What --like says a model is: the files to be made, their headers, and where values could be copied from."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from fastinit.checkpoint import header
from fastinit.checkpoint.header import BITS, FILLED, METADATA, Header, Tensor
from fastinit.recipe import listed

PARTIAL = ".partial"
WEIGHT_MAP = "weight_map"

FROM_NUMPY = {theirs: own for own, theirs in FILLED.items()}


@dataclass(frozen=True)
class Part:
    """A file to be made, and the one that it is like, if that holds values."""

    target: Path
    header: Header
    source: Path | None


@dataclass(frozen=True)
class Model:
    """The files of a model, and the index over them, if there is one, with its text."""

    parts: tuple[Part, ...]
    index: tuple[Path, bytes] | None = None

    @property
    def targets(self) -> list[Path]:
        return [part.target for part in self.parts] + ([self.index[0]] if self.index else [])

    @property
    def tensors(self) -> dict[str, Tensor]:
        return {tensor.name: tensor for part in self.parts for tensor in part.header.tensors}

    @property
    def copied_names(self) -> frozenset[str]:
        """The tensors whose values are there to be copied."""
        return frozenset(tensor.name for part in self.parts if part.source for tensor in part.header.tensors)


def read_model(like: Path, out: Path, dtype: str | None) -> Model:
    """The model to be made at out: like a .safetensors file, an index of several, or a JSON of shapes."""
    entries = _entries(like) if like.suffix == ".json" else None
    if dtype is not None and (entries is None or WEIGHT_MAP in entries):
        raise ValueError(f"dtype={dtype!r}; {like} has dtypes of its own, only a JSON of shapes takes one")
    if entries is None:
        return Model((Part(out, header.read_header(like), like),))
    if WEIGHT_MAP in entries:
        return _indexed(like, out, entries[WEIGHT_MAP])
    try:
        return Model((Part(out, _of_shapes(entries, dtype), None),))
    except ValueError as error:
        raise ValueError(f"{like}: {error}") from None


def check_targets(model: Model, like: Path, force: bool) -> None:
    """Raises an error if a file to be made is one that is read, or is there and may not be replaced."""
    read_files = [like, *(part.source for part in model.parts if part.source)]
    for target in model.targets:
        if not target.parent.is_dir():
            raise FileNotFoundError(f"cannot write {target}: {target.parent} is no folder")
        for path in (target, partial(target)):
            if path.exists() and any(path.samefile(other) for other in read_files):
                raise ValueError(f"cannot write {target}: {path} is what the new checkpoint is to be like")
        if target.is_dir():
            raise IsADirectoryError(f"cannot write {target}: it is a folder")
        if not force and (target.exists() or target.is_symlink()):
            raise FileExistsError(f"cannot write {target}: it exists; --force (in Python, force=True) replaces it")


def partial(target: Path) -> Path:
    """The name of a file as long as it is not finished."""
    return target.with_name(target.name + PARTIAL)


def _entries(path: Path) -> dict[str, Any]:
    try:
        return header.parse_json(path.read_bytes(), "its content")
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


# ---- An index --------------------------------------------------------------------------------------------------------


def _indexed(like: Path, out: Path, weight_map: object) -> Model:
    if not isinstance(weight_map, dict):
        raise ValueError(f"{like}: {WEIGHT_MAP} must map the names of tensors to those of files")
    names = dict.fromkeys(_file_name(like, out, file) for file in weight_map.values())
    # Beside the index by the name it was given: in a cache it may be a link to a place where no parts are.
    sources = [like.with_name(name) for name in names]
    parts = tuple(Part(out.with_name(source.name), header.read_header(source), source) for source in sources)
    for problem in _disagreements(weight_map, parts):
        raise ValueError(f"{like}: {problem}")
    return Model(parts, (out, like.read_bytes()))


def _file_name(like: Path, out: Path, file: object) -> str:
    """The name of a part, which leads to no other folder, under any system's rules."""
    plain = isinstance(file, str) and file not in ("", ".", "..") and file.isprintable()
    if not plain or not all(kind(str(file)).name == file for kind in (PurePosixPath, PureWindowsPath)):
        raise ValueError(f"{like}: {WEIGHT_MAP} names the file {file!r}; accepted are plain names of files beside it")
    if file == out.name or str(file).endswith(PARTIAL):
        raise ValueError(f"{like}: a new file {file!r} is impossible: unfinished files or the index have such a name")
    return str(file)


def _disagreements(weight_map: dict[str, str], parts: tuple[Part, ...]) -> Iterator[str]:
    """What the index says and the headers do not, or the other way round."""
    for part in parts:
        held = {tensor.name for tensor in part.header.tensors}
        said = {name for name, file in weight_map.items() if file == part.target.name}
        if said - held:
            yield f"{WEIGHT_MAP} has {listed(sorted(said - held))} in {part.target.name}, which does not hold it"
        if held - said:
            yield f"{part.target.name} holds {listed(sorted(held - said))}, which {WEIGHT_MAP} does not have there"


# ---- A JSON of shapes ------------------------------------------------------------------------------------------------


def _of_shapes(entries: dict[str, Any], dtype: str | None) -> Header:
    default = None if dtype is None else _dtype("dtype", dtype)
    metadata = entries.pop(METADATA, None)
    if metadata is not None:
        header.check_metadata(metadata)
    return header.new_header({name: _size(name, entry, default) for name, entry in entries.items()}, metadata)


def _size(name: str, entry: object, default: str | None) -> tuple[str, tuple[int, ...]]:
    if isinstance(entry, list):
        if default is None:
            raise ValueError(f"tensor {name!r} has a shape and no dtype; --dtype (in Python, dtype=) gives it one")
        return default, header.check_shape(name, entry)
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape"}:
        raise ValueError(
            f'tensor {name!r}: {entry!r:.80}; accepted is {{"dtype": "F32", "shape": [2, 3]}} or a shape alone'
        )
    return _dtype(f"tensor {name!r}: dtype", entry["dtype"]), header.check_shape(name, entry["shape"])


def _dtype(what: str, name: object) -> str:
    """The file format's name of a dtype."""
    found = FROM_NUMPY.get(name, name) if isinstance(name, str) else None
    if found not in BITS:
        raise ValueError(f"{what}={name!r:.40}; accepted are {', '.join(FROM_NUMPY)}, {', '.join(BITS)}")
    return str(found)
