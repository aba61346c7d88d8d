"""
The schemes that are a draw with a scale, a row for each family.

Made from a row, by tools/make: the functions of the core, with their docstrings and types; the package's names; the
tables of the docs; JAX's initialisers and Keras's classes. This module imports nothing of fastinit: the tool uses it
before there is a core.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Family:
    """Draws of mean 0 and variance gain**2 scale / ((1 + negative_slope**2) n), a function for each kind of draw."""

    name: str  # and _uniform, _normal
    aliases: tuple[str, ...]  # other names of the family
    scale: float
    n: str  # a key of N
    takes: str  # besides fans: "gain", "gain or relu", "slope" or nothing
    purpose: str  # what it is for, after "Fills an array"
    why: str  # the notes' reason
    sources: dict[str, str]  # by draw
    in_frameworks: bool = True  # whether JAX and Keras have it, too

    @property
    def functions(self) -> tuple[str, ...]:
        """The names of its functions."""
        return tuple(f"{self.name}_{draw}" for draw in self.sources)

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
        aliases=("glorot",),
        scale=2,
        n="sum",
        takes="gain",
        purpose="for layers with tanh",
        why="The variance is a compromise between that which keeps the variance of the activations (1 / fan_in) and "
        "that which keeps the gradients' (1 / fan_out).",
        sources={"uniform": f"{_GLOROT}, equation 16", "normal": f"{_GLOROT}, equation 12"},
    ),
    Family(
        name="he",
        aliases=("kaiming",),
        scale=2,
        n="fan",
        takes="slope",
        purpose="for layers with ReLU",
        why="A rectifier halves the second moment of what it passes on, so weights of twice the variance 1 / fan keep "
        "it over the layers.",
        sources=dict.fromkeys(("uniform", "normal"), f"{_HE}, equations 10, 14 and 15"),
    ),
    Family(
        name="lecun",
        aliases=(),
        scale=1,
        n="fan_in",
        takes="",
        purpose="for layers with SELU or no activation",
        why="Each unit sums fan_in inputs, so weights of variance 1 / fan_in keep the inputs' variance.",
        sources={
            "uniform": f"{_LECUN}, section 4.6",
            "normal": f'{_LECUN}, section 4.6; for SELU: Klambauer et al., "Self-normalizing neural networks", '
            "NeurIPS 2017",
        },
    ),
    Family(
        name="lasagne",
        aliases=(),
        scale=2,
        n="sum",
        takes="gain or relu",
        purpose="as lasagne.init.Glorot{Draw}",
        why='``layout="lasagne"`` adds up the fans as Lasagne does: the first two axes, times the receptive field.',
        sources=dict.fromkeys(("uniform", "normal"), _LASAGNE),
        in_frameworks=False,
    ),
)
