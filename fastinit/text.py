"""Text that comes from elsewhere, such as a file or an argument, as a terminal and a message can show it."""

import os
import reprlib
import unicodedata
from collections.abc import Callable, Iterable
from difflib import get_close_matches

BOM = b"\xef\xbb\xbf"  # the byte order mark, with which some editors begin UTF-8
MOST = 200  # characters of one value in a message
LISTED = 600  # of a list of names there
MOST_BITS = 10_000  # of an integer that is written out: Python writes none of more than 4300 digits


class _Repr(reprlib.Repr):
    def repr_int(self, x: int, level: int) -> str:
        return super().repr_int(x, level) if x.bit_length() <= MOST_BITS else f"<an integer of {x.bit_length()} bits>"


_repr = _Repr()
_repr.maxlevel = 4
_repr.maxstring = _repr.maxother = MOST
_repr.maxlist = _repr.maxtuple = _repr.maxdict = _repr.maxset = _repr.maxfrozenset = 32
_repr.maxlong = 80


def quoted(value: object) -> str:
    """The value as Python writes it, in at most 200 characters: what a message shows of an argument or of a file."""
    return cut(_repr.repr(value))


def cut(text: str, most: int = MOST) -> str:
    """The text; of a longer one the beginning, and dots."""
    return text if len(text) <= most else f"{text[: most - 3]}..."


def named(path: str | os.PathLike[str]) -> str:
    """The name of a file, as a message shows it: of a long one the beginning, dots, and the end, which tells more."""
    name = printable(os.fspath(path))
    return name if len(name) <= MOST else f"{name[:60]}...{name[63 - MOST :]}"


def printable(text: str) -> str:
    """The text with escapes for what would move a terminal's cursor, change its colours or reorder its line."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def width(text: str) -> int:
    """The columns that a terminal takes for the text: two for most of China's, Japan's and Korea's letters."""
    if text.isascii():
        return len(text)
    return sum(_columns(c) for c in text)


def fitting(text: str, columns: int) -> str:
    """As much of the beginning of the text as a terminal shows in so many columns."""
    if text.isascii():
        return text[:columns]
    taken = 0
    for i, c in enumerate(text):
        taken += _columns(c)
        if taken > columns:
            return text[:i]
    return text


def folded(text: str, columns: int) -> list[str]:
    """
    The text in lines of at most so many columns, which end at its spaces where they can, and have a letter each.

    Nothing but the space that a line ends at is left out.
    """
    lines, begin, taken, space = [], 0, 0, 0
    for i, c in enumerate(text):
        taken += _columns(c)
        if taken > columns and i > begin:
            end = i if c == " " or space <= begin else space
            lines.append(text[begin:end])
            begin = end + 1 if text[end] == " " else end
            taken = width(text[begin : i + 1])
        if c == " ":
            space = i
    return [*lines, text[begin:]] if begin < len(text) or not lines else lines


def _columns(c: str) -> int:
    if unicodedata.category(c) in ("Mn", "Me", "Cf"):
        return 0  # drawn over the letter before
    return 2 if unicodedata.east_asian_width(c) in "WF" else 1


def meant(word: str, accepted: Iterable[str]) -> str:
    """'; did you mean ...?' where the word is nearly one of those that are accepted, and else nothing."""
    names = {name.lower(): name for name in accepted}
    close = get_close_matches(word[:MOST].lower(), names, 1, 0.6)
    return f"; did you mean {names[close[0]]!r}?" if close else ""


def listed(names: Iterable[str], most: int = 12) -> str:
    """The names as errors list them: not all of a thousand, and long ones cut."""
    return joined(names, most, quoted)


def joined(texts: Iterable[str], most: int = 12, shown: Callable[[str], str] = str) -> str:
    """The first of the texts, of LISTED characters or about as many, and the number of the others."""
    every = list(texts)
    words: list[str] = []
    for text in every[:most]:
        if sum(map(len, words)) > LISTED:
            break
        words.append(shown(text))
    return ", ".join(words) + (f" and {len(every) - len(words)} more" if len(every) > len(words) else "")


def decoded(text: bytes, what: str) -> str:
    """A text that should be UTF-8, without a byte order mark; UnicodeError says what it is."""
    if text.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise UnicodeError(f"{what} is UTF-16; accepted is UTF-8")
    try:
        return text.decode()
    except UnicodeDecodeError as error:
        raise UnicodeError(f"{what} is not UTF-8: {error}") from None
