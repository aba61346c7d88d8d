"""How lines are broken."""

import textwrap

WIDTH = 120


def wrapped(text: str, width: int) -> str:
    return textwrap.fill(text, width, break_long_words=False, break_on_hyphens=False)


def listed(*items: str, width: int) -> str:
    """With commas between them, in lines that break after a comma."""
    return wrapped(", ".join(each.replace(" ", "\0") for each in items), width).replace("\0", " ")
