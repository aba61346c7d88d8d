"""
Writes the stubs of a wheel: types with docstrings, for type checkers and editors, which run nothing.

    python tools/stubs.py FOLDER

What they say stands elsewhere, once: the types of the core in fastinit/_core.pyi and its docstrings in src/_core.pyx,
all others in the Python modules. Here the docstrings' shared paragraphs are written out, as they are at run time, and
what is made at run time is spelt out: the functions of the default generator, other names, lazy arrays. Nothing is
imported, so that a build, for another machine too, needs neither the core nor a framework; tests/test_types.py compares
with what fastinit says at run time.
"""

import ast
import builtins
import copy
import inspect
import re
import runpy
import sys
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).parent.parent
MODULES = (
    "__init__",
    "_core",
    "dask",
    "generator",
    "jax/functions",
    "keras/functions",
    "keras/schemes",
    "torch/functions",
)
WHERE = ("out", "stream", "streams", "offset", "global_shape", "accumulate")  # what a lazy array has not
UNTYPED = "keras."  # of base classes without types nothing is known
HEAD = "# Made from fastinit's sources by tools/stubs.py.\n"

docstrings = runpy.run_path(str(ROOT / "fastinit" / "docstrings.py"))
written_out, of_lazy_array = docstrings["written_out"], docstrings["of_lazy_array"]


# ---- Functions -------------------------------------------------------------------------------------------------------


def code(node: ast.AST | None) -> str:
    return "" if node is None else ast.unparse(node)


def body(doc: str | None, depth: int = 1) -> ast.stmt:
    """What a stub has of a function, or first in a class: its docstring, or dots."""
    if doc and "\n" in doc:
        indent = "    " * depth
        doc = f"\n{textwrap.indent(doc, indent)}\n{indent}"
    return ast.Expr(ast.Constant(doc or ...))


def declared(node: ast.FunctionDef, doc: str, depth: int) -> ast.FunctionDef:
    """A function as a stub has it."""
    kept = re.compile(r"property|classmethod|staticmethod|overload|\w+\.setter")
    return changed(
        node,
        body=[body(doc, depth)],
        decorator_list=[each for each in node.decorator_list if kept.fullmatch(code(each))],
    )


def changed(function: ast.FunctionDef, **fields: object) -> ast.FunctionDef:
    function = copy.copy(function)
    for name, value in fields.items():
        setattr(function, name, value)
    return function


def renamed(functions: Iterable[ast.FunctionDef], name: str) -> list[ast.FunctionDef]:
    return [changed(each, name=name) for each in functions]


def of_module(method: ast.FunctionDef, name: str) -> ast.FunctionDef:
    """A method as a function under a name of a module's."""
    arguments = with_parameters(*parameters(method, "self"))
    return changed(method, name=name, args=arguments, body=[body(ast.get_docstring(method))])


def parameters(function: ast.FunctionDef, *left_out: str) -> tuple[list[str], list[str]]:
    """The parameters in words, those before and those after the star."""
    given = function.args
    defaults = [*[None] * (len(given.args) - len(given.defaults)), *given.defaults]
    before, after = (
        [code(each) + (f"={code(default)}" if default else "") for each, default in pairs if each.arg not in left_out]
        for pairs in (
            list(zip(given.args, defaults, strict=True)),
            list(zip(given.kwonlyargs, given.kw_defaults, strict=True)),
        )
    )
    return before, after


def with_parameters(before: Iterable[str], after: Iterable[str]) -> ast.arguments:
    star = ["*", *after] if after else []
    [function] = ast.parse(f"def f({', '.join([*before, *star])}): ...").body
    assert isinstance(function, ast.FunctionDef)
    return function.args


def words_of(node: ast.FunctionDef | ast.ClassDef) -> dict[str, str]:
    """What the decorator `documented` is given for the docstring."""
    calls = [each for each in node.decorator_list if isinstance(each, ast.Call) and code(each.func) == "documented"]
    return {each.arg: ast.literal_eval(each.value) for call in calls for each in call.keywords if each.arg}


def names_in(nodes: Iterable[ast.AST]) -> set[str]:
    """The names that code uses and does not define as functions, in quoted types too."""
    every = [inner for each in nodes for inner in ast.walk(each)]
    found = {node.id for node in every if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    found -= {node.name for node in every if isinstance(node, ast.FunctionDef)}  # @stream.setter
    aliases = [node.value for node in every if isinstance(node, ast.AnnAssign)]
    quoted_types = [each.value for each in aliases if isinstance(each, ast.Constant) and isinstance(each.value, str)]
    return found.union(*(names_in([ast.parse(each)]) for each in quoted_types))


# ---- Modules ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Module:
    """The source of a module: what it defines and what it imports."""

    name: str  # the path below fastinit/, without its suffix
    source: str
    docs: Mapping[str, str]  # of the core

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.source)

    @cached_property
    def dotted(self) -> str:
        return f"fastinit.{self.name}".removesuffix(".__init__").replace("/", ".")

    @cached_property
    def statements(self) -> list[ast.stmt]:
        """Those of the module, and those that it tries."""
        return [inner for each in self.tree.body for inner in (each.body if isinstance(each, ast.Try) else [each])]

    @cached_property
    def paragraphs(self) -> dict[str, str]:
        for each in self.statements:
            if isinstance(each, ast.Assign) and code(each.targets[0]) == "_PARAGRAPHS":
                return dict(ast.literal_eval(each.value))
        return dict(docstrings["PARAGRAPHS"])

    @cached_property
    def exported(self) -> list[str]:
        found: list[str] = []
        for each in self.statements:
            if isinstance(each, ast.Assign | ast.AugAssign) and self.name != "dask":
                target = each.targets[0] if isinstance(each, ast.Assign) else each.target
                found += ast.literal_eval(each.value) if code(target) == "__all__" else []
        return found

    @cached_property
    def imports(self) -> dict[str, str]:
        """The statement that brings a name."""
        found: dict[str, str] = {}
        for each in self.statements:
            if isinstance(each, ast.Import):
                found |= {alias.asname or alias.name: ast.unparse(ast.Import([alias])) for alias in each.names}
            if isinstance(each, ast.ImportFrom):
                lines = (ast.unparse(ast.ImportFrom(each.module, [alias], 0)) for alias in each.names)
                found |= dict(zip((alias.asname or alias.name for alias in each.names), lines, strict=True))
        return found

    @cached_property
    def definitions(self) -> dict[str, ast.stmt]:
        found: dict[str, ast.stmt] = {}
        for each in self.statements:
            if isinstance(each, ast.FunctionDef | ast.ClassDef):
                found[each.name] = each
            elif isinstance(each, ast.Assign | ast.AnnAssign):
                target = each.target if isinstance(each, ast.AnnAssign) else each.targets[0]
                if isinstance(target, ast.Name) and target.id != "__all__":
                    found[target.id] = each
        return found

    def class_of(self, name: str) -> ast.ClassDef:
        node = self.definitions[name]
        assert isinstance(node, ast.ClassDef)
        return node

    def doc(self, node: ast.FunctionDef | ast.ClassDef, inside: str = "") -> str:
        text = self.docs.get(inside + node.name) or ast.get_docstring(node) or ""
        return str(written_out(text, self.paragraphs, name=node.name, **words_of(node)))

    def functions(self, statements: Iterable[ast.stmt], inside: str = "") -> dict[str, list[ast.FunctionDef]]:
        """Functions by their names, aliases too: overloads, getter and setter, or one."""
        found: dict[str, list[ast.FunctionDef]] = {}
        for each in statements:
            if isinstance(each, ast.FunctionDef):
                found.setdefault(each.name, []).append(declared(each, self.doc(each, inside), 2 if inside else 1))
            elif isinstance(each, ast.Assign) and code(each.value) in found:
                name = code(each.targets[0])
                found[name] = renamed(found[code(each.value)], name)
        for name, several in found.items():
            if "overload" in map(code, several[0].decorator_list):
                found[name] = [changed(each, body=several[-1].body) for each in several[:-1]]
        return found


def core_docs() -> dict[str, str]:
    """The docstrings of src/_core.pyx, by the names of functions and classes, Class.method for methods."""
    source = (ROOT / "src" / "_core.pyx").read_text(encoding="utf-8")
    source = re.sub(r'^include "(.*)"$', lambda found: (ROOT / "src" / found[1]).read_text("utf-8"), source, flags=re.M)
    found = {}
    inside = ""
    opening = re.compile(r'^( *)(cdef class|def) (\w+)(?:\(.*?\))?:\n(?: +"""(.*?)""")?', re.M | re.S)
    for indent, kind, name, text in opening.findall(source):
        if not indent:
            inside = f"{name}." if kind == "cdef class" else ""
        if text:
            found[(inside if indent else "") + name] = inspect.cleandoc(ast.literal_eval(f'"""{text}"""'))
    return found | {"Generator": found["Draws"]}


def read(name: str) -> Module:
    path = ROOT / "fastinit" / f"{name}.py"
    is_core = name == "_core"
    source = (path.with_suffix(".pyi") if is_core else path).read_text(encoding="utf-8")
    return Module(name, source, core_docs() if is_core else {})


# ---- Stubs -----------------------------------------------------------------------------------------------------------


class Stub:
    """The stub of a module, from that and the modules whose functions it passes on."""

    def __init__(self, module: Module, core: Module, generator: Module) -> None:
        self.module, self.core, self.generator = module, core, generator

    def methods(self) -> dict[str, list[ast.FunctionDef]]:
        """Generator's own and inherited functions, under every name."""
        found: dict[str, list[ast.FunctionDef]] = {}
        for module, name in ((self.core, "Draws"), (self.core, "Generator"), (self.generator, "Generator")):
            found |= module.functions(module.class_of(name).body, f"{name}.")
        return found

    def text(self) -> str:
        """What is public, and what that uses of the rest."""
        module = self.module
        made = {each.name: each for each in self.lazy_functions()} if module.name == "dask" else {}
        wanted = {name for name in module.definitions if not name.startswith("_") or module.name == "_core"}
        wanted |= names_in(made.values()) & set(module.definitions)
        parts: dict[str, list[ast.stmt]] = {}
        while wanted:
            parts |= {name: self.definition(name) for name in wanted}
            used = names_in(node for some in parts.values() for node in some)
            wanted = used & set(module.definitions) - set(parts)
        nodes = [node for name in module.definitions for node in parts.get(name, [])] + list(made.values())
        exported = module.exported or list(made)
        free = (names_in(nodes) | set(exported)) - {*parts, *made, *dir(builtins)}
        doc = ast.get_docstring(module.tree)
        lines = "".join(f'    "{name}",\n' for name in sorted(exported))
        texts = [
            HEAD,
            code(ast.Module([body(doc, 0)], [])) if doc else "",
            self.imports(free),
            code(ast.Module(nodes, [])),
        ]
        return "\n".join(filter(None, [*texts, f"__all__ = [\n{lines}]" if lines else ""])) + "\n"

    def imports(self, names: Iterable[str]) -> str:
        lines: dict[str, list[str]] = {}
        for name in sorted(names):
            for module in (self.module, self.generator, self.core):
                line = module.imports.get(name)
                if line is None and module is not self.module and name in module.definitions:
                    line = f"from {module.dotted} import {name}"
                if line:
                    source, _, item = line.rpartition("import ")
                    lines.setdefault(source, []).append(item)
                    break
            else:
                raise NameError(f"{self.module.name} uses {name}, which nothing brings")
        return "\n".join(f"{source}import {', '.join(items)}" for source, items in sorted(lines.items()))

    def definition(self, name: str) -> list[ast.stmt]:
        node = self.module.definitions[name]
        if isinstance(node, ast.ClassDef):
            return [self.class_of(node)]
        if isinstance(node, ast.FunctionDef):
            return [*self.module.functions(self.module.statements)[name]]
        if isinstance(node, ast.AnnAssign):
            is_alias = code(node.annotation) == "TypeAlias"
            return [node if is_alias else ast.AnnAssign(node.target, node.annotation, None, 1)]
        assert isinstance(node, ast.Assign)
        value, text = node.value, code(node.value)
        if isinstance(value, ast.Attribute) and text.startswith("_functions."):
            return [of_module(each, name) for each in self.methods()[value.attr]]
        if isinstance(value, ast.Name) and isinstance(self.module.definitions.get(text), ast.FunctionDef):
            return [*renamed(self.module.functions(self.module.statements)[text], name)]
        if isinstance(value, ast.Constant):
            return ast.parse(f"{name}: {type(value.value).__name__}").body
        if isinstance(value, ast.Name) or (isinstance(value, ast.Call) and code(value.func) == "TypeVar"):
            return [node]
        raise TypeError(f"{self.module.name}: {name} needs an annotation, or another name")

    def class_of(self, node: ast.ClassDef) -> ast.ClassDef:
        is_generator = node.name in ("Draws", "Generator")  # other modules use what is private in it
        typed = [each for each in node.bases if not code(each).startswith(UNTYPED)]
        doc = self.module.doc(node) or (self.core.doc(node) if is_generator else "")
        parts: list[ast.stmt] = [body(doc)] if doc else []
        parts += [each for each in node.body if isinstance(each, ast.AnnAssign)]
        for name, functions in self.module.functions(node.body, f"{node.name}.").items():
            if is_generator or not re.match(r"_(?!_)", name):
                parts += functions
        if node.bases and not typed:  # what it has of these
            parts += ast.parse("def __getattr__(self, name: str) -> Any: ...").body
        made = copy.copy(node)
        made.bases, made.body = typed, parts or [body("")]
        made.decorator_list = [each for each in node.decorator_list if code(each) == "disjoint_base"]
        return made

    def lazy_functions(self) -> Iterator[ast.FunctionDef]:
        """What fastinit.dask makes of Generator's functions."""
        for name, (function, *_) in sorted(self.methods().items()):
            every = [each.arg for each in (*function.args.args, *function.args.kwonlyargs)]
            if "out" not in every or name.startswith("_"):
                continue
            before, after = parameters(function, "self", *WHERE)
            is_required = any("=" not in each for each in before)
            after.append(f"dtype: DTypeLike={'uint32' if name == 'bits' else 'float32'!r}")
            if "stream" in every:
                after += ["seed: SupportsIndex | np.random.SeedSequence | None=None", "stream: Stream | None=None"]
            chunks = "chunks: _Chunks" if is_required else "chunks: _Chunks='auto'"
            arguments = with_parameters(["shape: _Shape", chunks, *before], after)
            names = [each.arg for each in (*arguments.args, *arguments.kwonlyargs)]
            doc = inspect.cleandoc(of_lazy_array(name, ast.get_docstring(function) or "", names))
            returns = ast.parse("da.Array", mode="eval").body
            yield changed(function, name=name, args=arguments, returns=returns, body=[body(doc)])


def main() -> None:
    folder = Path(sys.argv[1])
    modules = {name: read(name) for name in MODULES}
    for name, module in modules.items():
        path = folder / f"{name}.pyi"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(Stub(module, modules["_core"], modules["generator"]).text(), encoding="utf-8")


if __name__ == "__main__":
    main()
