"""
The functions that fill arrays: a row for each family of schemes that are a draw and a scale, and one for each other.

Made from the rows, by tools/make: the schemes of the core, with their docstrings and types; the package's names; the
tables of the docs. And at run time: JAX's initialisers, Keras's classes, lazy arrays, pictures. This module imports
nothing of fastinit: the tool uses it before there is a core.
"""

import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple


class Family(NamedTuple):
    """Draws of mean 0 and variance gain**2 scale / ((1 + negative_slope**2) n), a function for each kind of draw."""

    name: str  # and _uniform, _normal
    label: str  # in words
    aliases: tuple[str, ...]  # other names of the family
    scale: float
    n: str  # a key of N
    takes: str  # besides fans: "gain", "gain or relu", "slope" or nothing
    purpose: str  # what it is for, after "Fills an array"
    why: str  # the notes' reason
    keeps: str  # the same in a few words
    sources: Mapping[str, str]  # by draw
    cited: Mapping[str, str]  # the same in a few words
    in_frameworks: bool = True  # whether JAX and Keras have it, too

    @property
    def functions(self) -> tuple[str, ...]:
        """The names of its functions."""
        return tuple(f"{self.name}_{draw}" for draw in self.sources)

    def parameter(self, draw: str, fan_in: float, fan_out: float) -> float:
        """The standard deviation, or the limit of a uniform draw, without gain and slope."""
        n = fan_in + fan_out if self.n == "sum" else fan_in
        return math.sqrt((3 if draw == "uniform" else 1) * self.scale / n)

    @property
    def variance(self) -> str:
        """The formula of the variance."""
        return ratio(self.scale, self.takes, N[self.n])

    @property
    def limit(self) -> str:
        """The formula of the a in U[-a, a), whose variance is a**2 / 3."""
        return self._root(3 * self.scale)

    @property
    def std(self) -> str:
        """The standard deviation, as an expression of Python's."""
        return self._root(self.scale, " * ")

    def of_relu(self, draw: str) -> str:
        """The limit or the standard deviation where the gain is "relu", which is sqrt(2)."""
        return f"sqrt({ratio((6 if draw == 'uniform' else 2) * self.scale, '', N[self.n])})"

    def _root(self, scale: float, times: str = " ") -> str:
        root = f"sqrt({ratio(scale, 'slope' if self.takes == 'slope' else '', N[self.n], times)})"
        return f"gain{times}{root}" if self.takes.startswith("gain") else root

    @property
    def mode(self) -> tuple[float, str]:
        """Scale and mode as variance_scaling takes them."""
        return (self.scale / 2, "fan_avg") if self.n == "sum" else (self.scale, "fan_in")

    def framework_formula(self, draw: str) -> str:
        """The variance, or the limit of a uniform draw, of JAX's and Keras's functions, without gain and slope."""
        n = "fan_in" if self.n == "fan" else N[self.n]
        return f"sqrt({ratio(3 * self.scale, '', n)})" if draw == "uniform" else ratio(self.scale, "", n)


# What divides the scale.
N = {"sum": "(fan_in + fan_out)", "fan": "fan", "fan_in": "fan_in"}


def ratio(scale: float, takes: str, n: str, times: str = " ") -> str:
    """Of a scale with its gain to n with its slope."""
    above = f"{scale}{times}gain**2" if takes.startswith("gain") else str(scale)
    return f"{above} / {f'((1 + negative_slope**2){times}{n})' if takes == 'slope' else n}"


_GLOROT = 'Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks", AISTATS 2010'
_HE = 'He, Zhang, Ren and Sun, "Delving deep into rectifiers", ICCV 2015'
_LECUN = 'LeCun, Bottou, Orr and Müller, "Efficient BackProp", 1998'
_LASAGNE = "the Lasagne documentation, lasagne.init; Glorot and Bengio, AISTATS 2010"

FAMILIES = (
    Family(
        name="xavier",
        label="Xavier",
        aliases=("glorot",),
        scale=2,
        n="sum",
        takes="gain",
        purpose="for layers with tanh",
        why="The variance is a compromise between that which keeps the variance of the activations (1 / fan_in) and "
        "that which keeps the gradients' (1 / fan_out).",
        keeps="a compromise: signals and gradients, linear or tanh",
        sources={"uniform": f"{_GLOROT}, equation 16", "normal": f"{_GLOROT}, equation 12"},
        cited={draw: f"Glorot and Bengio 2010, eq. {number}" for draw, number in (("uniform", 16), ("normal", 12))},
    ),
    Family(
        name="he",
        label="He",
        aliases=("kaiming",),
        scale=2,
        n="fan",
        takes="slope",
        purpose="for layers with ReLU",
        why="A rectifier halves the second moment of what it passes on, so weights of twice the variance 1 / fan keep "
        "it over the layers.",
        keeps="ReLU's signals; with `fan_out` its gradients",
        sources=dict.fromkeys(("uniform", "normal"), f"{_HE}, equations 10, 14 and 15"),
        cited=dict.fromkeys(("uniform", "normal"), "He et al. 2015, eq. 10, 14, 15"),
    ),
    Family(
        name="lecun",
        label="LeCun",
        aliases=(),
        scale=1,
        n="fan_in",
        takes="",
        purpose="for layers with SELU or no activation",
        why="Each unit sums fan_in inputs, so weights of variance 1 / fan_in keep the inputs' variance.",
        keeps="linear and SELU signals",
        sources={
            "uniform": f"{_LECUN}, section 4.6",
            "normal": f'{_LECUN}, section 4.6; for SELU: Klambauer et al., "Self-normalizing neural networks", '
            "NeurIPS 2017",
        },
        cited={
            "uniform": "LeCun et al. 1998, section 4.6",
            "normal": "LeCun et al. 1998; Klambauer et al. 2017 (SELU)",
        },
    ),
    Family(
        name="lasagne",
        label="Lasagne",
        aliases=(),
        scale=2,
        n="sum",
        takes="gain or relu",
        purpose="as lasagne.init.Glorot{Draw}",
        why='``layout="lasagne"`` adds up the fans as Lasagne does: the first two axes, times the receptive field.',
        keeps='as Xavier; with gain "relu", which is √2, as He, in square layers',
        sources=dict.fromkeys(("uniform", "normal"), _LASAGNE),
        cited=dict.fromkeys(("uniform", "normal"), "Lasagne documentation, lasagne.init"),
        in_frameworks=False,
    ),
)


class Function(NamedTuple):
    """A function that fills an array."""

    name: str
    kind: str  # "draw", "scheme", "matrix" or "constant"
    draws: bool = True  # and takes a stream
    is_whole: bool = False  # a block of it costs as much as all of it
    complex: str = "never"  # what fills complex arrays: or "always", "unless truncated", "by distribution"
    same_as: str = ""  # whose other name it is

    def takes_complex(self, arguments: Mapping[str, Any]) -> bool:
        """Whether it fills arrays of complex numbers, with these arguments."""
        if self.complex == "unless truncated":
            return not arguments.get("truncated")
        if self.complex == "by distribution":
            return arguments.get("distribution") in ("normal", "untruncated_normal")
        return self.complex == "always"


def _of_families() -> Iterator[Function]:
    for row in FAMILIES:
        for draw in row.sources:
            fills_complex = "unless truncated" if draw == "normal" else "never"
            yield Function(f"{row.name}_{draw}", "scheme", complex=fills_complex)
            for alias in row.aliases:
                yield Function(f"{alias}_{draw}", "scheme", complex=fills_complex, same_as=f"{row.name}_{draw}")


_ROWS = (
    Function("bits", "draw"),
    Function("uniform", "draw"),
    Function("normal", "draw", complex="always"),
    Function("truncated_normal", "draw"),
    *_of_families(),
    Function("variance_scaling", "scheme", complex="by distribution"),
    Function("orthogonal", "matrix", is_whole=True),
    Function("delta_orthogonal", "matrix", is_whole=True),
    Function("sparse", "matrix", is_whole=True),
    Function("identity", "matrix", draws=False, complex="always"),
    Function("dirac", "matrix", draws=False, complex="always"),
    Function("zeros", "constant", draws=False, complex="always"),
    Function("ones", "constant", draws=False, complex="always"),
    Function("constant", "constant", draws=False, complex="always"),
)
FUNCTIONS = {row.name: row for row in _ROWS}
