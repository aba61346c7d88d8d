"""
Recipe: a scheme and its arguments, apart from any array; what rules, lazy arrays and frameworks' initialisers hold.

fastinit/draw.py has what a tensor is besides, fastinit/rules.py to which tensor a recipe applies.
"""

import functools
import inspect
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

import fastinit
from fastinit import _core, hints
from fastinit.dtypes import COMPLEX, REALS, WORDS
from fastinit.generator import SCHEMES
from fastinit.schemes import FUNCTIONS
from fastinit.text import meant, quoted
from fastinit.typing import OnDevice, Output, Sizes, Stream

_Shape: TypeAlias = tuple[int, ...]

WHERE = ("out", "stream", "streams", "offset", "global_shape", "accumulate")  # what a tensor has and a recipe has not


@dataclass(frozen=True)
class Recipe:
    """
    The name of a function that fills arrays, and its arguments by keyword: all but the array, its stream and its block.

    >>> from fastinit.recipe import Recipe
    >>> print(Recipe.of("normal", 0.0, 0.02))
    normal(mean=0.0, std=0.02)
    """

    scheme: str
    arguments: dict[str, Any]

    @classmethod
    def of(cls, scheme: str, /, *arguments: Any, **keywords: Any) -> "Recipe":
        """The recipe for arguments as the function takes them after the array; TypeError, ValueError if it does not."""
        _core.choice("scheme", scheme, SCHEMES)
        parameters = _parameters(scheme)
        try:
            bound = parameters.bind(*arguments, **keywords)
        except TypeError as error:
            problem, hint = str(error), ""
            names = tuple(parameters.parameters)
            for name in (name for name in keywords if name not in names):
                problem = problem.replace(repr(name), quoted(name))
                hint = hint or hints.of_keyword(scheme, name, names) or meant(name, names)
            accepted = ", ".join(map(str, parameters.parameters.values()))
            raise TypeError(f"{scheme}: {problem}; accepted are ({accepted}){hint}") from None
        return cls(scheme, bound.arguments)

    @classmethod
    def parse(cls, spec: object) -> "Recipe":
        """The recipe for a scheme's name or a tuple (scheme, *arguments), a dictionary at whose end holds keywords."""
        if isinstance(spec, Recipe):
            return spec
        if isinstance(spec, str):
            return cls.of(spec)
        if not isinstance(spec, (tuple, list)) or not spec:
            raise TypeError(f"{spec!r}; accepted is a scheme's name or a tuple (scheme, *arguments)")
        scheme, *arguments = spec
        keywords = arguments.pop() if arguments and isinstance(arguments[-1], dict) else {}
        return cls.of(scheme, *arguments, **keywords)

    def __str__(self) -> str:
        return f"{self.scheme}({', '.join(f'{name}={quoted(value)}' for name, value in self.arguments.items())})"

    @property
    def draws(self) -> bool:
        """Whether it takes a stream."""
        return SCHEMES[self.scheme]

    @property
    def takes_complex(self) -> bool:
        """Whether it fills arrays of complex numbers: constants do, and normals that are not truncated."""
        return FUNCTIONS[self.scheme].takes_complex(self.arguments)

    @property
    def dtypes(self) -> tuple[str, ...]:
        """The names of the dtypes that it draws."""
        if self.scheme == "bits":
            return WORDS
        return REALS + COMPLEX if self.takes_complex else REALS

    def if_complex(self, is_complex: bool, by: str = "normal and by the normal schemes that are not truncated") -> str:
        """What an error about a dtype says besides where that is complex: what draws such numbers."""
        says_more = is_complex and not self.takes_complex and self.scheme != "bits"
        return f"; complex numbers are drawn by {by}" if says_more else ""

    @property
    def is_whole(self) -> bool:
        """Whether a block of it costs as much as the whole tensor."""
        return FUNCTIONS[self.scheme].is_whole

    @property
    def takes_layout(self) -> bool:
        """Whether it is missing the fans that a layout would give it."""
        return "layout" in _parameters(self.scheme).parameters and not {"layout", "fan_in", "fan_out"} & set(
            self.arguments
        )

    def with_layout(self, layout: str) -> "Recipe":
        """Itself, with its fans by that layout if it needs some and was given none."""
        return Recipe(self.scheme, {**self.arguments, "layout": layout}) if self.takes_layout else self

    def spec(
        self,
        out: np.ndarray[Any, Any] | OnDevice,
        stream: Stream | None = None,
        offset: Sizes | None = None,
        global_shape: Sizes | None = None,
        streams: _core.Rows | None = None,
    ) -> tuple[Any, str, dict[str, Any]]:
        """
        One of many fills, as Generator.fill takes them: of the array, or the block of a tensor that it is.

        Or, with streams, of its rows, or the blocks of tensors that they are.
        """
        keywords = dict(self.arguments)
        if streams is not None:
            keywords["streams"] = streams
        elif self.draws:
            keywords["stream"] = stream
        if offset is not None or global_shape is not None:
            keywords |= {"offset": offset, "global_shape": global_shape}
        return out, self.scheme, keywords

    def fill(
        self,
        generator: fastinit.Generator,
        out: Output,
        *,
        stream: Stream | None = None,
        offset: Sizes | None = None,
        global_shape: Sizes | None = None,
        streams: _core.Rows | None = None,
    ) -> Output:
        """Fills the array, or the block of a tensor that it is; with streams its rows, or the blocks that they are."""
        _, scheme, keywords = self.spec(out, stream, offset, global_shape, streams)
        filled: Output = getattr(generator, scheme)(out, **keywords)
        return filled

    def check(self, shape: _Shape, dtype: np.dtype[Any]) -> None:
        """Raises what the fill of a tensor of that shape and dtype would raise, and fills nothing."""
        out = np.empty((0,) * len(shape), dtype)
        spec = self.spec(out, 0, (0,) * len(shape), tuple(shape))
        generators = fastinit.Generator(0), fastinit.Generator(0)
        _core.record(*generators, SCHEMES, [(self, spec)], False, False, self.scheme)


@functools.cache
def _parameters(scheme: str) -> inspect.Signature:
    """What a recipe for the scheme may hold."""
    parameters = inspect.signature(getattr(fastinit.Generator, scheme)).parameters.values()
    return inspect.Signature([each for each in parameters if each.name not in ("self", *WHERE)])
