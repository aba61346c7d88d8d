"""What a fresh checkpoint is made from: limits, messages that stay short, what is accepted, lines of rules, folders."""

import io
import os
import re
import socket
import sys
from pathlib import Path

import numpy as np
import pytest
from test_checkpoint import COPY, NORMAL, entry, one, raw, shapes_file, write_index, write_safetensors

import fastinit
from fastinit import rules
from fastinit.checkpoint import header, init_checkpoint, model
from fastinit.checkpoint.header import read_header
from fastinit.text import printable

FUZZERS = Path(__file__).parent / "fuzz"
MOST = 4000  # characters of a message; one about one value has far fewer


def refusal(*arguments: object, **options: object) -> str:
    """The error of init_checkpoint, which must be one that a terminal shows as it is."""
    with pytest.raises((ValueError, OSError)) as raised:
        init_checkpoint(*arguments, **options)  # type: ignore[arg-type]
    said = str(raised.value)
    assert len(said) < 2000
    assert all(printable(line) == line for line in said.split("\n"))
    return said


@pytest.fixture
def like(tmp_path: Path) -> Path:
    (tmp_path / "like").mkdir()
    return write_safetensors(tmp_path / "like" / "model.safetensors", {"a": ("F32", (3,)), "b.weight": ("F32", (2, 2))})


# ---- What is no file to be read --------------------------------------------------------------------------------------


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names here")
@pytest.mark.parametrize("kind", ["a pipe", "a socket", "a device", "a folder"])
def test_what_is_no_regular_file_is_refused_at_once(tmp_path: Path, like: Path, kind: str) -> None:
    place = tmp_path / "x"
    if kind == "a pipe":
        os.mkfifo(place)
    elif kind == "a socket":
        with socket.socket(socket.AF_UNIX) as made:
            here = os.getcwd()
            os.chdir(tmp_path)  # the name of a socket is short
            made.bind("x")
            os.chdir(here)
    elif kind == "a device":
        place.symlink_to("/dev/zero")
    else:
        place.mkdir()
    out = tmp_path / "out"
    assert f"it is {kind}; accepted is a regular file" in refusal(like, place, 0, out)
    if kind != "a folder":
        assert f"it is {kind}; accepted is a regular file" in refusal(place, NORMAL, 0, out)
        (tmp_path / "x.json").symlink_to(place)
        assert f"it is {kind}; accepted is a regular file" in refusal(tmp_path / "x.json", NORMAL, 0, out)
    index = write_index(tmp_path)
    (tmp_path / "2.safetensors").unlink()
    place.rename(tmp_path / "2.safetensors")
    (tmp_path / "new").mkdir()
    assert f"it is {kind}; accepted is a regular file" in refusal(index, NORMAL, 0, tmp_path / "new" / "o.json")


def test_files_that_are_too_large_are_refused_unread(tmp_path: Path, like: Path) -> None:
    for name, size in (("rules.toml", 16 << 20), ("like.json", 100_000_000)):
        with (tmp_path / name).open("wb") as file:
            file.truncate(size + 1)
    assert "more than 16,777,216 bytes; a rules file may have" in refusal(like, tmp_path / "rules.toml", 0, "out")
    assert "more than 100,000,000 bytes; an index or a JSON of shapes may have" in refusal(
        tmp_path / "like.json", NORMAL, 0, "out"
    )


@pytest.mark.parametrize("argument", ["like", "rules", "out"])
def test_empty_path_is_refused_by_the_arguments_name(tmp_path: Path, like: Path, argument: str) -> None:
    given = {"like": like, "rules": NORMAL, "seed": 0, "out": tmp_path / "out", argument: ""}
    assert refusal(**given) == f"{argument}=''; accepted is the path of a file"


def test_current_folder_is_no_output(tmp_path: Path, like: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert refusal(like, NORMAL, 0, ".") == "cannot write .: it is a folder"
    assert refusal(like, NORMAL, 0, "..", force=True) == "cannot write ..: it is a folder"


# ---- Memory ----------------------------------------------------------------------------------------------------------

MANY = 60_000
HOSTILE = {
    "brackets": (b'{"a":' + b"[" * MANY, "nested more than 127 deep"),
    "lists": (b'{"a":[' + b"[]," * MANY, "60,002 objects and arrays; accepted in 180,006 bytes are 21,250"),
    "names": (
        b"{" + b",".join(b'"%x":0' % i for i in range(MANY)) + b"}",
        "60,000 names; accepted in",
    ),
    "names behind quotation marks": (
        b'{"\\"":"\\\\",' + b",".join(b'"%x":0' % i for i in range(MANY)) + b"}",
        "60,001 names; accepted in",
    ),
    "digits": (b'{"a":' + b"1" * MANY + b"}", "a number takes 60,000 characters"),
    "decimals": (b'{"a":0.' + b"1" * MANY + b"}", "a number takes 60,002 characters"),
}


@pytest.mark.parametrize(("text", "complaint"), HOSTILE.values(), ids=HOSTILE)
def test_json_that_would_take_much_memory_is_refused_before_it_is_parsed(
    tmp_path: Path, text: bytes, complaint: str
) -> None:
    (tmp_path / "like.safetensors").write_bytes(raw(text))
    assert complaint in refusal(tmp_path / "like.safetensors", NORMAL, 0, tmp_path / "out")


def test_brackets_and_colons_in_names_are_no_structure(tmp_path: Path) -> None:
    names = ['[{:"' * 30_000, "\\" * 5001, '\\"' * 5001 + "[" * 200, "x"]
    like = shapes_file(tmp_path / "like.json", {name: [1] for name in names})
    assert len(init_checkpoint(like, NORMAL, 0, tmp_path / "out.safetensors", dtype="F32")) == 4
    assert {tensor.name for tensor in read_header(tmp_path / "out.safetensors").tensors} == set(names)


def test_shortest_tensors_are_within_the_limits(tmp_path: Path) -> None:
    names = [f"{i:x}" for i in range(MANY)]
    like = write_safetensors(tmp_path / "like.safetensors", dict.fromkeys(names, ("U8", ())))
    assert len(read_header(like).tensors) == MANY
    shapes_file(tmp_path / "like.json", {name: [] for name in names})
    assert len(model.read_model(tmp_path / "like.json", tmp_path / "o", "U8").tensors) == MANY


TOML = {
    "arrays": ("a = " + "[" * 100_000, "nested too deeply"),
    "tables": ("a = " + "{a=" * 100_000, "nested too deeply"),
    "dots": ("a." * 200_000 + "a = 1", "a key of 200,000 parts and more; accepted are 100 (at line 1)"),
    "dots with strings": (
        'x = "#"\n' + "\"'\".'\"'." * 100_000 + "a = 1",
        "parts and more; accepted are 100 (at line 2)",
    ),
    "digits": ("\n\na = 0x" + "1" * 200_000, "a key or number of more than 1,000 characters (at line 3)"),
    "a string without an end": ('a = """' + '\\"""' * 100_000, "Unterminated string"),
    "quotation marks": ("a = " + '"' * 200_001, "a key or number of more than 1,000 characters"),
    "a long pattern": (
        '[[rule]]\nname = "' + "a" * 5000 + '"\nscheme = "ones"',
        "a name of 5,000 characters; accepted",
    ),
    "a large integer": (
        '[[rule]]\nname = "*"\nscheme = "normal"\nstd = 0x' + "f" * 500,
        "line 1: rule 1 ('*'): 'std' is an integer of 2,000 bits",
    ),
    "UTF-16": ("rule".encode("utf-16"), "rules.toml: its content is UTF-16; accepted is UTF-8"),
    "no UTF-8": (b"\xff", "rules.toml: its content is not UTF-8"),
}


@pytest.mark.parametrize(("text", "complaint"), TOML.values(), ids=TOML)
def test_rules_that_would_take_long_are_refused_at_once(
    tmp_path: Path, like: Path, text: str | bytes, complaint: str
) -> None:
    (tmp_path / "rules.toml").write_bytes(text.encode() if isinstance(text, str) else text)
    assert complaint in refusal(like, tmp_path / "rules.toml", 0, tmp_path / "out")


def test_dots_in_strings_and_comments_are_no_keys(tmp_path: Path, like: Path) -> None:
    text = f'# {"a." * 500}\n[[rule]]\nname = ["*", \'b{".b" * 500}\', """{"c." * 500}"""]\nscheme = "ones"\n'
    (tmp_path / "rules.toml").write_text(text, encoding="utf-8")
    init_checkpoint(like, tmp_path / "rules.toml", 0, tmp_path / "out")


# ---- Messages --------------------------------------------------------------------------------------------------------

LONG = "x\u202e\x1b" * 100_000
LONG_HEADERS = {
    "a shape": raw(one(shape=[1] * 100_000, data_offsets=[0, 3])),
    "a shape that is too large": raw(one(shape=[1] * 100_000 + [2**62, 4])),
    "a shape of half bytes": raw(one(dtype="F4", shape=[1] * 100_000)),
    "a name": raw({LONG: 1}),
    "a name without data": raw({LONG: entry("F32", [1], 4, 8)}),
    "a name with a wrong shape": raw({LONG: entry("F32", [-1], 0, 4)}),
    "a dtype": raw(one(dtype=LONG)),
    "offsets": raw(one(data_offsets=[LONG])),
    "an entry": raw({"a": [LONG]}),
    "a name twice": raw(b'{"%s":1,"%s":1}' % (b"x" * 100_000, b"x" * 100_000)),
    "half a pair": raw(b'{"%s\\ud800":1}' % (b"x" * 100_000)),
}


@pytest.mark.parametrize("content", LONG_HEADERS.values(), ids=LONG_HEADERS)
def test_message_about_a_long_value_is_short(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "like.safetensors").write_bytes(content)
    refusal(tmp_path / "like.safetensors", NORMAL, 0, tmp_path / "out")


@pytest.mark.parametrize(
    "rule",
    [
        {"name": LONG, "scheme": "ones"},
        {"name": [LONG[:4000]] * 100, "scheme": "ones"},
        {"name": "*", "scheme": LONG},
        {"name": "*", "scheme": "normal", LONG: 1},
        {"name": "*", "scheme": "normal", "std": LONG},
        {"name": "*", "scheme": "normal", "std": [LONG]},
        {"name": "*", "scheme": "he_normal", "layout": LONG},
        {"name": "*", "scheme": "copy", LONG: 1},
        {"name": "*", "scheme": "constant", "value": 10**300},
        {"name": "*", "scheme": "constant", "value": 1 << 100_000},
        {"name": "*", "ndim": LONG, "scheme": "ones"},
    ],
)
def test_message_about_a_long_rule_is_short(tmp_path: Path, like: Path, rule: dict[str, object]) -> None:
    refusal(like, {"rule": [rule]}, 0, tmp_path / "out")
    if LONG not in rule:
        refusal(like, {"rule": [{"name": "?", "scheme": "ones"}, rule, rule]}, 0, tmp_path / "out")


def test_messages_about_other_long_values_are_short(tmp_path: Path, like: Path) -> None:
    refusal(like, {LONG: 1}, 0, tmp_path / "out")
    refusal(like, {"layout": LONG, **NORMAL}, 0, tmp_path / "out")
    refusal(like, NORMAL, 0, tmp_path / "out", dtype=LONG)
    (tmp_path / "rules.toml").write_text(f'"{"x" * 100_000}" = 1\n' * 2, encoding="utf-8")
    refusal(like, tmp_path / "rules.toml", 0, tmp_path / "out")
    shapes = shapes_file(tmp_path / "like.json", {f"{i}{LONG}": [1] for i in range(20)})
    refusal(shapes, NORMAL, 0, tmp_path / "out")
    refusal(shapes, NORMAL, 0, tmp_path / "out", dtype=LONG)
    refusal(shapes, {"rule": [{"name": "none", "scheme": "ones"}]}, 0, tmp_path / "out", dtype="F32")
    with pytest.raises(ValueError, match="tensor '0x") as raised:
        init_checkpoint(shapes, COPY, 0, tmp_path / "out", dtype="F32")
    assert len(str(raised.value)) < MOST
    refusal(shapes_file(tmp_path / "i.json", {"weight_map": {"a": LONG}}), NORMAL, 0, tmp_path / "out.json")
    assert sorted(os.listdir(tmp_path)) == ["i.json", "like", "like.json", "rules.toml"]


# ---- What is accepted ------------------------------------------------------------------------------------------------

BASE = b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
ACCEPTED = {
    "other keys": BASE.replace(b'"dtype"', b'"b":[1,{"c":[null,1.5,-0,"x"]}],"dtype"'),
    "metadata that are null": BASE.replace(b"{", b'{"__metadata__":null,', 1),
    "space behind": BASE + b" \n\t\r ",
    "escapes": BASE.replace(b'"a"', b'"\\u0061\\ud83d\\ude00"'),
    "an integer of many digits": BASE.replace(b'"dtype"', b'"x":' + b"1" * 300 + b',"dtype"'),
    "depth": BASE.replace(b'"dtype"', b'"x":' + b"[" * 125 + b"]" * 125 + b',"dtype"'),
}
REFUSED = {
    "too much depth": BASE.replace(b'"dtype"', b'"x":' + b"[" * 126 + b"]" * 126 + b',"dtype"'),
    "half a pair in a list": BASE.replace(b'"dtype"', b'"x":[["\\ud800"]],"dtype"'),
    "a number that overflows": BASE.replace(b'"dtype"', b'"x":1e999,"dtype"'),
    "an integer that overflows": BASE.replace(b'"dtype"', b'"x":' + b"1" * 400 + b',"dtype"'),
    "NaN": BASE.replace(b'"dtype"', b'"x":NaN,"dtype"'),
    "a byte order mark": b"\xef\xbb\xbf" + BASE,
    "a size with an exponent": BASE.replace(b"[1]", b"[1e0]"),
    "an offset of minus nothing": BASE.replace(b"[0,4]", b"[-0,4]"),
}
STRICTER = {
    "a name twice": b'{"a":1,' + BASE[1:],
    "a key twice": BASE.replace(b'"dtype"', b'"x":1,"x":1,"dtype"'),
    "space before": b" " + BASE,
    "an array": b'{"a":["F32",[1],[0,4]]}',
    "a dtype that is an object": BASE.replace(b'"F32"', b'{"F32":null}'),
    "a long number": BASE.replace(b'"dtype"', b'"x":0.' + b"1" * 1000 + b',"dtype"'),
}


@pytest.mark.parametrize("text", ACCEPTED.values(), ids=ACCEPTED)
def test_header_that_an_exporter_may_write_is_accepted_and_kept(tmp_path: Path, text: bytes) -> None:
    like, out = tmp_path / "like.safetensors", tmp_path / "out.safetensors"
    like.write_bytes(raw(text, 4))
    init_checkpoint(like, NORMAL, 7, out)
    (tensor,) = read_header(out).tensors
    wanted = fastinit.Generator(7).normal(np.empty(1, np.float32), std=0.02, stream=tensor.name)
    assert out.read_bytes()[8:] == text + b" " * (-len(text) % 8) + wanted.tobytes()
    safetensors = pytest.importorskip("safetensors", reason="the safetensors package is not installed")
    for path in (like, out):
        safetensors.deserialize(path.read_bytes())


@pytest.mark.parametrize("text", [*REFUSED.values(), *STRICTER.values()], ids=[*REFUSED, *STRICTER])
def test_other_headers_are_refused(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "like.safetensors").write_bytes(raw(text, 4))
    refusal(tmp_path / "like.safetensors", NORMAL, 0, tmp_path / "out")
    safetensors = pytest.importorskip("safetensors", reason="the safetensors package is not installed")
    if text in REFUSED.values():
        with pytest.raises(safetensors.SafetensorError):
            safetensors.deserialize(raw(text, 4))


def test_byte_order_mark_is_accepted_where_people_write(tmp_path: Path, like: Path) -> None:
    mark = b"\xef\xbb\xbf"
    (tmp_path / "like.json").write_bytes(mark + b'{"a": [2]}')
    (tmp_path / "rules.toml").write_bytes(mark + b'[[rule]]\r\nname = "*"\r\nscheme = "ones"\r\n')
    init_checkpoint(tmp_path / "like.json", tmp_path / "rules.toml", 0, tmp_path / "out", dtype="F32")
    index = write_index(tmp_path)
    index.write_bytes(mark + index.read_bytes())
    assert "index.json: it begins with a byte order mark (BOM)" in refusal(index, NORMAL, 0, tmp_path / "o.json")
    (tmp_path / "16.json").write_bytes('{"a": [2]}'.encode("utf-16"))
    assert "16.json: its content is UTF-16; accepted is UTF-8" in refusal(tmp_path / "16.json", NORMAL, 0, "out")
    like.write_bytes(raw(mark + b"{}"))
    assert "begins with a byte order mark (BOM) and not with a brace" in refusal(like, NORMAL, 0, tmp_path / "o")


# ---- Names of files --------------------------------------------------------------------------------------------------


def test_output_is_named_as_what_it_is(tmp_path: Path, like: Path) -> None:
    assert "out='m.JSON' for one file of tensors" in refusal(like, NORMAL, 0, "m.JSON")
    index = write_index(tmp_path)
    assert re.search(
        r"out='.*fresh.safetensors' for the index that .*index.json is; accepted is a name that ends in .json",
        refusal(index, NORMAL, 0, tmp_path / "fresh.safetensors"),
    )


@pytest.mark.parametrize("pair", [("A.safetensors", "a.safetensors"), ("é", "e\u0301"), ("ß", "SS")])
def test_files_of_one_name_on_some_systems_are_refused(tmp_path: Path, pair: tuple[str, str]) -> None:
    index = shapes_file(tmp_path / "index.json", {"weight_map": dict(zip("ab", pair, strict=True))})
    said = refusal(index, NORMAL, 0, tmp_path / "out.json")
    assert f"a new file {pair[1]!r} is impossible: {pair[0]!r} is made beside it" in said


def test_part_may_have_the_name_of_an_unfinished_file(tmp_path: Path) -> None:
    write_safetensors(tmp_path / "x.partial", {"a": ("F32", (3,))})
    index = shapes_file(tmp_path / "index.json", {"weight_map": {"a": "x.partial"}})
    (tmp_path / "new").mkdir()
    init_checkpoint(index, NORMAL, 0, tmp_path / "new" / "index.json")
    assert sorted(os.listdir(tmp_path / "new")) == ["index.json", "x.partial"]


@pytest.mark.parametrize("kind", ["itself", "a link", "a hard link"])
def test_rules_are_never_replaced(tmp_path: Path, like: Path, kind: str) -> None:
    text = '[[rule]]\nname = "*"\nscheme = "ones"\n'
    file = out = tmp_path / "rules.toml"
    file.write_text(text, encoding="utf-8")
    if kind != "itself":
        out = tmp_path / "other"
        out.symlink_to(file) if kind == "a link" else out.hardlink_to(file)
    assert refusal(like, file, 0, out, force=True).endswith(f"{out.name}: it is the rules")
    index = write_index(tmp_path)
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "2.safetensors").hardlink_to(file)
    assert "2.safetensors: it is the rules" in refusal(index, file, 0, tmp_path / "new" / "o.json", force=True)
    assert file.read_text(encoding="utf-8") == text


def test_folder_stands_for_the_model_in_it(tmp_path: Path, like: Path) -> None:
    folder = like.parent
    (folder / "._like.safetensors").touch()  # as macOS makes them
    (folder / "folder.safetensors").mkdir()
    assert model.in_folder(folder) == like
    (folder / "other.safetensors").touch()
    assert model.in_folder(folder) == like
    like.rename(folder / "first.safetensors")
    said = refusal(folder, NORMAL, 0, tmp_path / "out")
    assert said.endswith("holds 'first.safetensors', 'other.safetensors'; name the file that is meant")
    index = write_index(folder)
    index = index.rename(folder / "x.safetensors.index.json")
    assert model.in_folder(folder) == index
    (tmp_path / "new").mkdir()
    init_checkpoint(folder, NORMAL | {"rule": [{"name": "*", "scheme": "zeros"}]}, 0, tmp_path / "new" / "o.json")
    assert sorted(os.listdir(tmp_path / "new")) == ["1.safetensors", "2.safetensors", "o.json"]
    assert "is what the new checkpoint is to be like" in refusal(folder, COPY, 0, index, force=True)
    (folder / "y.safetensors.index.json").touch()
    assert "holds 'x.safetensors.index.json', 'y.safetensors.index.json'" in refusal(folder, NORMAL, 0, "out")
    (folder / "model.safetensors.index.json").touch()
    assert model.in_folder(folder) == folder / "model.safetensors.index.json"
    (tmp_path / "empty").mkdir()
    assert "is a folder without a .safetensors file" in refusal(tmp_path / "empty", NORMAL, 0, "out")


# ---- Lines and hints -------------------------------------------------------------------------------------------------

LINED = '''layout = "torch" # [[rule]]
[[rule]]
name = "a"
scheme = "ones"

 [[ "rule" ]] # the second
name = ["""
[[rule]]
\\"""
[[rule]]""", 'x', \'\'\'
[[rule]]
\'\'\', "*"]
scheme = %s
'''


@pytest.mark.parametrize(
    ("scheme", "said"),
    [
        ('"onse"', "line 6: rule 2 (['[[rule]]\\n"),
        ('"identity"\ngain = [\n["rule"],\n]', "line 6: rule 2 (['[[rule]]\\n"),
        ('"ones"\n[["rule"]]\nname = "b*"\nscheme = "ones"', "line 14: rule 3 ('b*') never applies: 2 (["),
        ('"ones"\r\n[[rule]]\nname = "c"\nscheme = "ones"', "line 14: rule 3 ('c') matches nothing"),
        ('"ones"\n[[rule]]\nscheme = "ones"', "line 14: rule 3 (None): name=None"),
    ],
)
def test_error_of_a_rule_gives_its_line(tmp_path: Path, like: Path, scheme: str, said: str) -> None:
    file = tmp_path / "rules.toml"
    file.write_bytes((LINED % scheme).encode())
    assert refusal(like, file, 0, tmp_path / "out").startswith(f"{file}, {said}")


def test_rules_of_an_array_have_no_lines(tmp_path: Path, like: Path) -> None:
    file = tmp_path / "rules.toml"
    file.write_text('rule = [\n{name = "*", scheme = "identity", gain = [\n["rule"]\n]}]\n', encoding="utf-8")
    assert refusal(like, file, 0, tmp_path / "out").startswith(f"{file}: rule 1 ('*'), tensor")
    file.write_text('rule = [\n{name = "x", scheme = "ones"}]\n', encoding="utf-8")
    assert refusal(like, file, 0, tmp_path / "out").startswith(f"{file}: rule 1 ('x') matches nothing")
    file.write_text('[[rule]]\nname = "a"\nscheme = "ones"\n', encoding="utf-8")
    assert refusal(like, file, 0, tmp_path / "out") == f"{file}: no rule matches 'b.weight'"


@pytest.mark.parametrize(
    ("given", "hint"),
    [
        ({"rules": []}, "'rules' at the top; accepted are layout and [[rule]]; did you mean 'rule'?"),
        ({"layouts": "torch"}, "did you mean 'layout'?"),
        ({"rule": [{"names": "*", "scheme": "ones"}]}, "'names' in a rule; accepted are name, ndim, scheme and"),
        ({"rule": [{"name": "*", "schema": "ones"}]}, "did you mean 'scheme'?"),
        ({"rule": [{"name": "*", "scheme": "he_norml"}]}, "did you mean 'he_normal'?"),
        (
            {"rule": [{"name": "*", "scheme": "normal", "sdt": 1}]},
            "accepted are (mean=0.0, std=1.0); did you mean 'std'?",
        ),
        ({"rule": [{"name": "*", "scheme": "normal", "stddev": 1}]}, "; did you mean std=?"),
        ({"rule": [{"name": "*", "scheme": "normal", "cls": 1}]}, "unexpected keyword argument 'cls'"),
    ],
)
def test_misspelt_key_gets_a_hint(tmp_path: Path, like: Path, given: dict[str, object], hint: str) -> None:
    assert hint in refusal(like, given, 0, tmp_path / "out")


def test_rules_come_from_a_stream_too(tmp_path: Path, like: Path) -> None:
    read = rules.read_stream(io.BytesIO(b'[[rule]]\nname = "*"\nscheme = "normal"\nstd = 0.02\n'))
    init_checkpoint(like, read, 7, tmp_path / "a")
    init_checkpoint(like, NORMAL, 7, tmp_path / "b")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert refusal(like, rules.read_stream(io.BytesIO(b"\n[[rule]]")), 0, tmp_path / "c").startswith(
        "standard input, line 2: rule 1 (None): name=None"
    )
    for stream, complaint in (
        (None, "standard input: it is closed"),
        (io.BytesIO(b"rule ="), "standard input: Invalid value"),
        (io.BytesIO(bytes(rules.MOST_BYTES + 1)), "standard input: more than 16,777,216 bytes"),
    ):
        with pytest.raises(ValueError, match=complaint):
            rules.read_stream(stream)
    closed = io.BytesIO()
    closed.close()
    with pytest.raises(ValueError, match="standard input: I/O operation on closed file"):
        rules.read_stream(closed)


# ---- Fuzzers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "cases"), [("headers", 700), ("index", 300), ("rules", 300)])
def test_fuzzer_finds_nothing(name: str, cases: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(FUZZERS))
    try:
        fuzzer = __import__(name)
        figures = fuzzer.run(0, cases, None)
    finally:
        for each in ("common", name):
            sys.modules.pop(each, None)
    tried, refused, accepted = (int(number.replace(",", "")) for number in re.findall(r"([\d,]+) [tra]", figures))
    assert tried == cases == refused + accepted
    assert refused > accepted > cases // 50


def test_limits_of_the_page_are_those_of_the_code() -> None:
    assert (header.MOST_BYTES, model.MOST_BYTES, rules.MOST_BYTES) == (100_000_000, 100_000_000, 16 << 20)
    assert (header.DEEPEST, header.DIGITS, header.SLACK) == (127, 1000, 10_000)
    assert (rules.MOST_PARTS, rules.MOST_WORD, rules.MOST_PATTERN) == (100, 1000, 4096)
    limits = [(each.per_container, each.per_name) for each in (header.IN_HEADER, header.IN_SHAPES)]
    assert limits == [(16, 12), (6, 7)]
