"""
Computes src/quantile.h, the polynomials of the truncated normal: `python tools/quantile.py > src/quantile.h`.

They approximate the inverse of the normal distribution function, which has no closed form, by its interpolation at
Chebyshev nodes in 50 digits: within a bit of the best polynomial of the same degree. The coefficients are then rounded
to the compute type. Interval, degree and the largest relative error stand beside each. The header is committed, so that
a build needs no mpmath.
"""

from dataclasses import dataclass

import numpy as np
from mpmath import cos, erfc, erfinv, exp, floor, inf, linspace, log, lu_solve, matrix, mp, mpf, pi, polyval, sqrt

mp.dps = 50


# ---- The functions ---------------------------------------------------------------------------------------------------


def upper_tail(t):
    """Q(t) = P(Z > t)."""
    return erfc(t / sqrt(2)) / 2


def mills_ratio(t):
    """Q(t) / phi(t), for t >= 0."""
    if t < 12:
        return upper_tail(t) * sqrt(2 * pi) * exp(t * t / 2)
    fraction = t
    for k in range(400, 0, -1):
        fraction = t + k / fraction
    return 1 / fraction


def radius_of(t):
    """s = sqrt(-2 ln Q(t)), for t >= 0."""
    return sqrt(t * t + log(2 * pi) - 2 * log(mills_ratio(t)))


def quantile_of(s):
    """The inverse of radius_of, by Newton's method: ds/dt = 1 / (s mills_ratio(t))."""
    t = s if s < 2 else s - log(2 * pi * s * s) / (2 * s)
    while True:
        step = (radius_of(t) - s) * s * mills_ratio(t)
        t -= step
        if abs(step) < mpf(10) ** -40 * t:
            return t


def quantile_over(v):
    """The t with P(Z < t) = 1/2 + v, over v."""
    return sqrt(2) * erfinv(2 * v) / v if v else sqrt(2 * pi)


# ---- Their polynomials -----------------------------------------------------------------------------------------------


def interpolation(function, low, high, degree):
    """The coefficients, lowest first, of the polynomial through the function's values at the Chebyshev nodes."""
    count, scale = degree + 1, max(abs(low), abs(high))
    nodes = [(low + high + (high - low) * cos(pi * (2 * i + 1) / (2 * count))) / 2 for i in range(count)]
    powers = matrix(count, count)
    for i, x in enumerate(nodes):
        for k in range(count):
            powers[i, k] = (x / scale) ** k
    scaled = lu_solve(powers, matrix([function(x) for x in nodes]))
    return [c / scale**k for k, c in enumerate(scaled)]


def rounded_interpolation(dtype, function, low, high, degree):
    """The coefficients in the dtype, and the largest relative error as a power of two."""
    coefficients = [float(dtype(float(c))) for c in interpolation(function, low, high, degree)]
    inside = linspace(low + (high - low) / 997, high, 331)
    error = max(abs(polyval([mpf(c) for c in coefficients[::-1]], x) / function(x) - 1) for x in inside)
    return coefficients, f"relative error at most 2^{float(floor(100 * log(error, 2) + 1) / 100)}"


def exact_in_both(x):
    """x rounded to ten bits, which each compute type holds."""
    return floor(1024 * x) / 1024


# ---- The header ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Type:
    """A compute type: what C calls it, the bits of its words, the degrees that its precision needs."""

    prefix: str
    name: str
    dtype: type
    suffix: str
    word_bits: int
    central_degree: int
    middle_degree: int
    tail_degree: int
    tails: tuple  # (largest bound served, c)

    def literal(self, c):
        if c == inf:
            return "INFINITY"
        mantissa, exponent = float(c).hex().split("p")
        return f"{mantissa.rstrip('0').rstrip('.')}p{int(exponent)}{self.suffix}"

    def lines(self, coefficients, indent):
        return "\n".join(f"{indent}{self.literal(c)}," for c in coefficients)


MIDDLE_END = mpf("0.8")

TYPES = (
    Type(
        prefix="F32",
        name="float",
        dtype=np.float32,
        suffix="f",
        word_bits=32,
        central_degree=11,
        middle_degree=5,
        tail_degree=7,
        tails=((1, "1.25"), (3, "1.25"), (9.5, "2"), (60, "3")),
    ),
    Type(
        prefix="F64",
        name="double",
        dtype=np.float64,
        suffix="",
        word_bits=53,
        central_degree=27,
        middle_degree=14,
        tail_degree=18,
        tails=((1, "1.875"), (2, "2"), (5, "3"), (14.5, "5"), (60, "10"), (250, "40"), (1000, "150")),
    ),
)


def print_central(of):
    q = upper_tail(mpf(2))
    low = sqrt(4 * q * (1 - q))
    center = exact_in_both((low + 1) / 2)
    coefficients, error = rounded_interpolation(
        of.dtype, lambda x: quantile_over(sqrt(1 - (x + center) ** 2) / 2), low - center, 1 - center, of.central_degree
    )
    print(f"""
/* t = v (c[0] + c[1] x + ...), x = sqrt(1 - 4 v^2) - {of.prefix}_CENTRAL_CENTER, where P(Z < t) = 1/2 + v,
   |t| <= 2, degree {of.central_degree}, {error} */
static const {of.name} {of.prefix}_CENTRAL[] = {{
{of.lines(coefficients, "    ")}
}};
static const {of.name} {of.prefix}_CENTRAL_CENTER = {of.literal(center)};""")


def print_middle(of):
    end = (mpf(1) / 2 - upper_tail(MIDDLE_END)) ** 2
    coefficients, error = rounded_interpolation(
        of.dtype, lambda x: quantile_over(sqrt(x)), mpf(0), end, of.middle_degree
    )
    print(f"""
/* t = v (c[0] + c[1] v^2 + ...), where P(Z < t) = 1/2 + v,
   v^2 <= {of.prefix}_MIDDLE_END, |t| <= {MIDDLE_END}, degree {of.middle_degree}, {error} */
static const {of.name} {of.prefix}_MIDDLE[] = {{
{of.lines(coefficients, "    ")}
}};
static const {of.name} {of.prefix}_MIDDLE_END = {of.literal(of.dtype(float(end)))};""")


def tail_row(of, least, most, c):
    """The polynomial from the bound `least` to the farthest draw beyond the bound `most`."""
    farthest = sqrt(radius_of(mpf(most)) ** 2 + 2 * (of.word_bits + 1) * log(2))
    low, high = 1 / (farthest + c), 1 / (radius_of(mpf(least)) + c)
    center = exact_in_both((low + high) / 2)

    def ratio(x):
        s = 1 / (x + center) - c
        return quantile_of(s) / s

    coefficients, error = rounded_interpolation(of.dtype, ratio, low - center, high - center, of.tail_degree)
    numbers = ", ".join(of.literal(x) for x in (most, c, center))
    return f"""    /* bounds from {float(least)} to {float(most)}, {error} */
    {{{numbers}, {{
{of.lines(coefficients, "        ")}
    }}}},"""


def print_tails(of):
    least = MIDDLE_END
    rows = []
    for most, c in of.tails:
        rows.append(tail_row(of, least, most, mpf(c)))
        least = most
    ones = of.lines([1.0] + [0.0] * of.tail_degree, "        ")
    beyond = ", ".join(of.literal(x) for x in (inf, 1, 0))
    rows.append(f"    /* beyond, s is the draw: src/truncated.c */\n    {{{beyond}, {{\n{ones}\n    }}}},")
    print(f"""
/* t = s (c[0] + c[1] x + ...), x = 1 / (s + shift) - center, s = sqrt(-2 ln Q), where P(Z > t) = Q,
   degree {of.tail_degree}; a row serves draws beyond a bound of at most `most` standard deviations */
static const struct {{
    {of.name} most, shift, center, c[{of.tail_degree + 1}];
}} {of.prefix}_TAILS[] = {{""")
    print("\n".join(rows))
    print("};")


def print_mills_ratio(of):
    shift, degree = mpf(5), 26

    def scaled_ratio(z):
        if z == 1:
            return mpf(1)
        t = shift * (1 + z) / (1 - z)
        return (1 + t) * mills_ratio(t)

    coefficients, error = rounded_interpolation(of.dtype, scaled_ratio, mpf(-1), mpf(1), degree)
    print(f"""
/* Q(t) / phi(t) = (c[0] + c[1] z + ...) / (1 + t), z = (t - {float(shift)}) / (t + {float(shift)}), t >= 0,
   degree {degree}, {error} */
static const {of.name} {of.prefix}_MILLS[] = {{
{of.lines(coefficients, "    ")}
}};""")


if __name__ == "__main__":
    print("/* Made by tools/quantile.py; change it there. */")
    print("/* clang-format off */")
    print("#ifndef FASTINIT_QUANTILE_H")
    print("#define FASTINIT_QUANTILE_H")
    print("\n#include <math.h>")
    for of in TYPES:
        print_central(of)
        print_middle(of)
        print_tails(of)
    print_mills_ratio(TYPES[-1])
    print("\n#endif")
