"""
Fuzzes the headers of .safetensors files: python tests/fuzz/headers.py --seconds 60

What is accepted is accepted by the safetensors package, where that is installed, and filled with a Generator's values.
"""

import json
import random
from pathlib import Path

import common

try:
    import safetensors
except ModuleNotFoundError:
    safetensors = None

DTYPES = {"F64": 64, "F32": 32, "F16": 16, "BF16": 16, "I8": 8, "BOOL": 8, "C64": 64, "F4": 4, "F8_E4M3": 8}
PARTS = ("a", "weight", "layers.0.", "längs", "表", "\x07", "\u202e", "x" * 300, "{", '"', "\\", ":", "", " ")


def entries(chance: random.Random) -> tuple[dict[str, object], int]:
    """A header as one may be, and the bytes of its data."""
    made: dict[str, object] = {}
    begin = 0
    for _ in range(chance.choice((0, 1, 1, 2, 3, 6))):
        name = "".join(chance.choices(PARTS, k=chance.randint(1, 3)))
        if name in made:
            continue
        dtype = chance.choice(list(DTYPES))
        shape = [chance.choice((0, 1, 2, 3, 4, 16)) for _ in range(chance.randint(0, 3))]
        bits = DTYPES[dtype]
        for size in shape:
            bits *= size
        entry: dict[str, object] = {"dtype": dtype, "shape": shape, "data_offsets": [begin, begin + bits // 8]}
        if chance.random() < 0.1:
            entry["extra"] = chance.choice((None, 1, 1.5, [], [["x"]], {"shape": 1}, "text"))
        made[name] = entry
        begin += bits // 8
    if chance.random() < 0.5:
        made["__metadata__"] = chance.choice(({"format": "pt"}, {}, None, {"a": "b" * 300, "\u202e": ""}))
    return made, begin


def case(chance: random.Random, folder: Path) -> str:
    made, size = entries(chance)
    text = json.dumps(made, ensure_ascii=chance.random() < 0.5, indent=chance.choice((None, None, 1))).encode()
    if chance.random() < 0.9:
        text = common.mutated(text, chance)
    length = len(text) if chance.random() < 0.95 else chance.choice((0, len(text) + 1, len(text) - 1, 2**64 - 1, 2**27))
    content = max(length, 0).to_bytes(8, "little") + text + chance.randbytes(size)
    if chance.random() < 0.03:
        content = common.mutated(content, chance)
    like, out = folder / "like" / "like.safetensors", folder / "new" / "out.safetensors"
    like.write_bytes(content)
    rules = common.NORMAL if chance.random() < 0.5 else {"rule": [{"name": "*", "scheme": "copy"}]}
    done = common.attempt(like, rules, out)
    if done is None:
        return "refused"
    assert [path.name for path in out.parent.iterdir()] == [out.name]
    if safetensors is not None:
        safetensors.deserialize(content)
        safetensors.deserialize(out.read_bytes())
    common.check_values(out, done, chance)
    return "accepted"


def run(seed: int, cases: int | None, seconds: float | None) -> str:
    return common.loop(case, seed, cases, seconds)


if __name__ == "__main__":
    common.main(run)
