"""The names that the package has for the functions, and their use in the file that type checkers are tested with."""

from rows import FUNCTIONS, between, schemes


def names(text: str) -> str:
    """fastinit/__init__.py."""
    assigned = "".join(f"{name} = _functions.{name}\n" for name in FUNCTIONS)
    exported = "".join(f'    "{name}",\n' for name in sorted(FUNCTIONS))
    return between(text, "functions", f"{assigned}\n__all__ += [\n{exported}]\n")


# Arguments of the families' functions: the fans that a mode needs.
FANS = {"sum": "784, 512", "fan": "784", "fan_in": "784"}


def uses(text: str) -> str:
    """tests/typing/uses_everything.py."""
    lines = []
    for row, draw, name in schemes():
        for each in (name, *(f"{alias}_{draw}" for alias in row.aliases)):
            lines += [
                f"    assert_type(fastinit.{each}(w, {FANS[row.n]}), Matrix)\n",
                f"    assert_type(g.{each}(weights, {FANS[row.n]}), Weights)\n",
                f"    dask_init.{each}((6, 4), 3, {FANS[row.n]})\n",
            ]
            lines.append(f"    numba_init.{each}(w, {FANS[row.n]}, seed=7, stream=3)\n")
            if row.in_frameworks:
                lines.append(f"    jax_init.{each}()\n")
    return between(text, "schemes", "".join(lines))
