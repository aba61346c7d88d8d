"""Numbers as every form of the report prints them: with the digits that are steady from run to run, and no more."""

from itertools import dropwhile

NOTHING = "-"
TIME_UNITS = (("ns", 1e9), ("µs", 1e6), ("ms", 1e3))
SIZE_UNITS = (("Gi", 1 << 30), ("Mi", 1 << 20), ("Ki", 1 << 10))


def time_text(seconds: float) -> str:
    """Three digits and a unit: '1.84 µs'."""
    unit, scale = next(dropwhile(lambda each: seconds * each[1] >= 999.5, TIME_UNITS), ("s", 1.0))
    return f"{digits_text(seconds * scale)} {unit}"


def digits_text(value: float) -> str:
    """Three digits, more before the point where it needs them: '0.404', '12.3', '1450'."""
    return f"{value:.0f}" if value >= 999.5 else f"{value:#.3g}".rstrip(".")


def ratio_text(ratio: float) -> str:
    """'0.87 x', '5.8 x', '659 x': near 1, where it matters, with one digit more."""
    places = 2 if ratio < 1.995 else 1 if ratio < 99.95 else 0
    return f"{ratio:.{places}f} x"


def percent_text(part: float) -> str:
    """'7 %'; a smaller one than 1 % with its first digit: '0.3 %'."""
    return f"{part * 100:.{1 if 0 < part < 0.00995 else 0}f} %"


def count_text(n: int) -> str:
    """1048576 -> '1 Mi', 1048577 -> '1.05 M', 1025 -> '1025'."""
    unit, size = next(((unit, size) for unit, size in SIZE_UNITS if n >= size and n % size == 0), ("", 1))
    if unit:
        return f"{n // size} {unit}"
    return f"{digits_text(n / 1e6)} M" if n >= 1e6 else str(n)


def bytes_text(n: int) -> str:
    """33554432 -> '32 MiB', and as near as one decimal tells where it is no whole number."""
    unit, size = next(((unit, size) for unit, size in SIZE_UNITS if n >= size), ("", 1))
    value = f"{n / size:.1f}".removesuffix(".0")
    return f"{value} {unit}B" if unit else f"{n} bytes"


def several(count: int, thing: str) -> str:
    """'1 case', '2 cases'."""
    return f"{count} {thing}{'' if count == 1 else 's'}"


def listed(words: list[str]) -> str:
    """'a, b and c'."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
