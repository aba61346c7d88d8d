"""The numbers behind the pictures of signal propagation, as text for a terminal."""

from collections.abc import Sequence

from fastinit.insight.propagation import Propagation

LABEL, NUMBER = 24, 9


def text(results: Sequence[Propagation], width: int) -> str:
    """A line for each scheme, three numbers for each activation."""
    depth = len(results[0].activations.std)
    last, first = f"y[{depth}]", "g[1]"
    by_scheme: dict[str, dict[str, Propagation]] = {}
    for result in results:
        by_scheme.setdefault(result.scheme, {})[result.activation] = result
    activations = list(dict.fromkeys(result.activation for result in results))
    lines = [
        " " * LABEL
        + "".join(f" {activation} ".center(3 * NUMBER - 2, "-").rjust(3 * NUMBER) for activation in activations),
        " " * LABEL + "".join(f"{title:>{NUMBER}}" for title in (last, "inputs", first)) * len(activations),
    ]
    for scheme, measured in by_scheme.items():
        numbers = []
        for activation in activations:
            result = measured[activation]
            numbers += [result.activations.std[-1], result.activations.input_spread[-1], result.gradients.std[0]]
        lines.append(f"{scheme:{LABEL}}" + "".join(f"{number:{NUMBER}.2g}" for number in numbers))
    notes = [
        f"{depth} layers of {width} units.  {last}: std of the last layer's activations;  inputs: their std over the",
        f"inputs, each unit apart;  {first}: std of the gradients at the first layer, from 1 at the last.",
    ]
    return "\n".join([*lines, "", *notes])
