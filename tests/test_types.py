"""What type checkers and editors know of the installed package, which they read and do not run."""

import ast
import inspect
import json
import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from conftest import ROOT, fresh_python

import fastinit
from fastinit import _core
from fastinit.generator import SCHEMES

TYPING = ROOT / "tests" / "typing"
INSTALLED = Path(_core.__file__).parent
NEEDED = {  # by modules that have a stub
    **{"dask": "dask", "jax/functions": "jax", "torch/functions": "torch"},
    **dict.fromkeys(("keras/functions", "keras/schemes"), "keras"),
}
# Editors and checkers look for a package in one folder, which `pip install -e` does not make.
installed_whole = pytest.mark.skipif(not (INSTALLED / "py.typed").exists(), reason="fastinit is installed in place")
FRAMEWORKS = (*NEEDED.values(), "haiku", "rich", "safetensors")


def command(name):
    """The path of a command that comes with a package of this Python; skips the test where it is not installed."""
    found = shutil.which(name, path=str(Path(sys.executable).parent))
    return found or pytest.skip(f"{name} is not installed")


def need(*modules):
    for module in modules:
        if find_spec(module) is None:
            pytest.skip(f"{module} is not installed")


def check(*arguments, where=TYPING):
    """Runs a checker where the source tree is not in its way. Pyright asks the python of PATH where packages are."""
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", "")))
    env = {**os.environ, "PATH": path}
    run = subprocess.run(arguments, cwd=where, env=env, capture_output=True, text=True, timeout=300, check=False)
    assert run.returncode == 0, run.stdout + run.stderr


# ---- The stubs -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def stubs(tmp_path_factory):
    """What tools/stubs.py writes, by the names of modules."""
    folder = tmp_path_factory.mktemp("stubs")
    subprocess.run([sys.executable, ROOT / "tools" / "stubs.py", folder], check=True, timeout=60)
    names = (path.relative_to(folder).with_suffix("").as_posix() for path in folder.rglob("*.pyi"))
    return {name: (folder / f"{name}.pyi").read_text(encoding="utf-8") for name in names}


def docstrings(stub):
    """Those of functions, classes and methods, which are not all there."""
    for node in ast.parse(stub).body:
        for each in (node, *(node.body if isinstance(node, ast.ClassDef) else ())):
            if isinstance(each, ast.FunctionDef | ast.ClassDef):
                name = each.name if each is node else f"{node.name}.{each.name}"
                yield name, ast.get_docstring(each)


@installed_whole
def test_the_package_brings_its_stubs(stubs):
    for name, text in stubs.items():
        installed = (INSTALLED / f"{name}.pyi").read_text(encoding="utf-8")
        assert installed == text, f"{name}.pyi is not that of this source tree; install it again"


AT_RUN_TIME = """
import importlib, inspect, json, operator, sys
module = importlib.import_module(sys.argv[1])
found = {name: operator.attrgetter(name)(module).__doc__ for name in json.loads(sys.argv[2])}
print(json.dumps({name: text and inspect.cleandoc(text) for name, text in found.items()}))
"""


@pytest.mark.parametrize("module", ["__init__", "_core", "generator", *NEEDED], ids=str)
def test_an_editor_shows_what_help_says(stubs, module):
    need(NEEDED.get(module, "fastinit"))
    shown = {name: text for name, text in docstrings(stubs[module]) if text}
    dotted = f"fastinit.{module}".removesuffix(".__init__").replace("/", ".")
    run = fresh_python(AT_RUN_TIME, dotted, json.dumps(list(shown)), timeout=200, KERAS_BACKEND="jax")
    assert run.returncode == 0, run.stderr
    said = json.loads(run.stdout)
    assert shown == said
    assert not re.search(r"^ *<[a-z_ ]+>$", "\n".join(shown.values()), re.M), "a shared paragraph was not written out"


def test_every_function_has_a_docstring_in_an_editor(stubs):
    documented = {module: {name for name, text in docstrings(stub) if text} for module, stub in stubs.items()}
    functions = {name for name in fastinit.__all__ if inspect.isroutine(getattr(fastinit, name))}
    own = {name for name in functions if getattr(fastinit, name).__module__ != "fastinit.activations"}
    assert own - {"fans", "get_num_threads", "set_num_threads", "stream_number"} <= documented["__init__"]
    methods = {name.rpartition(".")[2] for name in documented["_core"] | documented["generator"]}
    assert set(SCHEMES) <= methods
    assert set(SCHEMES) <= documented["dask"]


# ---- Type checkers ---------------------------------------------------------------------------------------------------


def exported(module):
    """The names of its __all__, found without importing it."""
    if module == "dask":
        return set(SCHEMES)
    path = ROOT / "fastinit" / module
    text = (path / "__init__.py" if path.is_dir() else path.with_suffix(".py")).read_text(encoding="utf-8")
    for node in ast.parse(text).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return set(ast.literal_eval(node.value))
    raise AssertionError(f"fastinit.{module} has no __all__")


def test_the_file_that_is_checked_uses_every_public_name():
    tree = ast.parse((TYPING / "uses_everything.py").read_text(encoding="utf-8"))
    used = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            used.setdefault(node.value.id, set()).add(node.attr)
    assert not set(fastinit.__all__) - used["fastinit"]
    assert not {name for name in dir(fastinit.Generator) if not name.startswith("_")} - used["g"]
    for module in ("checkpoint", "insight"):
        assert not exported(module) - used[module], module
    for module in ("dask", "jax", "keras", "numba", "torch"):
        assert not exported(module) - used[f"{module}_init"], module


@installed_whole
def test_mypy_accepts_what_is_right_and_refuses_mistakes():
    need("mypy")
    settings = "--config-file", ROOT / "pyproject.toml", "--cache-dir", ROOT / ".mypy_cache"
    check(sys.executable, "-m", "mypy", *settings, "uses_everything.py")


@installed_whole
def test_pyright_accepts_what_is_right_and_refuses_mistakes():
    check(command("basedpyright"), "--pythonpath", sys.executable, "-p", "pyrightconfig.json")


@installed_whole
def test_pyright_knows_every_type_of_the_public_interface(tmp_path):
    pyright = command("basedpyright")
    need(*FRAMEWORKS)
    check(pyright, "--pythonpath", sys.executable, "--verifytypes", "fastinit", "--ignoreexternal", where=tmp_path)


@installed_whole
def test_stubs_say_what_is_there_at_run_time(tmp_path, monkeypatch):
    need("mypy", *FRAMEWORKS)
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    settings = "--mypy-config-file", ROOT / "pyproject.toml", "--allowlist", TYPING / "stubtest.txt"
    check(sys.executable, "-m", "mypy.stubtest", "fastinit", "--concise", *settings, where=tmp_path)


# ---- Editors ---------------------------------------------------------------------------------------------------------


class LanguageServer:
    """Pyright's, which is also Pylance's, with one open file: every line an expression to hover over."""

    def __init__(self, folder, lines):
        self.process = subprocess.Popen(
            [command("basedpyright-langserver"), "--stdio"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        path = folder / "hover.py"
        path.write_text("\n".join(lines), encoding="utf-8")
        self.uri, self.lines, self.requests = path.as_uri(), lines, 0
        root = {"uri": folder.as_uri(), "name": "hover"}
        able = {"workspace": {"configuration": True}, "textDocument": {"hover": {"contentFormat": ["plaintext"]}}}
        self.ask("initialize", processId=None, rootUri=root["uri"], workspaceFolders=[root], capabilities=able)
        self.send(method="initialized", params={})
        document = {"uri": self.uri, "languageId": "python", "version": 1, "text": "\n".join(lines)}
        self.send(method="textDocument/didOpen", params={"textDocument": document})

    def send(self, **message):
        content = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(content), content))
        self.process.stdin.flush()

    def receive(self):
        size = 0
        while header := self.process.stdout.readline().strip():
            name, _, value = header.partition(b":")
            if name.lower() == b"content-length":
                size = int(value)
        return json.loads(self.process.stdout.read(size))

    def ask(self, method, **params):
        """The answer to a request; meanwhile the server asks which Python it is for."""
        self.requests += 1
        self.send(id=self.requests, method=method, params=params)
        while True:
            message = self.receive()
            if "method" not in message and message["id"] == self.requests:
                return message["result"]
            if message.get("method") == "workspace/configuration":
                asked = (item.get("section") for item in message["params"]["items"])
                answer = [{"pythonPath": sys.executable} if section == "python" else {} for section in asked]
                self.send(id=message["id"], result=answer)
            elif "method" in message and "id" in message:
                self.send(id=message["id"], result=None)

    def hover(self, line):
        """What an editor shows over the last name of a line."""
        position = {"line": self.lines.index(line), "character": len(line) - 1}
        return self.ask("textDocument/hover", textDocument={"uri": self.uri}, position=position)["contents"]["value"]

    def close(self):
        self.process.kill()
        self.process.communicate()


HE_NORMAL = "N(0, 2 / ((1 + negative_slope**2) fan))"
STREAM = "stream : int or str, optional"
HOVERS = {  # what must be in each: the formula, and paragraphs that are written out
    "fastinit.he_normal": (HE_NORMAL, STREAM, "layout: Layout | None"),
    "fastinit.kaiming_normal": (HE_NORMAL, STREAM),
    "fastinit.truncated_normal": ("t = Phi^-1(Phi(low) + u (Phi(high) - Phi(low)))", STREAM),
    "fastinit.Generator(7).he_normal": (HE_NORMAL, STREAM, "Returns"),
    "fastinit.Generator(7).glorot_uniform": ("a = gain sqrt(6 / (fan_in + fan_out))", STREAM),
    "fastinit.Generator(7).orthogonal": ("Q Q^T = gain**2 I", STREAM),
    "fastinit.Generator": ("seed : int or numpy.random.SeedSequence, optional",),
    "fastinit.gain": ("sqrt(2 / (1 + param**2))",),
    "fastinit.dask.he_normal": (HE_NORMAL, "chunks : int, tuple, dict or str"),
    "fastinit.jax.he_normal": ("N(0, 2 / fan_in)", "in_axis, out_axis : int or sequence of int"),
    "fastinit.jax.kaiming_uniform": ("a = sqrt(6 / fan_in)", "Initializer"),
    "fastinit.keras.HeNormal": ("N(0, 2 / fan_in)", "seed : int or keras.random.SeedGenerator, optional"),
    "fastinit.torch.kaiming_normal_": ("N(0, gain**2 / fan)", "generator : fastinit.Generator, optional", STREAM),
}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    imports = "import fastinit, fastinit.dask, fastinit.jax, fastinit.keras, fastinit.torch"
    server = LanguageServer(tmp_path_factory.mktemp("hover"), [imports, *HOVERS])
    yield server
    server.close()


@installed_whole
@pytest.mark.parametrize("expression", HOVERS)
def test_hovering_shows_the_formula_and_the_parameters(server, expression):
    text = server.hover(expression)
    for part in HOVERS[expression]:
        assert part in text
