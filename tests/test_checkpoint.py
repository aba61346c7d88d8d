"""Fresh checkpoints: right values, files that load, errors before anything is written, nothing half-written."""

import doctest
import errno
import hashlib
import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from conftest import fresh_python
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import fastinit
from fastinit import __main__ as command_line
from fastinit import checkpoint
from fastinit.checkpoint import files, fills, init_checkpoint, report
from fastinit.checkpoint.header import BITS, FILLED, new_header, read_header

PAGE = Path(__file__).parent.parent / "docs" / "checkpoints.md"
IMPORTED_FROM = Path(fastinit.__file__).parents[1]
DTYPES = {"F64": np.float64, "F32": np.float32, "F16": np.float16, "BF16": ml_dtypes.bfloat16}

NORMAL = {"rule": [{"name": "*", "scheme": "normal", "std": 0.02}]}
COPY = {"rule": [{"name": "*", "scheme": "copy"}]}


def write_safetensors(path: Path, tensors: dict[str, tuple[str, tuple[int, ...]]], metadata=None) -> Path:
    """A file of these tensors, full of known bytes."""
    header = new_header(tensors, metadata)
    data = np.arange(header.file_size - len(header.prefix), dtype=np.uint64).astype(np.uint8)
    path.write_bytes(header.prefix + data.tobytes())
    return path


def raw(header: object, data: int = 0, length: int | None = None) -> bytes:
    """A file's content: the header's length, or what is said to be it, its text and so many bytes of data."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return (len(text) if length is None else length).to_bytes(8, "little") + text + bytes(data)


def entry(dtype: str, shape: list[int], begin: int, end: int) -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def load(path: Path) -> dict[str, np.ndarray]:
    """The tensors of a file that a fill takes, read without the safetensors package; others as bytes."""
    header = read_header(path)
    data = np.fromfile(path, np.uint8)[len(header.prefix) :]
    return {
        t.name: data[t.begin : t.end].view(DTYPES[t.dtype]).reshape(t.shape)
        if t.dtype in DTYPES
        else data[t.begin : t.end]
        for t in header.tensors
    }


def shapes_file(path: Path, shapes: dict[str, object]) -> Path:
    path.write_text(json.dumps(shapes), encoding="utf-8")
    return path


def same_bits(a: np.ndarray, b: np.ndarray) -> bool:
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


def run(folder: Path, *arguments: object, **variables: str) -> subprocess.CompletedProcess[str]:
    """The command, in that folder."""
    return subprocess.run(
        [sys.executable, "-m", "fastinit", "init", *map(str, arguments)],
        cwd=folder,
        capture_output=True,
        text=True,
        encoding="utf-8",
        env={**os.environ, "PYTHONPATH": str(IMPORTED_FROM), "PYTHONIOENCODING": "utf-8", **variables},
        timeout=60,
        check=False,
    )


def run_python(folder: Path, code: str) -> subprocess.CompletedProcess[str]:
    """The code in a Python of its own, in that folder."""
    code = f"import os, sys; sys.path.insert(0, {str(IMPORTED_FROM)!r}); os.chdir({str(folder)!r})\n{code}"
    return fresh_python(code)


@pytest.fixture
def small_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows so small that tensors are cut into blocks and files into many batches."""
    monkeypatch.setattr(fills, "BUFFER_BYTES", 1000)
    monkeypatch.setattr(files, "FLUSH_BYTES", 1000)


# ---- Values ----------------------------------------------------------------------------------------------------------

SHAPES: dict[str, tuple[int, ...]] = {
    "embed.weight": (37, 24),
    "0.weight": (16, 12),
    "0.bias": (16,),
    "conv.weight": (4, 3, 3, 5),
    "mix.weight": (12, 12),
    "thin.weight": (9, 6),
    "scale": (),
    "empty.weight": (0, 7),
    "längs/ 表 \x07\n[0]": (3, 2),
}
RULES = {
    "layout": "torch",
    "rule": [
        {"name": "mix.*", "scheme": "orthogonal", "gain": 0.5},
        {"name": "thin.*", "scheme": "sparse", "sparsity": 0.25},
        {"name": ["embed.*", "empty.*"], "scheme": "truncated_normal", "std": 0.02, "low": -3, "high": 3},
        {"name": "*", "ndim": 4, "scheme": "he_normal", "truncated": True},
        {"name": "*.weight", "scheme": "xavier_uniform"},
        {"name": "*.bias", "scheme": "constant", "value": 0.1},
        {"name": "*", "scheme": "uniform", "low": -1},
    ],
}


def expected(name: str, shape: tuple[int, ...], dtype: object, seed: int) -> np.ndarray:
    """What a Generator writes to a tensor of SHAPES by RULES."""
    g, out = fastinit.Generator(seed), np.empty(shape, dtype)
    if name == "mix.weight":
        return g.orthogonal(out, gain=0.5, stream=name)
    if name == "thin.weight":
        return g.sparse(out, sparsity=0.25, stream=name)
    if name in ("embed.weight", "empty.weight"):
        return g.truncated_normal(out, std=0.02, low=-3, high=3, stream=name)
    if name == "conv.weight":
        return g.he_normal(out, layout="torch", truncated=True, stream=name)
    if name == "0.weight":
        return g.xavier_uniform(out, layout="torch", stream=name)
    if name == "0.bias":
        return g.constant(out, 0.1)
    return g.uniform(out, low=-1, stream=name)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("window", [1000, 1 << 26])
def test_tensor_is_what_a_generator_writes_under_its_name(
    tmp_path: Path, dtype: str, window: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fills, "BUFFER_BYTES", window)
    like = write_safetensors(tmp_path / "like.safetensors", {name: (dtype, shape) for name, shape in SHAPES.items()})
    init_checkpoint(like, RULES, 7, tmp_path / "out.safetensors")
    tensors = load(tmp_path / "out.safetensors")
    assert tensors.keys() == SHAPES.keys()
    for name, shape in SHAPES.items():
        assert same_bits(tensors[name], expected(name, shape, DTYPES[dtype], 7)), name


def test_constants_fill_tensors_of_every_dtype_of_whole_bytes(tmp_path: Path, small_windows: None) -> None:
    shapes = {dtype: (dtype, (5, 7)) for dtype, bits in BITS.items() if bits >= 8} | {"scalar": ("I64", ())}
    like = write_safetensors(tmp_path / "like.safetensors", shapes)
    rules = {"rule": [{"name": "F8_E8M0", "scheme": "ones"}, {"name": "*", "scheme": "identity", "ndim": 2}]}
    rules["rule"].append({"name": "scalar", "scheme": "constant", "value": 2**63 - 1})
    init_checkpoint(like, rules, 7, tmp_path / "out.safetensors")
    tensors = load(tmp_path / "out.safetensors")
    assert tensors.keys() == shapes.keys()
    for name, (dtype, shape) in shapes.items():
        wanted = 2**63 - 1 if name == "scalar" else np.ones(shape) if name == "F8_E8M0" else np.eye(*shape)
        assert tensors[name].tobytes() == np.array(wanted).astype(FILLED[dtype]).tobytes(), name


def test_normals_that_are_not_truncated_fill_complex_tensors(tmp_path: Path, small_windows: None) -> None:
    shapes = {"odd": ("F32", (1,)), "a.weight": ("C64", (40, 30)), "b.weight": ("C64", (16, 12)), "s": ("C64", ())}
    like = write_safetensors(tmp_path / "like.safetensors", shapes)
    rules = {
        "layout": "jax",
        "rule": [
            {"name": "a.*", "scheme": "he_normal"},
            {"name": "b.*", "scheme": "variance_scaling", "distribution": "untruncated_normal"},
            {"name": "*", "scheme": "normal", "std": 0.02},
        ],
    }
    init_checkpoint(like, rules, 7, tmp_path / "out.safetensors")
    tensors = load(tmp_path / "out.safetensors")
    g = fastinit.Generator(7)
    scaling = {"distribution": "normal", "layout": "keras", "stream": "b.weight"}
    for name, wanted in (
        ("a.weight", g.he_normal(np.empty((40, 30), "c8"), layout="keras", stream="a.weight")),
        ("b.weight", g.variance_scaling(np.empty((16, 12), "c8"), **scaling)),
        ("s", g.normal(np.empty((), "c8"), std=0.02, stream="s")),
    ):
        assert tensors[name].tobytes() == wanted.tobytes(), name


def test_file_loads_in_the_safetensors_package(tmp_path: Path, small_windows: None) -> None:
    safetensors_numpy = pytest.importorskip("safetensors.numpy", reason="the safetensors package is not installed")
    for dtype in ("F64", "F32", "F16"):
        source = {name: np.empty(shape, DTYPES[dtype]) for name, shape in SHAPES.items()}
        safetensors_numpy.save_file(source, tmp_path / "like.safetensors", {"format": "np"})
        init_checkpoint(tmp_path / "like.safetensors", RULES, 7, tmp_path / "out.safetensors", force=True)
        tensors = safetensors_numpy.load_file(tmp_path / "out.safetensors")
        assert tensors.keys() == SHAPES.keys()
        for name, shape in SHAPES.items():
            assert same_bits(tensors[name], expected(name, shape, DTYPES[dtype], 7)), name


def test_file_loads_in_pytorch(tmp_path: Path, small_windows: None) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    safetensors_torch = pytest.importorskip("safetensors.torch", reason="the safetensors package is not installed")
    kinds = {"F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}
    source = {
        f"{dtype}.{name}": torch.empty(shape, dtype=kinds[dtype]) for dtype in kinds for name, shape in SHAPES.items()
    }
    source["steps"] = torch.arange(5)
    safetensors_torch.save_file(source, tmp_path / "like.safetensors")
    rules = {"rule": [{"name": "steps", "scheme": "copy"}, {"name": "*", "scheme": "normal", "std": 0.02}]}
    init_checkpoint(tmp_path / "like.safetensors", rules, 7, tmp_path / "out.safetensors")
    tensors = safetensors_torch.load_file(tmp_path / "out.safetensors")
    assert tensors.keys() == source.keys()
    assert torch.equal(tensors.pop("steps"), torch.arange(5))
    for name, tensor in tensors.items():
        dtype = DTYPES[name.split(".")[0]]
        wanted = fastinit.Generator(7).normal(np.empty(tensor.shape, dtype), std=0.02, stream=name)
        assert tensor.dtype == kinds[name.split(".")[0]]
        assert tensor.reshape(-1).view(torch.uint8).numpy().tobytes() == wanted.tobytes(), name


def test_words_can_be_filled_with_bits(tmp_path: Path) -> None:
    like = shapes_file(
        tmp_path / "like.json", {"a": {"dtype": "uint32", "shape": [5]}, "b": {"dtype": "U64", "shape": [5]}}
    )
    init_checkpoint(like, {"rule": [{"name": "?", "scheme": "bits"}]}, 7, tmp_path / "out.safetensors")
    tensors = load(tmp_path / "out.safetensors")
    for name, dtype in (("a", np.uint32), ("b", np.uint64)):
        assert np.array_equal(tensors[name].view(dtype), fastinit.Generator(7).bits(np.empty(5, dtype), stream=name))


def test_big_endian_machine_writes_little_endian_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "byteorder", "big" if sys.byteorder == "little" else "little")
    like = shapes_file(tmp_path / "like.json", {"a": [3, 5], "b": []})
    init_checkpoint(like, NORMAL, 7, tmp_path / "out.safetensors", dtype="F32")
    for name, values in load(tmp_path / "out.safetensors").items():
        wanted = fastinit.Generator(7).normal(np.empty(values.shape, np.float32), std=0.02, stream=name)
        assert same_bits(values, np.asarray(wanted.byteswap()))
    entries = {"complex": {"dtype": "C64", "shape": []}, "float8": {"dtype": "float8_e5m2", "shape": [3]}}
    like = shapes_file(tmp_path / "like.json", entries)
    init_checkpoint(like, {"rule": [{"name": "*", "scheme": "ones"}]}, 7, tmp_path / "ones.safetensors")
    tensors = load(tmp_path / "ones.safetensors")
    assert tensors["complex"].tobytes() == np.complex64(1).byteswap().tobytes()
    assert tensors["float8"].tobytes() == np.ones(3).astype("float8_e5m2").tobytes()


def test_copied_tensors_keep_their_bytes_in_every_dtype(tmp_path: Path, small_windows: None) -> None:
    tensors = {dtype: (dtype, (8, 101)) for dtype in BITS} | {"none": ("I64", (0,)), "scalar": ("BOOL", ())}
    like = write_safetensors(tmp_path / "like.safetensors", tensors, {"format": "pt"})
    done = init_checkpoint(like, COPY, 7, tmp_path / "out.safetensors")
    assert (tmp_path / "out.safetensors").read_bytes() == like.read_bytes()
    assert {each.scheme for each in done} == {"copy"}


def test_return_value_tells_what_was_done_in_the_order_of_the_data(tmp_path: Path) -> None:
    like = write_safetensors(tmp_path / "like.safetensors", {"b": ("F32", (2, 3)), "a": ("F32", (4,))})
    done = init_checkpoint(like, NORMAL, 7, tmp_path / "out.safetensors")
    assert [(e.tensor.name, e.tensor.shape, e.tensor.dtype, str(e.recipe)) for e in done] == [
        ("b", (2, 3), "F32", "normal(std=0.02)"),
        ("a", (4,), "F32", "normal(std=0.02)"),
    ]


# ---- Headers ---------------------------------------------------------------------------------------------------------


def test_header_stays_as_it_was_and_is_padded_to_8_bytes(tmp_path: Path) -> None:
    header = {"b": entry("F16", [3], 0, 6), "__metadata__": {"format": "pt", "ü": "é"}, "a": entry("F32", [2], 6, 14)}
    for text in (json.dumps(header), json.dumps(header, ensure_ascii=False, indent=1) + " " * 3):
        like = tmp_path / "like.safetensors"
        like.write_bytes(raw(text.encode(), 14))
        init_checkpoint(like, NORMAL, 7, tmp_path / "out.safetensors", force=True)
        written = (tmp_path / "out.safetensors").read_bytes()
        length = int.from_bytes(written[:8], "little")
        assert length % 8 == 0
        assert written[8 : 8 + length].rstrip(b" ") == text.encode().rstrip(b" ")
        assert len(written) == 8 + length + 14
        tensors = load(tmp_path / "out.safetensors")  # "a" lies at byte 6 of the data: unaligned
        for name in "ab":
            wanted = fastinit.Generator(7).normal(np.empty_like(tensors[name]), std=0.02, stream=name)
            assert same_bits(tensors[name], wanted)


def test_copies_come_from_the_right_place_of_a_file_with_an_unpadded_header(tmp_path: Path) -> None:
    text = b'{"a":{"dtype":"U8","shape":[5],"data_offsets":[0,5]}}'
    assert len(text) % 8
    like = tmp_path / "like.safetensors"
    like.write_bytes(raw(text) + b"12345")
    init_checkpoint(like, COPY, 7, tmp_path / "out.safetensors")
    assert load(tmp_path / "out.safetensors")["a"].tobytes() == b"12345"


def test_file_without_tensors_has_a_fresh_copy(tmp_path: Path) -> None:
    like = tmp_path / "like.safetensors"
    like.write_bytes(raw({"__metadata__": {"format": "pt"}}))
    assert init_checkpoint(like, {}, 7, tmp_path / "out.safetensors") == []
    assert read_header(tmp_path / "out.safetensors").tensors == ()


def one(**changes: object) -> dict[str, object]:
    """A tensor of four bytes, or what is no longer one."""
    return {"a": {**entry("F32", [1], 0, 4), **changes}}


MALFORMED = {
    "an empty file": (b"", "ends at byte 0"),
    "a short file": (raw(b"{}", length=3), "should take 3 bytes from byte 8 on, but the file ends at byte 10"),
    "a length beyond all files": (raw(b"{}", length=2**64 - 1), "should take 18446744073709551615 bytes"),
    "no brace": (raw(b' {"a":1}'), "at byte 8, begins with b' '"),
    "no UTF-8": (raw(b'{"\xff":1}'), "not UTF-8"),
    "no JSON": (raw(b'{"a":}'), "line 1 column 6"),
    "text after the JSON": (raw(b"{} x"), "Extra data"),
    "NaN": (raw(b'{"a":NaN}'), "NaN is no number"),
    "endless nesting": (raw(b'{"a":' + b"[" * 100_000), "nested more than 127 deep"),
    "endless digits": (raw(b'{"a":' + b"1" * 5000 + b"}"), "not the JSON"),
    "a name twice": (raw(b'{"a":1,"a":2}'), "'a' comes twice"),
    "half a surrogate pair": (raw(b'{"\\ud800":1}'), "surrogate"),
    "half a surrogate pair in the metadata": (raw(b'{"__metadata__":{"a":"\\ud800"}}'), "surrogate"),
    "metadata that are no text": (raw({"__metadata__": {"a": 1}}), "__metadata__ must map text to text"),
    "metadata that are no object": (raw({"__metadata__": []}), "__metadata__ must map text to text"),
    "a tensor without a dtype": (raw({"a": {"shape": [1]}}), "tensor 'a': {'shape': [1]}"),
    "an unknown dtype": (raw(one(dtype="F31"), 4), "tensor 'a': dtype='F31'; accepted are F64"),
    "a dtype that is none": (raw(one(dtype=[]), 4), "tensor 'a': dtype=[]"),
    "a shape that is none": (raw(one(shape=1), 4), "tensor 'a': shape=1; accepted is a list"),
    "a size that is a float": (raw(one(shape=[1.0]), 4), "tensor 'a': shape=[1.0]"),
    "a size that is a bool": (raw(one(shape=[True]), 4), "tensor 'a': shape=[True]"),
    "a size of minus nothing": (
        raw(b'{"a":{"dtype":"F32","shape":[-0],"data_offsets":[0,0]}}'),
        "shape=[-0.0]; accepted",
    ),
    "a negative size": (raw(one(shape=[-1]), 4), "tensor 'a': shape=[-1]"),
    "a size of 2**63": (raw(one(shape=[2**63, 0], data_offsets=[0, 0])), "integers in [0, 2**63)"),
    "sizes that overflow": (raw(one(shape=[2**40, 2**40, 0], data_offsets=[0, 0])), "of 2**63 elements or more"),
    "offsets that do not fit": (raw(one(data_offsets=[0, 3]), 3), "[0, 3] hold 3 bytes; F32 of shape=[1] takes 4"),
    "offsets that are none": (raw(one(data_offsets=[0, 4, 8]), 4), "accepted are two integers"),
    "half a byte": (raw(one(dtype="F4", shape=[3]), 4), "F4 of shape=[3] does not end at a whole byte"),
    "a hole": (raw({**one(), "b": entry("F32", [1], 8, 12)}, 12), "tensor 'b': its data begins at 8, but what is"),
    "an overlap": (raw({**one(), "b": entry("F32", [1], 2, 6)}, 6), "tensor 'b': its data begins at 2, but"),
    "a hole at the beginning": (raw(one(data_offsets=[4, 8]), 8), "begins at 4, but what is before it ends at 0"),
    "an empty tensor elsewhere": (raw({**one(), "b": entry("F32", [0], 2, 2)}, 4), "begins at 2"),
    "data cut off": (raw(one(), 3), "but the file at byte"),
    "data after the end": (raw(one(), 5), "but the file at byte"),
}


@pytest.mark.parametrize(("content", "complaint"), MALFORMED.values(), ids=MALFORMED)
def test_malformed_file_is_refused_with_its_name_and_what_is_wrong(
    tmp_path: Path, content: bytes, complaint: str
) -> None:
    like = tmp_path / "like.safetensors"
    like.write_bytes(content)
    with pytest.raises(ValueError, match=re.escape(complaint)) as raised:
        init_checkpoint(like, NORMAL, 7, tmp_path / "out.safetensors")
    assert str(raised.value).startswith(f"{like}: ")
    assert len(str(raised.value)) < 600
    assert os.listdir(tmp_path) == ["like.safetensors"]


def test_header_over_the_formats_limit_is_not_even_read(tmp_path: Path) -> None:
    with (tmp_path / "like.safetensors").open("wb") as file:
        file.write((200_000_000).to_bytes(8, "little"))
        file.truncate(300_000_000)
    with pytest.raises(ValueError, match="should take 200000000 bytes; the format allows 100000000"):
        init_checkpoint(tmp_path / "like.safetensors", NORMAL, 7, tmp_path / "out.safetensors")


VALID = {
    "__metadata__": {"a": "b"},
    "x": entry("F32", [2, 1], 0, 8),
    "y": entry("F4", [2], 8, 9),
    "z": entry("I8", [0], 9, 9),
}


@settings(max_examples=300, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_what_is_accepted_loads_in_the_safetensors_package(tmp_path: Path, data: st.DataObject) -> None:
    """Headers with some characters changed: whatever the reader lets through, the package takes too."""
    safetensors = pytest.importorskip("safetensors", reason="the safetensors package is not installed")
    text = list(json.dumps(VALID))
    for place, character in data.draw(
        st.lists(st.tuples(st.integers(0, len(text) - 1), st.sampled_from('0129 "[]{},:.-eaFxz')), max_size=3)
    ):
        text[place] = character
    like = tmp_path / "like.safetensors"
    like.write_bytes(raw("".join(text).encode(), 9))
    try:
        read_header(like)
    except ValueError:
        return
    safetensors.deserialize(like.read_bytes())


# ---- Indices and shapes ----------------------------------------------------------------------------------------------


def write_index(folder: Path, weight_map: object = None) -> Path:
    """Two files and their index."""
    write_safetensors(folder / "1.safetensors", {"a": ("F32", (3, 5)), "b": ("I64", (2,))})
    write_safetensors(folder / "2.safetensors", {"c": ("BF16", (4,))})
    if weight_map is None:
        weight_map = {"a": "1.safetensors", "b": "1.safetensors", "c": "2.safetensors"}
    return shapes_file(folder / "index.json", {"metadata": {"total_size": 84}, "weight_map": weight_map})


INDEX_RULES = {"rule": [{"name": "b", "scheme": "copy"}, *NORMAL["rule"]]}


@pytest.fixture
def index(tmp_path: Path) -> Path:
    (tmp_path / "like").mkdir()
    (tmp_path / "new").mkdir()
    return write_index(tmp_path / "like")


def test_index_gives_files_of_the_same_names_beside_the_new_index(tmp_path: Path, index: Path) -> None:
    done = init_checkpoint(index, INDEX_RULES, 7, tmp_path / "new" / "other.json")
    assert sorted(os.listdir(tmp_path / "new")) == ["1.safetensors", "2.safetensors", "other.json"]
    assert (tmp_path / "new" / "other.json").read_bytes() == index.read_bytes()
    assert [each.tensor.name for each in done] == ["b", "a", "c"]
    first, second = (load(tmp_path / "new" / f"{i}.safetensors") for i in (1, 2))
    assert first["b"].tobytes() == load(index.with_name("1.safetensors"))["b"].tobytes()
    for name, values in (("a", first["a"]), ("c", second["c"])):
        assert same_bits(values, fastinit.Generator(7).normal(np.empty_like(values), std=0.02, stream=name))


def test_parts_are_found_beside_a_link_to_the_index(tmp_path: Path, index: Path) -> None:
    """As in a cache of downloads, where all files of a model are links to blobs elsewhere."""
    (tmp_path / "blobs").mkdir()
    for name in os.listdir(tmp_path / "like"):
        (tmp_path / "like" / name).rename(tmp_path / "blobs" / f"blob-{name}")
        (tmp_path / "like" / name).symlink_to(tmp_path / "blobs" / f"blob-{name}")
    init_checkpoint(index, INDEX_RULES, 7, tmp_path / "new" / "index.json")
    assert sorted(os.listdir(tmp_path / "new")) == ["1.safetensors", "2.safetensors", "index.json"]
    assert not any(path.is_symlink() for path in (tmp_path / "new").iterdir())


BAD_INDICES = {
    "a part that is missing": ({"a": "3.safetensors"}, "3.safetensors"),
    "a tensor that the part does not hold": (
        {"a": "1.safetensors", "b": "1.safetensors", "c": "1.safetensors"},
        "weight_map has 'c' in 1.safetensors, which",
    ),
    "a tensor that the index does not have": (
        {"a": "1.safetensors", "c": "2.safetensors"},
        "1.safetensors holds 'b', which weight_map",
    ),
    "no object": (["1.safetensors"], "weight_map must map"),
    "a part that is no text": ({"a": ["1.safetensors"]}, "names the file ['1.safetensors']"),
    **{
        f"the part {name!r}": ({"a": name}, f"names the file {name!r}; accepted are plain names")
        for name in (
            *("", ".", "..", "../1.safetensors", "/etc/passwd", "x/1.safetensors", "x\\1", "c:1", "a\0b", "a\n"),
            *("a.", "a ", "NUL", "com1.safetensors", "a?", "file:stream"),
        )
    },
    "the name of the new index": ({"a": "out.json"}, "a new file 'out.json' is impossible"),
    "the name of the new index in capitals": ({"a": "OUT.json"}, "a new file 'OUT.json' is impossible: 'out.json'"),
}


@pytest.mark.parametrize(("weight_map", "complaint"), BAD_INDICES.values(), ids=BAD_INDICES)
def test_index_that_cannot_be_is_refused(tmp_path: Path, weight_map: object, complaint: str) -> None:
    index = write_index(tmp_path, weight_map)
    (tmp_path / "new").mkdir()
    with pytest.raises((ValueError, FileNotFoundError), match=re.escape(complaint)):
        init_checkpoint(index, INDEX_RULES, 7, tmp_path / "new" / "out.json")
    assert os.listdir(tmp_path / "new") == []


def test_shapes_alone_give_an_aligned_file_with_their_metadata(tmp_path: Path) -> None:
    shapes = {"h": {"dtype": "float16", "shape": [3]}, "d": {"dtype": "F64", "shape": [2]}, "f": [5], "s": []}
    like = shapes_file(tmp_path / "like.json", {"__metadata__": {"format": "pt"}, **shapes})
    init_checkpoint(like, NORMAL, 7, tmp_path / "out.safetensors", dtype="bfloat16")
    header = read_header(tmp_path / "out.safetensors")
    assert [(t.name, t.dtype, t.shape) for t in header.tensors] == [
        ("d", "F64", (2,)),
        ("h", "F16", (3,)),
        ("f", "BF16", (5,)),
        ("s", "BF16", ()),
    ]
    assert all(t.begin % (BITS[t.dtype] // 8) == 0 for t in header.tensors)
    assert b'{"__metadata__":{"format":"pt"},' in header.prefix
    for name, values in load(tmp_path / "out.safetensors").items():
        assert same_bits(values, fastinit.Generator(7).normal(np.empty_like(values), std=0.02, stream=name))


@pytest.mark.parametrize(
    ("shapes", "dtype", "complaint"),
    [
        ({"a": [2]}, None, "tensor 'a' has a shape and no dtype; --dtype"),
        ({"a": [2]}, "float31", "dtype='float31'; accepted are float64"),
        ({"a": {"dtype": "float31", "shape": [2]}}, None, "tensor 'a': dtype='float31'"),
        ({"a": {"shape": [2]}}, "F32", "tensor 'a': {'shape': [2]}; accepted is"),
        ({"a": 2}, "F32", "tensor 'a': 2; accepted is"),
        ({"a": [2, -1]}, "F32", "tensor 'a': shape=[2, -1]"),
        ({"a": [2**31, 2**31, 2]}, "F32", "of 2**63 elements or more"),
        ({"a": [2**61], "b": [2**61]}, "F32", "more than 2**63 - 1"),
        ({"a": [2], "__metadata__": {"x": 1}}, "F32", "__metadata__ must map text to text"),
        ([2], "F32", "not a JSON object but [2]"),
    ],
)
def test_shapes_that_cannot_be_are_refused(tmp_path: Path, shapes: object, dtype: str | None, complaint: str) -> None:
    like = shapes_file(tmp_path / "like.json", shapes)
    with pytest.raises(ValueError, match=re.escape(complaint)):
        init_checkpoint(like, NORMAL, 7, tmp_path / "out.safetensors", dtype=dtype)
    assert os.listdir(tmp_path) == ["like.json"]


def test_header_beyond_the_formats_limit_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fastinit.checkpoint.header.MOST_BYTES", 1000)
    like = shapes_file(tmp_path / "like.json", {"a" * 1000: [2]})
    with pytest.raises(ValueError, match=r"the header would take more than \d{4} bytes; the format allows 1000"):
        init_checkpoint(like, NORMAL, 7, tmp_path / "out.safetensors", dtype="F32")
    assert os.listdir(tmp_path) == ["like.json"]


def test_dtype_for_a_file_that_has_its_own_is_refused(tmp_path: Path) -> None:
    like = write_safetensors(tmp_path / "like.safetensors", {"a": ("F32", (3,))})
    with pytest.raises(ValueError, match=r"dtype='F32'; .* has dtypes of its own"):
        init_checkpoint(like, NORMAL, 7, tmp_path / "out.safetensors", dtype="F32")


# ---- Rules -----------------------------------------------------------------------------------------------------------

MODEL = {
    "fc.weight": ("F32", (4, 3)),
    "fc.bias": ("F32", (4,)),
    "steps": ("I64", ()),
    "q": ("F8_E4M3", (8,)),
    "phase": ("C64", (2,)),
}


def rule(scheme: str, more: str = "", name: str = "*") -> str:
    return f'[[rule]]\nname = "{name}"\nscheme = "{scheme}"\n{more}\n'


KEEP = '[[rule]]\nname = ["steps", "q", "phase"]\nscheme = "copy"\n'
REST = rule("zeros")

BAD_RULES = {
    "no TOML": ("rule =", "rules.toml: "),
    "an unknown entry": ("layuot = 1\n" + KEEP + REST, "'layuot' at the top; accepted are layout and [[rule]]"),
    "a layout that is none": ('layout = "tosh"\n' + KEEP + REST, "layout='tosh'"),
    "a layout of a wrong type": ("layout = 1\n" + KEEP + REST, "layout"),
    "a single table": ('[rule]\nname = "*"', "rule must be an array of tables"),
    "a rule without a name": ('[[rule]]\nscheme = "zeros"', "rule 1 (None): name=None; accepted is a pattern"),
    "an empty list of names": ('[[rule]]\nname = []\nscheme = "zeros"', "rule 1 ([]): name=[]"),
    "a rule without a scheme": (KEEP + '[[rule]]\nname = "*"\n', "rule 2 ('*'): scheme"),
    "an unknown scheme": (KEEP + rule("zeroes"), "rule 2 ('*'): scheme='zeroes'"),
    "what is no scheme": (KEEP + rule("fill"), "rule 2 ('*'): scheme='fill'"),
    "an unknown argument": (
        KEEP + rule("normal", "stdd = 1"),
        "rule 2 ('*'): normal: got an unexpected keyword argument 'stdd'",
    ),
    "a stream": (KEEP + rule("normal", "stream = 1"), "unexpected keyword argument 'stream'"),
    "streams": (KEEP + rule("normal", "streams = [1, 2]"), "unexpected keyword argument 'streams'"),
    "a missing argument": (KEEP + rule("constant"), "rule 2 ('*'): constant: missing a required argument: 'value'"),
    "an argument of a wrong type": (
        KEEP + rule("normal", 'std = "1"'),
        "rule 2 ('*'), tensor 'fc.weight' (F32 [4, 3]): normal: std",
    ),
    "an argument out of range": (KEEP + rule("normal", "std = -1.0"), "std=-1.0"),
    "an argument that overflows": (KEEP + rule("constant", "value = 1e300"), "value=1e+300"),
    "missing fans": (KEEP + rule("he_normal"), "rule 2 ('*'), tensor 'fc.weight' (F32 [4, 3]): he_normal"),
    "fans of a bias": (
        'layout = "torch"\n' + KEEP + rule("he_normal"),
        "rule 2 ('*'), tensor 'fc.bias' (F32 [4]): he_normal",
    ),
    "a wrong number of axes": (KEEP + rule("identity"), "tensor 'fc.bias' (F32 [4]): identity"),
    "axes that are no number": (
        KEEP + rule("zeros", "ndim = true"),
        "rule 2 ('*'): ndim=True; accepted is a number of axes",
    ),
    "copy with an argument": (rule("copy", "std = 1"), "rule 1 ('*'): 'std' with scheme = 'copy'"),
    "a rule that matches nothing": (
        KEEP + REST + rule("ones", name="fc2.*"),
        "rule 3 ('fc2.*') matches nothing; the names are",
    ),
    "a rule behind those that take all": (KEEP + REST + rule("ones", name="fc.*"), "rule 3 ('fc.*') never applies"),
    "tensors without a rule": (KEEP + rule("ones", name="FC.*"), "matches nothing"),
    "tensors left over": (rule("ones", "ndim = 2", name="fc.*"), "no rule matches 'steps', 'phase', 'fc.bias', 'q'"),
    "integers to be drawn": (
        rule("normal"),
        "rule 1 ('*'), tensor 'steps' (I64 []): normal fills F64, F32, F16, BF16, C64; scheme = 'copy' keeps",
    ),
    "complex numbers to be drawn by others": (
        rule("uniform"),
        "tensor 'phase' (C64 [2]): uniform fills F64, F32, F16, BF16; complex numbers are drawn by normal and by the "
        "normal schemes that are not truncated; scheme = 'copy' keeps the values of any dtype",
    ),
    "true as a number": (KEEP + rule("normal", "std = true"), "normal: std must be a number, not bool"),
    "true as a fan": (KEEP + rule("he_normal", "fan_in = true"), "he_normal: fan_in must be a number, not bool"),
    "true as a constant": (KEEP + rule("constant", "value = true"), "constant: value must be a number, not bool"),
    "quantised numbers to be drawn": (rule("uniform"), "tensor 'q' (F8_E4M3 [8])"),
    "an integer that is a fraction": (
        rule("constant", "value = 0.5"),
        "tensor 'steps' (I64 []): constant: value=0.5; accepted for int64 are the integers from",
    ),
    "a quantised number that overflows": (
        rule("zeros", name="steps") + rule("constant", "value = 500"),
        "rule 2 ('*'), tensor 'q' (F8_E4M3 [8]): constant: value=500 overflows float8_e4m3fn",
    ),
    "floats to be filled with bits": (KEEP + rule("bits"), "bits fills U64, U32"),
}


@pytest.mark.parametrize(("text", "complaint"), BAD_RULES.values(), ids=BAD_RULES)
def test_rules_that_cannot_be_are_refused_before_anything_is_written(tmp_path: Path, text: str, complaint: str) -> None:
    like = write_safetensors(tmp_path / "like.safetensors", MODEL)
    (tmp_path / "rules.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=re.escape(complaint)):
        init_checkpoint(like, tmp_path / "rules.toml", 7, tmp_path / "out.safetensors")
    assert sorted(os.listdir(tmp_path)) == ["like.safetensors", "rules.toml"]


def test_all_tensors_that_cannot_be_filled_are_named_up_to_a_dozen(tmp_path: Path) -> None:
    like = write_safetensors(tmp_path / "like.safetensors", {f"n{i}": ("I8", (1,)) for i in range(20)})
    with pytest.raises(ValueError, match="and 8 more") as raised:
        init_checkpoint(like, NORMAL, 7, tmp_path / "out.safetensors")
    assert [f"'n{i}'" in str(raised.value) for i in range(20)] == [True] * 12 + [False] * 8


def test_first_rule_that_matches_applies_and_its_own_layout_counts(tmp_path: Path) -> None:
    like = write_safetensors(tmp_path / "like.safetensors", {"a.w": ("F32", (4, 3)), "b.w": ("F32", (4, 3))})
    rules = {
        "layout": "torch",
        "rule": [
            {"name": "a.*", "scheme": "lecun_normal", "layout": "keras"},
            {"name": ["*.w", "a.*"], "scheme": "lecun_normal"},
        ],
    }
    init_checkpoint(like, rules, 7, tmp_path / "out.safetensors")
    for name, layout in (("a.w", "keras"), ("b.w", "torch")):
        wanted = fastinit.Generator(7).lecun_normal(np.empty((4, 3), np.float32), layout=layout, stream=name)
        assert same_bits(load(tmp_path / "out.safetensors")[name], wanted)


def test_error_of_a_number_stays_the_cause(tmp_path: Path) -> None:
    class Number:
        def __float__(self) -> float:
            raise TypeError("not known yet")

    like = shapes_file(tmp_path / "like.json", {"a": [2], "b": [2]})
    rules = {"rule": [{"name": "a", "scheme": "zeros"}, {"name": "b", "scheme": "normal", "std": Number()}]}
    with pytest.raises(ValueError, match=re.escape("tensor 'b' (F32 [2]): normal: std must be a number")) as raised:
        init_checkpoint(like, rules, 7, tmp_path / "out.safetensors", dtype="F32")
    assert str(raised.value.__cause__) == "not known yet"


def test_true_is_a_constant_of_bools_alone_and_a_seed_may_be_a_sequence(tmp_path: Path) -> None:
    entries = {"mask": {"dtype": "BOOL", "shape": [3]}, "w": {"dtype": "F32", "shape": [3]}}
    like = shapes_file(tmp_path / "like.json", entries)
    rules = {"rule": [{"name": "mask", "scheme": "constant", "value": True}, {"name": "w", "scheme": "normal"}]}
    sequence = np.random.SeedSequence(3)
    init_checkpoint(like, rules, sequence, tmp_path / "out.safetensors")
    tensors = load(tmp_path / "out.safetensors")
    assert tensors["mask"].tobytes() == b"\1\1\1"
    assert same_bits(tensors["w"], fastinit.Generator(sequence).normal(np.empty(3, np.float32), stream="w"))


def test_copy_from_shapes_alone_is_refused(tmp_path: Path) -> None:
    like = shapes_file(tmp_path / "like.json", {"a": [2]})
    with pytest.raises(
        ValueError, match=re.escape("tensor 'a' (F32 [2]): scheme = 'copy', but a JSON of shapes has no")
    ):
        init_checkpoint(like, COPY, 7, tmp_path / "out.safetensors", dtype="F32")


def test_without_ml_dtypes_bf16_names_the_extra_and_copies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ml_dtypes", None)
    like = write_safetensors(tmp_path / "like.safetensors", {"a": ("BF16", (2,))})
    with pytest.raises(ImportError, match=re.escape("tensor 'a' is BF16")) as raised:
        init_checkpoint(like, NORMAL, 7, tmp_path / "out.safetensors")
    assert "pip install 'fastinit-weights[checkpoint]'" in str(raised.value)
    assert os.listdir(tmp_path) == ["like.safetensors"]
    init_checkpoint(like, COPY, 7, tmp_path / "out.safetensors")


@pytest.mark.parametrize("seed", [None, -1, 2**64, 1.5])
def test_seed_that_is_none_is_refused(tmp_path: Path, seed: object) -> None:
    with pytest.raises((TypeError, ValueError), match="seed"):
        init_checkpoint(tmp_path / "like.json", NORMAL, seed, tmp_path / "out.safetensors")  # type: ignore[arg-type]


# ---- Files -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def like(tmp_path: Path) -> Path:
    return write_safetensors(tmp_path / "like.safetensors", {"a": ("F32", (300,)), "b": ("F32", (5, 100))})


def fresh(path: Path) -> bytes:
    """What a run with seed 7 writes."""
    init_checkpoint(path, NORMAL, 7, path.with_name("reference"))
    content = path.with_name("reference").read_bytes()
    path.with_name("reference").unlink()
    return content


def test_existing_file_is_replaced_only_by_force(tmp_path: Path, like: Path) -> None:
    out = tmp_path / "out.safetensors"
    out.write_text("mine")
    with pytest.raises(FileExistsError, match="it exists; --force"):
        init_checkpoint(like, NORMAL, 7, out)
    assert out.read_text() == "mine"
    init_checkpoint(like, NORMAL, 7, out, force=True)
    assert out.read_bytes() == fresh(like)


def test_links_are_replaced_by_force_and_what_they_lead_to_stays(tmp_path: Path, like: Path) -> None:
    out, elsewhere = tmp_path / "out.safetensors", tmp_path / "elsewhere"
    elsewhere.write_text("mine")
    for target in (elsewhere, tmp_path / "nowhere"):
        out.symlink_to(target)
        with pytest.raises(FileExistsError, match="it exists"):
            init_checkpoint(like, NORMAL, 7, out)
        init_checkpoint(like, NORMAL, 7, out, force=True)
        assert not out.is_symlink()
        assert elsewhere.read_text() == "mine"
        out.unlink()
    assert elsewhere.read_text() == "mine"
    assert sorted(os.listdir(tmp_path)) == ["elsewhere", "like.safetensors"]


def test_file_that_is_read_is_never_replaced(tmp_path: Path, like: Path, index: Path) -> None:
    before = like.read_bytes()
    (tmp_path / "link").symlink_to(like)
    (tmp_path / "same").hardlink_to(like)
    for source, out in (
        (like, like),
        (like, tmp_path / "link"),
        (like, tmp_path / "same"),
    ):
        with pytest.raises(ValueError, match="is what the new checkpoint is to be like"):
            init_checkpoint(source, NORMAL, 7, out, force=True)
    with pytest.raises(ValueError, match=re.escape("1.safetensors: it is what the new checkpoint is to be like")):
        init_checkpoint(index, INDEX_RULES, 7, index.with_name("new.json"), force=True)
    assert like.read_bytes() == before


def test_places_that_cannot_be_written_are_refused(tmp_path: Path, like: Path) -> None:
    (tmp_path / "folder").mkdir()
    for out, complaint in (
        (tmp_path / "missing" / "out", "missing is no folder"),
        (like / "out", "like.safetensors is no folder"),
        (tmp_path / "folder", "folder: it is a folder"),
    ):
        with pytest.raises(OSError, match=complaint):
            init_checkpoint(like, NORMAL, 7, out, force=True)
    assert sorted(os.listdir(tmp_path)) == ["folder", "like.safetensors"]


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="the superuser may write everywhere")
def test_folder_without_permission_is_refused(tmp_path: Path, like: Path) -> None:
    (tmp_path / "folder").mkdir(mode=0o500)
    with pytest.raises(PermissionError):
        init_checkpoint(like, NORMAL, 7, tmp_path / "folder" / "out")


def test_read_only_file_may_be_read(tmp_path: Path, like: Path) -> None:
    like.chmod(0o400)
    init_checkpoint(like, COPY, 7, tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == like.read_bytes()


@pytest.mark.skipif(os.name == "nt", reason="permissions of this kind")
def test_new_file_has_the_permissions_of_any_new_file(tmp_path: Path, like: Path) -> None:
    init_checkpoint(like, NORMAL, 7, tmp_path / "out")
    (tmp_path / "other").touch()
    assert (tmp_path / "out").stat().st_mode == (tmp_path / "other").stat().st_mode


@pytest.mark.parametrize("change", ["cut off", "written again", "replaced"])
def test_file_that_changes_before_it_is_copied_is_an_error(
    tmp_path: Path, like: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    def changed(*arguments: Any, choose: Any = checkpoint.choose) -> Any:
        if change == "cut off":
            os.truncate(like, 1500)
        elif change == "written again":
            write_safetensors(like, {"b": ("F32", (800,))})
        else:
            os.replace(write_safetensors(tmp_path / "other", {"a": ("F32", (300,)), "b": ("F32", (500,))}), like)
        return choose(*arguments)

    monkeypatch.setattr(checkpoint, "choose", changed)
    with pytest.raises(OSError, match=f"{like.name} was changed after its header was read"):
        init_checkpoint(like, COPY, 7, tmp_path / "out")
    assert os.listdir(tmp_path) == ["like.safetensors"]


@pytest.mark.parametrize("size", [1500, 3300])
def test_file_that_changes_while_it_is_copied_is_an_error(
    tmp_path: Path, like: Path, monkeypatch: pytest.MonkeyPatch, small_windows: None, size: int
) -> None:
    monkeypatch.setattr(files, "_let_go", lambda *_: os.truncate(like, size))
    with pytest.raises(OSError, match=r"like\.safetensors (ended before its data did; it )?was changed"):
        init_checkpoint(like, COPY, 7, tmp_path / "out")
    assert os.listdir(tmp_path) == ["like.safetensors"]


# Every step at which the system can say no, or be stopped.
STEPS = ["open", "posix_fallocate", "posix_fadvise", "fchmod", "fsync", "link"]


@pytest.mark.parametrize("kind", [OSError, KeyboardInterrupt])
def test_error_at_any_step_leaves_complete_files_only(
    tmp_path: Path, index: Path, monkeypatch: pytest.MonkeyPatch, small_windows: None, kind: type[BaseException]
) -> None:
    new = tmp_path / "new"
    init_checkpoint(index, INDEX_RULES, 7, new / "index.json")
    complete = {path.name: path.read_bytes() for path in new.iterdir()}
    calls = itertools.count()
    fails_at = -1

    def failing(function):
        def call(*arguments, **keywords):
            if next(calls) == fails_at:
                raise kind(errno.ENOSPC, "No space left on device")
            return function(*arguments, **keywords)

        return call

    for step in (step for step in STEPS if hasattr(os, step)):
        monkeypatch.setattr(os, step, failing(getattr(os, step)))
    for attempt in itertools.count():
        fails_at = attempt
        for path in new.iterdir():
            path.unlink()
        calls = itertools.count()
        try:
            init_checkpoint(index, INDEX_RULES, 7, new / "index.json")
        except kind:
            left = {path.name: path.read_bytes() for path in new.iterdir()}
            assert left.items() <= complete.items()
            assert "index.json" not in left or len(left) == 3
            continue
        break
    assert attempt > 12, "the steps are no longer those that the test knows"


def test_run_that_fails_as_files_get_their_names_leaves_the_old_checkpoint(
    tmp_path: Path, index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = tmp_path / "new"
    init_checkpoint(index, INDEX_RULES, 7, new / "index.json")
    before = {path.name: path.read_bytes() for path in new.iterdir()}

    def failing(source: Path, target: Path, link: Any = os.link) -> None:
        if target.name == "2.safetensors" and source.suffix == ".partial":
            raise KeyboardInterrupt
        link(source, target)

    monkeypatch.setattr(os, "link", failing)
    with pytest.raises(KeyboardInterrupt):
        init_checkpoint(index, INDEX_RULES, 8, new / "index.json", force=True)
    assert {path.name: path.read_bytes() for path in new.iterdir()} == before


def test_full_disk_is_an_error_before_anything_is_drawn(
    tmp_path: Path, like: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full, raising=False)
    monkeypatch.setattr(checkpoint, "write_file", lambda *_: pytest.fail("a fill began"))
    with pytest.raises(OSError, match=r"cannot reserve 3,\d\d\d bytes for .*out: No space left on device") as raised:
        init_checkpoint(like, NORMAL, 7, tmp_path / "out")
    assert raised.value.errno == errno.ENOSPC
    assert os.listdir(tmp_path) == ["like.safetensors"]


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="limits of this kind")
def test_file_that_may_not_grow_so_large_is_an_error_and_no_signal(tmp_path: Path, like: Path) -> None:
    code = """
import resource
from fastinit.__main__ import main
open("rules.toml", "w").write('[[rule]]\\nname = "*"\\nscheme = "ones"')
limits = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (2048, limits[1]))
status = main(["init", "--like", "like.safetensors", "--rules", "rules.toml", "--seed", "1", "--out", "out"])
resource.setrlimit(resource.RLIMIT_FSIZE, limits)
sys.exit(status)
"""
    done = run_python(tmp_path, code)
    assert done.returncode == 2
    assert re.fullmatch(r"python -m fastinit init: cannot reserve 3,\d+ bytes for out: File too large\n", done.stderr)
    assert sorted(os.listdir(tmp_path)) == ["like.safetensors", "rules.toml"]


@pytest.mark.parametrize("system", ["without posix_fallocate", "that cannot allocate"])
def test_file_is_written_on_systems(tmp_path: Path, like: Path, monkeypatch: pytest.MonkeyPatch, system: str) -> None:
    def unsupported(*_: object) -> None:
        raise OSError(errno.EOPNOTSUPP, "Operation not supported")

    wanted = fresh(like)
    if system == "without posix_fallocate":
        monkeypatch.delattr(os, "posix_fallocate", raising=False)
        monkeypatch.delattr(os, "posix_fadvise", raising=False)
    else:
        monkeypatch.setattr(os, "posix_fallocate", unsupported, raising=False)
    init_checkpoint(like, NORMAL, 7, tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == wanted


def test_disk_that_fills_while_it_is_written_is_an_error(
    tmp_path: Path, like: Path, monkeypatch: pytest.MonkeyPatch, small_windows: None
) -> None:
    class Full(files.Growing):
        def append(self, data: Any) -> None:
            if self.size > 2000:
                raise OSError(errno.ENOSPC, "No space left on device")
            super().append(data)

    monkeypatch.setattr(checkpoint, "Growing", Full)
    with pytest.raises(OSError, match="No space left on device"):
        init_checkpoint(like, NORMAL, 7, tmp_path / "out")
    assert os.listdir(tmp_path) == ["like.safetensors"]


def test_system_that_writes_in_parts_writes_all(tmp_path: Path, like: Path, small_windows: None) -> None:
    written = bytearray()

    class Slow:
        name = "slow"

        def write(self, data: memoryview) -> int:
            written.extend(data[:7])
            return len(data[:7])

        def fileno(self) -> int:
            return descriptor

    with open(tmp_path / "large", "wb") as large:
        large.truncate(1 << 20)
        descriptor = large.fileno()
        growing = files.Growing(Slow(), hashed=True)  # type: ignore[arg-type]
        growing.append(b"0123456789" * 10)
        growing.append(np.arange(300, dtype=np.uint8))
    assert written == b"0123456789" * 10 + bytes(np.arange(300, dtype=np.uint8))
    assert (growing.size, growing.sha256) == (400, hashlib.sha256(written).hexdigest())


def test_file_that_another_process_cuts_off_is_an_error(
    tmp_path: Path, like: Path, monkeypatch: pytest.MonkeyPatch, small_windows: None
) -> None:
    def cut_off(file: Any, *_: object) -> None:
        os.truncate(file.name, 10)

    monkeypatch.setattr(files, "_let_go", cut_off)
    with pytest.raises(OSError, match=r"cannot write .*out.*: another process has cut it off meanwhile"):
        init_checkpoint(like, NORMAL, 7, tmp_path / "out")
    assert os.listdir(tmp_path) == ["like.safetensors"]


def test_more_parts_than_a_process_may_have_open_files(tmp_path: Path) -> None:
    weights = {str(i): f"part-{i}.safetensors" for i in range(80)}
    for name, file in weights.items():
        write_safetensors(tmp_path / file, {name: ("F32", (9,))})
    shapes_file(tmp_path / "index.json", {"weight_map": weights})
    (tmp_path / "new").mkdir()
    code = """
import resource
from fastinit.checkpoint import init_checkpoint
resource.setrlimit(resource.RLIMIT_NOFILE, (32, 32))
init_checkpoint("index.json", {"rule": [{"name": "*", "scheme": "normal"}]}, 7, "new/index.json")
"""
    if os.name != "nt":
        done = run_python(tmp_path, code)
        assert (done.returncode, done.stderr) == (0, "")
        assert len(os.listdir(tmp_path / "new")) == 81


KILLED = """
import signal
import fastinit.checkpoint
from fastinit.checkpoint import files, fills
from fastinit.__main__ import run_as_program

for name in ("SIGINT", "SIGTERM", "SIGHUP"):
    signal.signal(getattr(signal, name), signal.SIG_DFL)
fills.BUFFER_BYTES = files.FLUSH_BYTES = 1000
files._let_go = lambda *_: os.kill(os.getpid(), signal.{signal})
open("rules.toml", "w").write('[[rule]]\\nname = "*"\\nscheme = "ones"')
sys.argv[1:] = ["init", "--like", "like.safetensors", "--rules", "rules.toml", "--seed", "1", "--out", "out"]
sys.exit(run_as_program())
"""


@pytest.mark.skipif(os.name == "nt", reason="sends signals")
@pytest.mark.parametrize(
    ("name", "status", "said"),
    [("SIGINT", 130, "interrupted\n"), ("SIGTERM", 143, "terminated\n"), ("SIGHUP", 129, "hung up\n")],
)
def test_signal_in_the_middle_removes_what_was_begun(
    tmp_path: Path, like: Path, name: str, status: int, said: str
) -> None:
    done = run_python(tmp_path, KILLED.format(signal=name))
    assert (done.returncode, done.stdout, done.stderr) == (status, "", said)
    assert sorted(os.listdir(tmp_path)) == ["like.safetensors", "rules.toml"]


@pytest.mark.skipif(os.name == "nt", reason="sends signals")
def test_killed_run_leaves_an_unfinished_name_only_and_the_next_one_is_not_hindered(tmp_path: Path, like: Path) -> None:
    done = run_python(tmp_path, KILLED.format(signal="SIGKILL"))
    assert done.returncode == -signal.SIGKILL
    (left,) = set(os.listdir(tmp_path)) - {"like.safetensors", "rules.toml"}
    assert re.fullmatch(r"out\.[0-9a-f]{16}\.partial", left)
    assert (tmp_path / left).stat().st_mode & 0o777 == 0o600
    init_checkpoint(like, NORMAL, 7, tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == fresh(like)


def test_second_run_with_the_same_target_does_not_replace_the_file_of_the_first(
    tmp_path: Path, like: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def second(*arguments: object) -> None:
        monkeypatch.undo()
        init_checkpoint(like, NORMAL, 8, tmp_path / "out")
        fills.write_file(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(checkpoint, "write_file", second)
    with pytest.raises(FileExistsError, match="it exists"):
        init_checkpoint(like, NORMAL, 7, tmp_path / "out")
    init_checkpoint(like, NORMAL, 8, tmp_path / "other")
    assert (tmp_path / "out").read_bytes() == (tmp_path / "other").read_bytes()
    assert sorted(os.listdir(tmp_path)) == ["like.safetensors", "other", "out"]


# ---- Memory ----------------------------------------------------------------------------------------------------------

MEMORY = """
import resource
from fastinit.checkpoint import init_checkpoint
import fastinit, numpy as np

def kilobytes(what):
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(what))

fastinit.set_num_threads(2)
rules = {"rule": [{"name": "*", "scheme": "normal"}]}
init_checkpoint("small.json", rules, 7, "small", dtype="F32")  # what a first call loads
before = kilobytes("RssAnon:")
limit = (kilobytes("VmSize:") << 10) + (160 << 20)
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
init_checkpoint("large.json", rules, 7, "large", dtype="F32")
print(kilobytes("RssAnon:") - before, kilobytes("VmHWM:") >> 10)
"""


def memory_of(folder: Path, mebibytes: int) -> tuple[int, int]:
    """The KiB that a file took of the process's own memory, and the MiB that the process had at most."""
    shapes_file(folder / "small.json", {"a": [1 << 20]})
    # Three quarters in one tensor, larger than the limit below, and a quarter in small ones.
    small = {str(i): [mebibytes << 8] for i in range(256)}
    shapes_file(folder / "large.json", {"a": [3 * mebibytes // 4 << 8, 1 << 10], **small})
    done = run_python(folder, MEMORY)
    assert done.returncode == 0, done.stderr
    own, most = map(int, done.stdout.split())
    return own, most


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux's /proc")
def test_file_needs_no_memory_of_its_own_nor_address_space_for_all_of_it(tmp_path: Path) -> None:
    own, _ = memory_of(tmp_path, 256)
    assert own < (16 + 2) << 10  # the buffer, and little else
    assert (tmp_path / "large").stat().st_size > 256 << 20


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux's /proc")
def test_file_of_4_gib_needs_no_memory_of_its_own(tmp_path: Path) -> None:
    own, most = memory_of(tmp_path, 4096)
    assert own < (16 + 2) << 10
    assert most < 200


def test_scheme_that_needs_too_much_memory_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def exhausted(*_: object) -> None:
        raise MemoryError("Unable to allocate 1. EiB")

    monkeypatch.setattr(fastinit.matrices, "haar", exhausted)
    like = shapes_file(tmp_path / "like.json", {"a": [4, 4], "b": [2]})
    rules = {"rule": [{"name": "a", "scheme": "orthogonal"}, {"name": "b", "scheme": "zeros"}]}
    with pytest.raises(MemoryError, match="'a': the scheme needs the whole matrix in memory: Unable to allocate"):
        init_checkpoint(like, rules, 7, tmp_path / "out", dtype="F32")
    assert os.listdir(tmp_path) == ["like.json"]


def test_tensor_for_which_there_is_no_buffer_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small_windows: None
) -> None:
    class LittleMemory:
        def __getattr__(self, name: str) -> Any:
            return getattr(np, name)

        def empty(self, size: int, dtype: Any) -> np.ndarray:
            if size > 1000:
                raise MemoryError(f"Unable to allocate {size} bytes")
            return np.empty(size, dtype)

    monkeypatch.setattr(fills, "np", LittleMemory())
    like = shapes_file(tmp_path / "like.json", {"a": [30, 30], "b": [300, 30]})
    rules = {"rule": [{"name": "a", "scheme": "orthogonal"}, {"name": "b", "scheme": "zeros"}]}
    with pytest.raises(MemoryError, match="'a': the scheme needs the whole matrix in memory: Unable to allocate 3600"):
        init_checkpoint(like, rules, 7, tmp_path / "out", dtype="F32")
    assert os.listdir(tmp_path) == ["like.json"]


def test_lack_of_memory_is_not_blamed_on_a_scheme_that_needs_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def exhausted(*_: object) -> None:
        raise MemoryError("no memory")

    monkeypatch.setattr(fastinit.Generator, "_fill", exhausted)
    like = shapes_file(tmp_path / "like.json", {"a": [4, 4]})
    with pytest.raises(MemoryError, match=r"^no memory$"):
        init_checkpoint(like, NORMAL, 7, tmp_path / "out", dtype="F32")
    assert os.listdir(tmp_path) == ["like.json"]


# ---- The command -----------------------------------------------------------------------------------------------------

ARGUMENTS = ("--like", "like.safetensors", "--rules", "rules.toml", "--out", "out.safetensors")


@pytest.fixture
def folder(tmp_path: Path, like: Path) -> Path:
    (tmp_path / "rules.toml").write_text('[[rule]]\nname = "*"\nscheme = "normal"\nstd = 0.02\n', encoding="utf-8")
    return tmp_path


def test_command_writes_the_file_and_a_report_of_it(folder: Path, like: Path) -> None:
    done = run(folder, *ARGUMENTS, "--seed", 7, "--threads", 2)
    assert (done.returncode, done.stderr) == (0, "")
    *table, blank, totals, written = done.stdout.splitlines()
    assert table == [
        "name  shape    dtype  scheme",
        "a     300      F32    normal(std=0.02)",
        "b     5 x 100  F32    normal(std=0.02)",
    ]
    assert blank == ""
    assert re.fullmatch(r"2 tensors, 800 elements, 3,200 bytes, \d+\.\d\d seconds", totals)
    assert written == "written: out.safetensors"
    assert (folder / "out.safetensors").read_bytes() == fresh(like)


def test_dry_run_prints_the_same_and_writes_nothing(folder: Path) -> None:
    done = run(folder, *ARGUMENTS, "--seed", 7, "--dry-run")
    assert (done.returncode, done.stderr) == (0, "")
    assert "b     5 x 100  F32    normal(std=0.02)\n" in done.stdout
    assert "\n2 tensors, 800 elements, 3,200 bytes\nnothing is written (--dry-run)\n" in done.stdout
    assert sorted(os.listdir(folder)) == ["like.safetensors", "rules.toml"]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--seed", "-1"), "seed=-1"),
        (("--seed", "0", "--threads", "0"), "--threads: n=0; accepted is 1 <= n <= 1024"),
        (("--seed", "0", "--like", "none.safetensors"), "none.safetensors: No such file or directory"),
        (("--seed", "0", "--rules", "none.toml"), "none.toml: No such file or directory"),
        (("--seed", "0", "--out", "none/out"), "cannot write none/out: none is no folder"),
        (
            ("--seed", "0", "--out", "like.safetensors", "--force"),
            "cannot write like.safetensors: it is what the new checkpoint is to be like",
        ),
        (("--seed", "0", "--out", "rules.toml"), "cannot write rules.toml: it is the rules"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    complaint: str,
) -> None:
    monkeypatch.chdir(folder)
    assert command_line.main(["init", *ARGUMENTS, *arguments]) == 2
    out, errors = capsys.readouterr()
    assert out == ""
    assert errors.startswith(f"python -m fastinit init: {complaint}")
    assert errors.count("\n") == 1
    assert sorted(os.listdir(folder)) == ["like.safetensors", "rules.toml"]


def test_seed_is_required(folder: Path) -> None:
    done = run(folder, *ARGUMENTS)
    assert done.returncode == 2
    assert "the following arguments are required: --seed" in done.stderr


def test_full_disk_is_said_in_one_line(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: object) -> bool:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full, raising=False)
    monkeypatch.chdir(folder)
    assert command_line.main(["init", *ARGUMENTS, "--seed", "0"]) == 2
    assert re.fullmatch(
        r"python -m fastinit init: cannot reserve 3,\d+ bytes for out.safetensors: No space left on device\n",
        capsys.readouterr().err,
    )


@pytest.mark.parametrize("columns", [80, 120])
def test_table_of_a_gpt_2_fits_the_terminal(columns: int) -> None:
    layers = 12
    sizes = {f"transformer.h.{i}.attn.c_proj.weight": ("F32", (768, 768)) for i in range(layers)}
    tensors = new_header({"transformer.wte.weight": ("F32", (50257, 768)), **sizes}, None).tensors
    recipe = fastinit.recipe.Recipe.of("normal", std=0.004082482904638631)
    lines = report.table([report.Initialised(tensor, recipe) for tensor in tensors], columns).splitlines()
    assert max(map(len, lines)) <= columns
    assert len(lines) == {80: 1 + 2 * (layers + 1), 120: 1 + layers + 1}[columns]
    assert sum("normal(std=0.004082482904638631)" in line for line in lines) == layers + 1


def test_names_cannot_move_the_cursor(folder: Path) -> None:
    write_safetensors(folder / "like.safetensors", {"a\x1b[2J\r\nb\u202e 表": ("F32", (1,))})
    done = run(folder, *ARGUMENTS, "--seed", 7)
    assert done.returncode == 0
    assert "a\\x1b[2J\\r\\nb\\u202e 表  1" in done.stdout


# ---- Documentation ---------------------------------------------------------------------------------------------------


def test_example_of_the_function_prints_what_it_shows() -> None:
    example = doctest.DocTestParser().get_doctest(init_checkpoint.__doc__ or "", {}, "init_checkpoint", None, 0)
    printed: list[str] = []
    assert doctest.DocTestRunner().run(example, out=printed.append).attempted > 3
    assert not printed, "".join(printed)


def gpt2(layers: int, width: int, words: int, places: int) -> dict[str, tuple[str, tuple[int, ...]]]:
    """The tensors of a GPT-2, sorted by name as the safetensors package does."""
    layer: dict[str, tuple[int, ...]] = {
        "attn.bias": (1, 1, places, places),
        **{f"{ln}.{kind}": (width,) for ln in ("ln_1", "ln_2") for kind in ("weight", "bias")},
    }
    for name, inputs, outputs in (
        ("attn.c_attn", width, 3 * width),
        ("attn.c_proj", width, width),
        ("mlp.c_fc", width, 4 * width),
        ("mlp.c_proj", 4 * width, width),
    ):
        layer |= {f"{name}.weight": (inputs, outputs), f"{name}.bias": (outputs,)}
    shapes = {
        "wte.weight": (words, width),
        "wpe.weight": (places, width),
        "ln_f.weight": (width,),
        "ln_f.bias": (width,),
    }
    shapes |= {f"h.{i}.{name}": shape for i in range(layers) for name, shape in layer.items()}
    return {name: ("F32", shapes[name]) for name in sorted(shapes)}


@pytest.mark.skipif(shutil.which("sh") is None, reason="needs a shell")
@pytest.mark.skipif(not PAGE.exists(), reason="the documentation is not here")
def test_commands_of_the_page_print_what_it_shows(tmp_path: Path) -> None:
    model = gpt2(2, 64, 512, 32)
    write_safetensors(tmp_path / "model.safetensors", model, {"format": "pt"})
    weight_map = {}
    for i, part in enumerate((dict(list(model.items())[:15]), dict(list(model.items())[15:])), 1):
        name = f"model-{i:05}-of-00002.safetensors"
        write_safetensors(tmp_path / name, part, {"format": "pt"})
        weight_map |= dict.fromkeys(part, name)
    shapes_file(tmp_path / "model.safetensors.index.json", {"metadata": {}, "weight_map": weight_map})
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n', encoding="utf-8")
    (tmp_path / "bin" / "python").chmod(0o755)
    environment = {
        **os.environ,
        "PATH": f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(IMPORTED_FROM),
        "LC_ALL": "C",
    }
    blocks = re.findall(r"(?:<!-- file: (\S+) -->\n)?```(\w+)\n(.*?)```\n", PAGE.read_text(encoding="utf-8"), re.S)
    blocks = [(name, kind, text) for name, kind, text in blocks if kind != "python"]
    commands = 0
    for (name, kind, text), (_, next_kind, shown) in itertools.pairwise([*blocks, ("", "", "")]):
        if name:
            (tmp_path / name).write_text(text, encoding="utf-8")
        if kind != "sh":
            continue
        done = subprocess.run(
            ["sh", "-c", f"exec 2>&1\n{text}"],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            timeout=60,
            check=False,
        )
        printed = re.sub(r"\d+\.\d\d seconds", "0.01 seconds", done.stdout.decode())
        assert next_kind == "text"
        assert printed == shown
        commands += text.count("python -m fastinit init")
    assert commands == 6
