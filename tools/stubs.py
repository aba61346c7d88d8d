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
import inspect
import re
import runpy
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
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
UNTYPED = "keras."  # of base classes without types nothing is known
WIDTH = 120
HEAD = "# Made from fastinit's sources by tools/stubs.py.\n"

docstrings = runpy.run_path(str(ROOT / "fastinit" / "docstrings.py"))
written_out, of_lazy_array = docstrings["written_out"], docstrings["of_lazy_array"]


# ---- Functions and classes -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Parameter:
    name: str
    annotation: str = ""
    default: str = ""
    star: str = ""

    @property
    def text(self) -> str:
        equals = " = " if self.annotation else "="
        return (
            self.star
            + self.name
            + (f": {self.annotation}" if self.annotation else "")
            + (equals + self.default if self.default else "")
        )


@dataclass(frozen=True)
class Function:
    name: str
    parameters: tuple[Parameter, ...]
    keywords: tuple[Parameter, ...]  # after a star
    returns: str
    doc: str
    decorators: tuple[str, ...] = ()

    @property
    def names(self) -> list[str]:
        return [each.name for each in (*self.parameters, *self.keywords)]

    def without(self, *names: str) -> "Function":
        parameters, keywords = (
            tuple(each for each in some if each.name not in names) for some in (self.parameters, self.keywords)
        )
        return replace(self, parameters=parameters, keywords=keywords)

    def text(self, indent: str = "") -> str:
        star = ("*",) if self.keywords and not any(each.star == "*" for each in self.parameters) else ()
        starred = [each.text for each in self.keywords if each.star]
        plain = [each.text for each in self.keywords if not each.star]
        parts = [*(each.text for each in self.parameters), *(star if plain else ()), *plain, *starred]
        line = f"{indent}def {self.name}({', '.join(parts)}) -> {self.returns}:"
        if len(line) > WIDTH:
            rows = "".join(f"{indent}    {part},\n" for part in parts)
            line = f"{indent}def {self.name}(\n{rows}{indent}) -> {self.returns}:"
        heads = "".join(f"{indent}@{each}\n" for each in self.decorators)
        return heads + line + (f"\n{quoted(self.doc, indent + '    ')}" if self.doc else " ...\n")


def quoted(doc: str, indent: str) -> str:
    opening = 'r"""' if "\\" in doc else '"""'
    if "\n" not in doc:
        return f'{indent}{opening}{doc}"""\n'
    lines = "".join(f"{indent}{line}\n" if line else "\n" for line in doc.split("\n"))
    return f'{indent}{opening}\n{lines}{indent}"""\n'


def code(node: ast.expr | None) -> str:
    return "" if node is None else ast.unparse(node).replace("'", '"')


def parameter(node: ast.arg, default: ast.expr | None = None, star: str = "") -> Parameter:
    return Parameter(node.arg, code(node.annotation), code(default), star)


def function_of(node: ast.FunctionDef, doc: str) -> Function:
    given = node.args
    positional = [*given.posonlyargs, *given.args]
    defaults = [None] * (len(positional) - len(given.defaults)) + given.defaults
    parameters = [parameter(*each) for each in zip(positional, defaults, strict=True)]
    keywords = [parameter(*each) for each in zip(given.kwonlyargs, given.kw_defaults, strict=True)]
    parameters += [parameter(given.vararg, star="*")] if given.vararg else []
    keywords += [parameter(given.kwarg, star="**")] if given.kwarg else []
    kept = tuple(
        text
        for text in map(code, node.decorator_list)
        if text in ("property", "classmethod", "staticmethod", "overload") or text.endswith(".setter")
    )
    return Function(node.name, tuple(parameters), tuple(keywords), code(node.returns), doc, kept)


def words_of(node: ast.FunctionDef | ast.ClassDef) -> dict[str, str]:
    """What the decorator `documented` is given for the docstring."""
    calls = [each for each in node.decorator_list if isinstance(each, ast.Call) and code(each.func) == "documented"]
    return {each.arg: ast.literal_eval(each.value) for call in calls for each in call.keywords if each.arg}


def names_in(text: str) -> set[str]:
    """The names that code uses and does not define as functions, in quoted types too."""
    tree = ast.parse(text)
    found = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    found -= {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}  # @stream.setter
    aliases = [node.value for node in ast.walk(tree) if isinstance(node, ast.AnnAssign)]
    quoted_types = [each.value for each in aliases if isinstance(each, ast.Constant) and isinstance(each.value, str)]
    return found.union(*map(names_in, quoted_types))


# ---- Modules ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Module:
    """The source of a module: what it defines and what it imports."""

    name: str  # the path below fastinit/, without its suffix
    source: str
    docs: Mapping[str, str] | None = None  # of the core

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
                if isinstance(target, ast.Name):
                    found[target.id] = each
        return found

    def doc(self, node: ast.FunctionDef | ast.ClassDef, inside: str = "") -> str:
        text = (self.docs or {}).get(inside + node.name) or ast.get_docstring(node) or ""
        return str(written_out(text, self.paragraphs, name=node.name, **words_of(node)))

    def functions(self, body: Iterable[ast.stmt], inside: str = "") -> dict[str, list[Function]]:
        """Functions by their names: overloads, getter and setter, or one."""
        found: dict[str, list[Function]] = {}
        for each in body:
            if isinstance(each, ast.FunctionDef):
                found.setdefault(each.name, []).append(function_of(each, self.doc(each, inside)))
        for name, several in found.items():
            if "overload" in several[0].decorators:
                found[name] = [replace(each, doc=several[-1].doc) for each in several[:-1]]
        return found


def core_source() -> str:
    """The Cython layer, with the files that it includes."""
    source = (ROOT / "src" / "_core.pyx").read_text(encoding="utf-8")
    return re.sub(r'^include "(.*)"$', lambda found: (ROOT / "src" / found[1]).read_text("utf-8"), source, flags=re.M)


def core_docs() -> dict[str, str]:
    """The docstrings of src/_core.pyx, by the names of functions and classes, Class.method for methods."""
    source = core_source()
    found = {}
    inside = ""
    opening = re.compile(r'^( *)(cdef class|def) (\w+)(?:\([^:]*\))?:\n(?:\s+"""(.*?)""")?', re.M | re.S)
    for indent, kind, name, text in opening.findall(source):
        if not indent:
            inside = f"{name}." if kind == "cdef class" else ""
        if text:
            found[(inside if indent else "") + name] = inspect.cleandoc(ast.literal_eval(f'"""{text}"""'))
    return found


def read(name: str) -> Module:
    path = ROOT / "fastinit" / f"{name}.py"
    if name == "_core":
        return Module(name, path.with_suffix(".pyi").read_text(encoding="utf-8"), core_docs())
    return Module(name, path.read_text(encoding="utf-8"))


# ---- Stubs -----------------------------------------------------------------------------------------------------------


class Stub:
    """The stub of a module, from that and the modules whose functions it passes on."""

    def __init__(self, module: Module, core: Module, generator: Module) -> None:
        self.module, self.core, self.generator = module, core, generator

    def methods(self) -> dict[str, list[Function]]:
        """Generator's own and inherited functions, under every name."""
        derived = self.generator.definitions["Generator"]
        assert isinstance(derived, ast.ClassDef)
        found: dict[str, list[Function]] = {}
        for name in ("Draws", "Generator"):
            base = self.core.definitions[name]
            assert isinstance(base, ast.ClassDef)
            found |= self.core.functions(base.body, f"{name}.")
        found |= self.generator.functions(derived.body)
        for name, value in aliases(derived.body):
            found[name] = renamed(found[value.rpartition(".")[2]], name)
        return found

    def text(self) -> str:
        """What is public, and what that uses of the rest."""
        made = dict(self.lazy_functions()) if self.module.name == "dask" else {}
        exported = self.exported() or list(made)
        wanted = {name for name in self.module.definitions if not name.startswith("_") or self.module.name == "_core"}
        wanted |= {name for text in made.values() for name in names_in(text)} & set(self.module.definitions)
        parts: dict[str, str] = {}
        while wanted:
            parts |= {name: self.definition(name) for name in wanted}
            used = {name for text in parts.values() for name in names_in(text)}
            wanted = used & set(self.module.definitions) - set(parts)
        names = "".join(f'    "{name}",\n' for name in sorted(exported))
        ordered = [parts[name] for name in self.module.definitions if name in parts]
        body = joined([*ordered, *made.values(), f"__all__ = [\n{names}]\n" if names else ""])
        free = (names_in(body) | set(exported)) - {*parts, *made, *dir(builtins)}
        doc = ast.get_docstring(self.module.tree)
        return "\n".join(filter(None, [HEAD, quoted(doc, "") if doc else "", self.imports(free), body]))

    def exported(self) -> list[str]:
        value = self.module.definitions.get("__all__")
        return ast.literal_eval(value.value) if isinstance(value, ast.Assign) and self.module.name != "dask" else []

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
        return "".join(f"{source}import {', '.join(items)}\n" for source, items in sorted(lines.items()))

    def definition(self, name: str) -> str:
        node = self.module.definitions[name]
        if isinstance(node, ast.FunctionDef):
            return "".join(each.text() for each in self.module.functions(self.module.statements)[name])
        if isinstance(node, ast.ClassDef):
            return self.class_text(node)
        if name == "__all__":
            return ""
        if isinstance(node, ast.AnnAssign):
            is_alias = code(node.annotation) == "TypeAlias"
            return f"{name}: {code(node.annotation)}{f' = {code(node.value)}' if is_alias else ''}\n"
        assert isinstance(node, ast.Assign)
        return self.assigned(name, node.value)

    def assigned(self, name: str, value: ast.expr) -> str:
        text = code(value)
        if isinstance(value, ast.Constant):
            return f"{name}: {type(value.value).__name__}\n"
        if isinstance(value, ast.Attribute) and text.startswith("_functions."):
            return "".join(each.without("self").text() for each in renamed(self.methods()[value.attr], name))
        if isinstance(value, ast.Name) and isinstance(self.module.definitions.get(text), ast.FunctionDef):
            return "".join(each.text() for each in renamed(self.module.functions(self.module.statements)[text], name))
        if isinstance(value, ast.Call) and code(value.func) == "Generator":
            return f"{name}: Generator\n"
        if isinstance(value, ast.Name) or (isinstance(value, ast.Call) and code(value.func) == "TypeVar"):
            return f"{name} = {text}\n"
        raise TypeError(f"{self.module.name}: {name} needs an annotation, or another name")

    def class_text(self, node: ast.ClassDef) -> str:
        bases = [code(each) for each in node.bases]
        options = [f"{each.arg}={code(each.value)}" for each in node.keywords]
        typed = [each for each in bases if not each.startswith(UNTYPED)]
        is_core = self.module.name == "_core"
        doc = self.module.doc(node)
        if not doc and node.name == "Generator":
            inherited = self.core.definitions["Draws"]
            assert isinstance(inherited, ast.ClassDef)
            doc = self.core.doc(inherited)
        parts = [quoted(doc, "    ")] if doc else []
        for each in node.body:
            if isinstance(each, ast.AnnAssign):
                parts.append(f"    {code(each.target)}: {code(each.annotation)}\n")
        own = self.module.functions(node.body, f"{node.name}." if is_core else "")
        hidden = re.compile(r"_(?!_)")
        # Other modules use what is private in Generator.
        shown = {
            name: some for name, some in own.items() if node.name in ("Draws", "Generator") or not hidden.match(name)
        }
        for name, value in aliases(node.body):
            shown[name] = renamed(self.methods()[value.rpartition(".")[2]], name)
        parts += [each.text("    ") for some in shown.values() for each in some]
        if bases and not typed:
            parts.append(f"    def __getattr__(self, name: str) -> Any: ...  # what it has of {bases[0]}\n")
        head = f"class {node.name}({', '.join([*typed, *options])})" if typed else f"class {node.name}"
        heads = "@disjoint_base\n" if "disjoint_base" in map(code, node.decorator_list) else ""
        return f"{heads}{head}:\n{joined(parts)}" if parts else f"{heads}{head}: ...\n"

    def lazy_functions(self) -> Iterator[tuple[str, str]]:
        """What fastinit.dask makes of Generator's functions."""
        for name, (function, *_) in sorted(self.methods().items()):
            if "out" not in function.names or name.startswith("_"):
                continue
            own = function.without("self", "out", "stream", "offset", "global_shape", "accumulate")
            required = any(not each.default for each in own.parameters)
            chunks = Parameter("chunks", "_Chunks", "" if required else '"auto"')
            dtype = Parameter("dtype", "DTypeLike", '"uint32"' if name == "bits" else '"float32"')
            seed = Parameter("seed", "SupportsIndex | np.random.SeedSequence | None", "None")
            source = [seed, Parameter("stream", "Stream | None", "None")]
            draws = "stream" in function.names
            lazy = replace(
                own,
                parameters=(Parameter("shape", "_Shape"), chunks, *own.parameters),
                keywords=(*own.keywords, dtype, *(source if draws else [])),
                returns="da.Array",
            )
            doc = inspect.cleandoc(of_lazy_array(name, function.doc, lazy.names))
            yield name, replace(lazy, doc=doc).text()


def aliases(body: Iterable[ast.stmt]) -> Iterator[tuple[str, str]]:
    """Other names that a class gives to functions."""
    for each in body:
        if isinstance(each, ast.Assign) and code(each.value).startswith("_core.Generator."):
            name = code(each.targets[0])
            if not name.startswith("_"):
                yield name, code(each.value)


def renamed(functions: Iterable[Function], name: str) -> list[Function]:
    return [replace(each, name=name) for each in functions]


def joined(parts: Iterable[str]) -> str:
    """One part after another, with an empty line around what is longer than a line."""
    text, long = "", False
    for part in filter(None, parts):
        before, long = long, "\n" in part.rstrip()
        text += ("\n" if text and (before or long) else "") + part
    return text


def main() -> None:
    folder = Path(sys.argv[1])
    modules = {name: read(name) for name in MODULES}
    for name, module in modules.items():
        path = folder / f"{name}.pyi"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(Stub(module, modules["_core"], modules["generator"]).text(), encoding="utf-8")


if __name__ == "__main__":
    main()
