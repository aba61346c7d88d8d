"""
Fuzzes indexes of several files and JSONs of shapes: python tests/fuzz/index.py --seconds 60

No file is made but those that the index names, beside the new index, and they are filled with a Generator's values.
"""

import json
import random
from pathlib import Path

import common

from fastinit.checkpoint.header import new_header

NAMES = (
    "1.safetensors",
    "2.safetensors",
    "1.SAFETENSORS",
    "../1.safetensors",
    "/tmp/x",
    "x\\1",
    "c:1",
    "a/../1",
    "..",
    ".",
)
NAMES += ("out.json", "OUT.JSON", "1.safetensors\n", "", "\u202e", "1.safetensors.partial", "é", "e\u0301", "x" * 300)
WORDS = (*common.WORDS, *(f'"{name}"' for name in NAMES if "\\" not in name and "\n" not in name), "weight_map")
DTYPES = ("F32", "float16", "BF16", "float64", "I64", "flaot32", "F4", "C64")
TENSORS = {"1.safetensors": {"a": ("F32", (3, 5)), "b": ("F16", (2,))}, "2.safetensors": {"c": ("F64", (4,))}}


def index(chance: random.Random, folder: Path) -> bytes:
    """The files of a model, and an index of them, or of others."""
    for name, tensors in TENSORS.items():
        header = new_header(tensors, None)
        (folder / name).write_bytes(header.prefix + bytes(header.file_size - len(header.prefix)))
    weight_map = {tensor: name for name, tensors in TENSORS.items() for tensor in tensors}
    if chance.random() < 0.3:
        weight_map[chance.choice("abcd")] = chance.choice(NAMES)
    return json.dumps({"metadata": {"total_size": 96}, "weight_map": weight_map}).encode()


def shapes(chance: random.Random) -> bytes:
    made: dict[str, object] = {} if chance.random() < 0.7 else {"__metadata__": chance.choice(({"a": "b"}, None, {}))}
    for _ in range(chance.randint(0, 4)):
        name = "".join(chance.choices(("a", "weight", "表", "\u202e", "x" * 300, " "), k=2))
        shape = [chance.choice((0, 1, 2, 3, 16)) for _ in range(chance.randint(0, 3))]
        made[name] = shape if chance.random() < 0.5 else {"dtype": chance.choice(DTYPES[:5]), "shape": shape}
    return json.dumps(made, ensure_ascii=False).encode()


def case(chance: random.Random, folder: Path) -> str:
    like, out = folder / "like" / "like.json", folder / "new" / chance.choice(("out.json", "out.safetensors"))
    options: dict[str, str] = {}
    if chance.random() < 0.6:
        content = index(chance, like.parent)
        out = out if chance.random() < 0.05 else out.with_name("out.json")
    else:
        content = shapes(chance)
        out = out if chance.random() < 0.05 else out.with_name("out.safetensors")
        options = {"dtype": chance.choice(DTYPES)} if chance.random() < 0.8 else {}
    if chance.random() < 0.8:
        content = common.mutated(content, chance, WORDS)
    if len(content) < 4000 and chance.random() < 0.03:
        content = chance.choice((b"\xef\xbb\xbf" + content, content.decode(errors="ignore").encode("utf-16")))
    like.write_bytes(content)
    done = common.attempt(like, common.NORMAL, out, dry_run=large(content), **options)
    if done is None:
        return "refused"
    made = {path.name for path in out.parent.iterdir()}
    assert made <= {out.name, *TENSORS}, made
    for path in out.parent.iterdir():
        if path.suffix != ".json":
            common.check_values(path, done, chance)
    return "accepted"


def large(content: bytes) -> bool:
    """Whether the shapes may be of more bytes than a case should write, with a number of many digits among them."""
    digits = 0
    for byte in content:
        digits = digits + 1 if byte in b"0123456789" else 0
        if digits > 2:
            return True
    return False


def run(seed: int, cases: int | None, seconds: float | None) -> str:
    return common.loop(case, seed, cases, seconds)


if __name__ == "__main__":
    common.main(run)
