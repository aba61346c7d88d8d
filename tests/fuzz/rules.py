"""
Fuzzes rules files: python tests/fuzz/rules.py --seconds 60

The line that an error gives is that of a [[rule]]: before it, the file is TOML with one rule fewer.
"""

import json
import random
import re
import tomllib
from pathlib import Path

import common

from fastinit.checkpoint.header import new_header

SHAPES = {"fc.weight": ("F32", (4, 3)), "fc.bias": ("F32", (4,)), "emb": ("F64", (5, 2)), "half": ("F16", (3, 3))}
SCHEMES = ("normal", "uniform", "zeros", "ones", "he_normal", "orthogonal", "copy", "constant", "sparse", "bits")
SCHEMES += ("truncated_normal", "xavier_uniform", "noraml", "fill", "", "x" * 300)
ARGUMENTS = (
    "std",
    "mean",
    "low",
    "high",
    "gain",
    "layout",
    "fan_in",
    "value",
    "sparsity",
    "sdt",
    "stream",
    "cls",
    "a.b",
)
ARGUMENTS += ("names", "schema", "ndim", "x" * 300, '"\\u202e"', "self", "out", "offset", "truncated", "mode")
VALUES = (
    "0.02",
    "1",
    "-1",
    "true",
    '"torch"',
    '"keras"',
    "inf",
    "nan",
    "[1, 2]",
    "{a = 1}",
    "1979-05-27",
    "0x" + "f" * 900,
)
VALUES += (
    '"' + "x" * 500 + '"',
    '"""\n[[rule]]\n"""',
    "'''\n[[rule]]\n'''",
    '[\n["rule"]\n]',
    '"\\u202e"',
    "1e400",
    "-0.0",
)
PATTERNS = ("*", "*.weight", "*.bias", "fc.*", "emb", "[", "[!a]*", "h?lf", "none", "", "x" * 300, "\\u202e")
WORDS = (
    *common.WORDS,
    "[[rule]]\n",
    "[rule]\n",
    "rule = [",
    '"""',
    "'''",
    "# [[rule]]\n",
    "a." * 150,
    '[["rule"]]\n',
    "\r\n",
)


def rules(chance: random.Random) -> bytes:
    lines = (
        [f"layout = {chance.choice(VALUES)}"] if chance.random() < 0.1 else ['layout = "torch"'][: chance.randint(0, 1)]
    )
    for _ in range(chance.randint(0, 3)):
        lines += ["# [[rule]]"] * chance.randint(0, 1)
        lines.append(chance.choice(("[[rule]]", "[[rule]]", " [[ rule ]] # x", '[["rule"]]', "[['rule']]")))
        lines.append(f'name = "{chance.choice(PATTERNS)}"')
        lines.append(f'scheme = "{chance.choice(SCHEMES)}"')
        if chance.random() < 0.5:
            lines.append(f"{chance.choice(ARGUMENTS)} = {chance.choice(VALUES)}")
    if chance.random() < 0.7:
        lines += ["[[rule]]", 'name = "*"', f'scheme = "{chance.choice(SCHEMES[:5])}"']
    return "\n".join(lines).encode()


def check_line(content: bytes, said: str, where: str) -> None:
    found = re.match(re.escape(where) + r", line (\d+): rule (\d+) ", said)
    if found:
        line, number = map(int, found.groups())
        lines = content.removeprefix(b"\xef\xbb\xbf").decode().replace("\r\n", "\n").split("\n")
        for end, count in ((line - 1, number - 1), (line, number)):
            assert len(tomllib.loads("\n".join(lines[:end])).get("rule", [])) == count, (said, line)


def case(chance: random.Random, folder: Path) -> str:
    like, out = folder / "like" / "like.json", folder / "new" / "out.safetensors"
    header = new_header(SHAPES, None)
    if chance.random() < 0.5:
        like = like.with_suffix(".safetensors")
        like.write_bytes(header.prefix + bytes(header.file_size - len(header.prefix)))
    else:
        like.write_text(json.dumps({name: {"dtype": dtype, "shape": list(s)} for name, (dtype, s) in SHAPES.items()}))
    content = rules(chance)
    if chance.random() < 0.6:
        content = common.mutated(content, chance, WORDS)
    file = folder / "like" / "rules.toml"
    file.write_bytes(content)
    done = common.attempt(like, file, out)
    if done is None:
        refusal(like, file, out, content)
        return "refused"
    assert [path.name for path in out.parent.iterdir()] == [out.name]
    common.check_values(out, done, chance)
    return "accepted"


def refusal(like: Path, file: Path, out: Path, content: bytes) -> None:
    try:
        common.init_checkpoint(like, file, 7, out)
    except common.REFUSALS as error:
        for line in str(error).split("\n"):
            check_line(content, line, str(file))


def run(seed: int, cases: int | None, seconds: float | None) -> str:
    return common.loop(case, seed, cases, seconds)


if __name__ == "__main__":
    common.main(run)
