"""What the pictures and the table show: initialisations under the label that the legend gives them."""

from collections.abc import Mapping

import fastinit
from fastinit.insight.propagation import Array, Fill, named_fill
from fastinit.schemes import FAMILIES, Family

ACTIVATIONS_SHOWN = ("tanh", "sigmoid", "relu")


def normal(std: float) -> Fill:
    """Normals of one standard deviation, whatever the width."""
    return lambda generator, out, stream: generator.normal(out, std=std, stream=stream)


def mean_of_inputs(generator: fastinit.Generator, out: Array, stream: str) -> object:
    """One constant for all weights, so chosen that signals keep their size."""
    return generator.constant(out, 1 / out.shape[1])


FAILURES: Mapping[str, Fill] = {
    "zeros": named_fill("zeros"),
    "one constant, 1 / fan_in": mean_of_inputs,
    "too small, N(0, 0.01²)": normal(0.01),
    "too large, N(0, 1)": normal(1.0),
}


def recommended(activation: str) -> Fill:
    """What fastinit.recommend says."""
    scheme, arguments, _ = fastinit.recommend(activation)
    return lambda generator, out, stream: getattr(generator, scheme)(out, layout="torch", stream=stream, **arguments)


def schemes(activation: str) -> Mapping[str, Fill]:
    """The schemes one would try. With fan_in = fan_out some families, of gain 1, draw the same weights."""
    same: dict[float, list[Family]] = {}
    for row in FAMILIES:
        same.setdefault(row.parameter("normal", 1, 1), []).append(row)
    return {
        **{" = ".join(row.label for row in rows): named_fill(f"{rows[0].name}_normal") for rows in same.values()},
        "orthogonal": named_fill("orthogonal"),
        "fastinit.recommend": recommended(activation),
    }
