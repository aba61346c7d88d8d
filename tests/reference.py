"""
The stream contract in plain NumPy, written from docs/stream.md and from nothing else.

Slow and independent: no code is shared with the library, and the constants are read from the page itself.
"""

import hashlib
import math
import re
from fractions import Fraction
from pathlib import Path

import numpy as np

CONTRACT = Path(__file__).parent.parent / "docs" / "stream.md"


def constants():
    """The page's lists of constants, by name: a name on a line of its own, then its numbers, indented."""
    text = re.search(r"```text\n(.*?)```", CONTRACT.read_text(encoding="utf-8"), re.S)[1]
    lists = re.findall(r"^(\w+)\n((?:    .*\n)+)", text, re.M)
    return {name: [float.fromhex(number) for number in numbers.split()] for name, numbers in lists}


CONSTANTS = constants()


# ---- Words -----------------------------------------------------------------------------------------------------------


def philox(counter, key):
    """Philox4x32-10 over arrays: four counter words, two key words, four words out, all uint64 below 2**32."""
    c0, c1, c2, c3 = (np.asarray(c, np.uint64) for c in counter)
    k0, k1 = key
    low32 = np.uint64(0xFFFFFFFF)
    for _ in range(10):
        a, b = c0 * np.uint64(0xD2511F53), c2 * np.uint64(0xCD9E8D57)
        c0, c1, c2, c3 = b >> 32 ^ c1 ^ np.uint64(k0), b & low32, a >> 32 ^ c3 ^ np.uint64(k1), a & low32
        k0, k1 = (k0 + 0x9E3779B9) % 2**32, (k1 + 0xBB67AE85) % 2**32
    return c0, c1, c2, c3


def words(seed, stream, first, count):
    """w[first], ..., w[first + count - 1] as uint64."""
    first_block = first // 4
    blocks = np.uint64(first_block) + np.arange((first + count + 3) // 4 - first_block, dtype=np.uint64)
    counter = blocks & np.uint64(2**32 - 1), blocks >> 32, stream % 2**32, stream // 2**32
    out = np.stack(np.broadcast_arrays(*philox(counter, (seed % 2**32, seed // 2**32))), axis=-1)
    return out.reshape(-1)[first - 4 * first_block :][:count]


def long_words(seed, stream, first, count):
    w = words(seed, stream, 2 * first, 2 * count)
    return w[::2] | w[1::2] << 32


def spawned_seed(seed, k):
    message = b"fastinit.spawn" + seed.to_bytes(8, "little") + k.to_bytes(8, "little")
    return int.from_bytes(hashlib.blake2b(message, digest_size=8).digest(), "little")


def stream_of_name(name):
    digest = hashlib.blake2b(name.encode("utf-8"), digest_size=8).digest()
    return 2**63 + int.from_bytes(digest, "little") % 2**63


# ---- fma, of which NumPy has none ------------------------------------------------------------------------------------


def two_sum(a, b):
    s = a + b
    t = s - a
    return s, (a - (s - t)) + (b - t)


def add_to_odd(a, b):
    """a + b in float64, rounded to odd: inexact sums end in a set bit, so that a second rounding does no harm."""
    s, error = two_sum(a, b)
    bits = s.view(np.int64)
    towards_error = np.where((error > 0) == (s > 0), 1, -1)
    return np.where((error != 0) & (bits & 1 == 0), bits + towards_error, bits).view(np.float64)


def two_product(a, b):
    def halves(x):
        big = x * (2.0**27 + 1)
        high = big - (big - x)
        return high, x - high

    p = a * b
    (ah, al), (bh, bl) = halves(a), halves(b)
    return p, ((ah * bh - p) + ah * bl + al * bh) + al * bl


def fma32(a, b, c):
    product = np.asarray(a, np.float64) * np.asarray(b, np.float64)
    return add_to_odd(*np.broadcast_arrays(product, np.asarray(c, np.float64))).astype(np.float32)


def fma64(a, b, c):
    """Boldo and Melquiond's algorithm; for numbers far from overflow and underflow."""
    a, b, c = np.broadcast_arrays(*(np.asarray(x, np.float64) for x in (a, b, c)))
    product, product_error = two_product(a, b)
    t, t_error = two_sum(c, product_error)
    v, v_error = two_sum(product, t)
    return v + add_to_odd(t_error, v_error)


# ---- The normal distribution in double -------------------------------------------------------------------------------

LN2_HIGH, LN2_LOW, LN_2PI, REST_2PI, REST_2PI_LOW = (
    CONSTANTS[name][0] for name in ("LN2_HIGH", "LN2_LOW", "LN_2PI", "REST_2PI", "REST_2PI_LOW")
)


def exp(x):
    if x < -745:
        return 0.0
    k = round(x * (1 / LN2_HIGH))
    r = (x - k * LN2_HIGH) - k * LN2_LOW
    total = 1.0
    for n in range(14, 0, -1):
        total = 1 + total * r / n
    return math.ldexp(total, k)


def ln(x):
    m, k = math.frexp(x)
    if m < 0.70710678118654752:
        m, k = 2 * m, k - 1
    s = (m - 1) / (m + 1)
    total = 0.0
    for n in range(23, 0, -2):
        total = total * (s * s) + 1 / n
    return k * LN2_HIGH + (k * LN2_LOW + 2 * s * total)


def mills_ratio(t):
    z = (t - 5) / (t + 5)
    total = 0.0
    for c in reversed(CONSTANTS["F64_MILLS"]):
        total = total * z + c
    return total / (1 + t)


def upper_tail(t):
    return 0.0 if t == math.inf else mills_ratio(t) * (exp(-t * t / 2) * REST_2PI)


def centered_cdf(t):
    x = abs(t)
    if x == 2:
        v = float.fromhex("0x1.e8b4307d3627ap-2")
    elif x > 0.5:
        v = 0.5 - upper_tail(x)
    else:
        y = x * x / 2
        total, power = 0.0, 1.0
        for n in range(12):
            total += power / (2 * n + 1)
            power *= -y / (n + 1)
        v = x * total * REST_2PI
    return math.copysign(v, t)


# Twice the precision: pairs (high, low).


def pair_add(a, b):
    s, error = two_sum(a[0], b[0])
    return two_sum(s, error + (a[1] + b[1]))


def pair_multiply(a, b):
    p, error = two_product(a[0], b[0])
    return two_sum(p, error + (a[0] * b[1] + a[1] * b[0]))


def pair_divide(a, b):
    q = a[0] / b
    p, error = two_product(q, b)
    return two_sum(q, (((a[0] - p) - error) + a[1]) / b)


def centered_cdf_pair(t):
    x = abs(t)
    if x > 6:
        v = two_sum(0.5, -upper_tail(x))
    else:
        y = pair_multiply((x / 2, 0.0), (-x, 0.0))
        total, power, n = (0.0, 0.0), (1.0, 0.0), 0
        while abs(power[0]) > 2.0**-110:
            total = pair_add(total, pair_divide(power, 2.0 * n + 1))
            n += 1
            power = pair_divide(pair_multiply(power, y), float(n))
        v = pair_multiply(pair_multiply(total, (x, 0.0)), (REST_2PI, REST_2PI_LOW))
    return (-v[0], -v[1]) if t < 0 else v


# ---- The scales of schemes, exact but for the stated roundings -------------------------------------------------------


def to_53_bits(x):
    """A positive fraction, rounded to nearest even, whatever its exponent."""
    shift = x.numerator.bit_length() - x.denominator.bit_length() - 53
    shift += x >= Fraction(2) ** (shift + 53)  # now 2**52 <= x / 2**shift < 2**53
    return round(x / Fraction(2) ** shift) * Fraction(2) ** shift


def sqrt_to_53_bits(x):
    shift = (x.numerator.bit_length() - x.denominator.bit_length()) // 2 - 100
    scaled = x / Fraction(4) ** shift
    root = math.isqrt(
        scaled.numerator // scaled.denominator
    )  # of 100 bits: where it is inexact, more than it by less than 1
    return to_53_bits((root if root * root == scaled else root + Fraction(1, 2)) * Fraction(2) ** shift)


def to_double(x):
    try:
        return x.numerator / x.denominator  # Python rounds it once, to a subnormal number or 0, too
    except OverflowError:
        return math.inf


def fan(mode, fan_in, fan_out):
    if mode == "fan_in":
        return fan_in
    if mode == "fan_out":
        return fan_out
    if mode == "fan_sum":
        return to_53_bits(fan_in + fan_out)
    if mode == "fan_avg":
        return to_53_bits(fan_in + fan_out) / 2
    return sqrt_to_53_bits(to_53_bits(fan_in * fan_out))


def scheme_parameter(draw, mode, fan_in, fan_out, scale, gain, negative_slope):
    """The limit of the uniform, or the std of the normal or truncated normal, that a scheme draws from."""
    numbers = fan_in, fan_out, scale, gain, negative_slope
    fan_in, fan_out, scale, gain, slope = (Fraction(float(number)) for number in numbers)
    squared = to_53_bits(slope * slope) if slope else 0
    n = to_53_bits(to_53_bits(1 + squared) * fan(mode, fan_in, fan_out))
    if draw == "uniform":
        scale = to_53_bits(3 * scale)
    deviation = sqrt_to_53_bits(to_53_bits(scale / n))
    if draw == "truncated_normal":
        return to_double(to_53_bits(gain * deviation) / Fraction(0.87962566103423978))
    return to_double(gain * deviation)


# ---- Values ----------------------------------------------------------------------------------------------------------


class Compute:
    """What the contract says of one compute type: its words of n bits, its arithmetic, its constants."""

    def __init__(self, prefix, dtype, fma, bits):
        self.dtype, self.fma, self.bits = dtype, fma, bits
        self.lists = {
            name.removeprefix(f"{prefix}_"): [dtype(c) for c in numbers]
            for name, numbers in CONSTANTS.items()
            if name.startswith(prefix)
        }

    def constant(self, name):
        return self.lists[name][0]

    def words(self, seed, stream, first, count):
        """The n-bit integers that normals are made of."""
        if self.dtype is np.float32:
            return words(seed, stream, first, count)
        return long_words(seed, stream, first, count) >> 11

    def unit(self, seed, stream, first, count):
        if self.dtype is np.float32:
            return (words(seed, stream, first, count) >> 8).astype(np.float32) * np.float32(2**-24)
        return (long_words(seed, stream, first, count) >> 11).astype(np.float64) * 2.0**-53

    def signed(self, k):
        half = 2 ** (self.bits - 1)
        return ((k + np.uint64(half)) % np.uint64(2**self.bits)).astype(np.int64) - half

    def centered(self, a):
        """y: u1 is y where y > 0, else 1 + y."""
        as_float = self.signed(a).astype(self.dtype)
        return self.fma(as_float, self.dtype(2.0**-self.bits), self.dtype(2.0 ** -(self.bits + 1)))

    def quarters(self, b):
        """The nearest quarter turn k and the distance x to it."""
        k = (b + np.uint64(2 ** (self.bits - 3))) // np.uint64(2 ** (self.bits - 2)) % np.uint64(4)
        rest = self.signed(b * np.uint64(4) % np.uint64(2**self.bits))
        return k.astype(np.intp), rest.astype(self.dtype) * self.dtype(2.0**-self.bits)

    def horner(self, coefficients, x):
        h = np.full_like(x, coefficients[-1])
        for c in coefficients[-2::-1]:
            h = self.fma(h, x, c)
        return h

    def two_chains(self, name, x):
        x2, coefficients = x * x, self.lists[name]
        return self.fma(self.horner(coefficients[1::2], x2), x, self.horner(coefficients[0::2], x2))

    def minus_two_ln(self, y):
        mantissa, exponent = np.frexp(y)
        x = np.where(y > 0, mantissa - self.dtype(1), y)
        e = np.where(y > 0, exponent, 0).astype(self.dtype)
        m = self.fma(x * x, self.two_chains("LN", x), x * self.dtype(-2))
        return self.fma(e, self.constant("MINUS_TWO_LN2"), m)

    def pairs(self, a, b):
        r = np.sqrt(self.minus_two_ln(self.centered(a)))
        k, x = self.quarters(b)
        x2 = x * x
        c = x2 * self.horner(self.lists["COS"], x2)
        s = self.fma(x, self.constant("HALF_PI"), x * self.horner(self.lists["SIN"], x2))
        along, across = self.fma(r, c, r), r * s
        return (
            np.choose(k, [along, -across, -along, across]),
            np.choose(k, [across, along, -across, -along]),
        )

    def standard_normal(self, seed, stream, first, count):
        start = first // 2 * 2
        w = self.words(seed, stream, start, (first + count - start + 1) // 2 * 2)
        z = np.stack(self.pairs(w[::2], w[1::2]), axis=-1)
        return z.reshape(-1)[first - start :][:count]

    def truncated(self, a, low, high):
        """t of the words a; None where all draws are the bound nearer to zero."""
        if low == high:
            return None
        if low >= -2 and high <= 2:
            return self.central(self.probability(a, low, high))
        if low < 1 and high > -1:
            return self.wide(self.probability(a, low, high), self.tail_around(self.centered(a), low, high))
        if low >= 1:
            return self.tail(self.centered(a), low, high)
        t = self.tail(-self.centered(a), -high, -low)
        return None if t is None else -t

    def probability(self, a, low, high):
        """v = Phi(t) - 1/2"""
        words, v0, v1 = 2.0**self.bits, centered_cdf(low), centered_cdf(high)
        width = v1 - v0
        step, origin, start = width / words, 0, v0
        if high <= 0:
            origin, start = 2**self.bits - 1, v1 - step
        elif low < 0:
            origin = min(math.floor(-v0 / width * words), 2**self.bits - 1)
            start = v0 + origin * step
            if low != -high:
                first, last = centered_cdf_pair(low), centered_cdf_pair(high)
                whole = pair_add(last, (-first[0], -first[1]))
                start = pair_add(first, pair_multiply(whole, (origin / words, 0.0)))[0]
        distance = (a.astype(np.int64) - origin).astype(self.dtype)
        return self.fma(distance, self.dtype(step), self.dtype(start + step / 2))

    def central(self, v):
        root = np.sqrt(self.fma(v * self.dtype(-4), v, self.dtype(1)))
        return v * self.two_chains("CENTRAL", root - self.constant("CENTRAL_CENTER"))

    def tail_around(self, y, low, high):
        """The probability beyond t, away from zero, of the draws that are not near it."""
        width = centered_cdf(high) - centered_cdf(low)
        slope = np.where(y > 0, width if low <= 0 else -width, -width if high >= 0 else width)
        end = np.where(y > 0, upper_tail(abs(low)), upper_tail(abs(high)))
        return self.fma(y, slope.astype(self.dtype), end.astype(self.dtype))

    def wide(self, v, q):
        v2 = v * v
        outer = np.copysign(self.tail_quantile(self.minus_two_ln(q), 0), v)
        return np.where(v2 < self.constant("MIDDLE_END"), v * self.two_chains("MIDDLE", v2), outer)

    def tail(self, y, low, high):
        single = self.dtype is np.float32
        if low > (1e5 if single else 2e9):
            return None
        m = mills_ratio(low)
        rest = 0.0 if high == math.inf else exp(-(high - low) / 2 * (high + low)) * (mills_ratio(high) / m)
        r = 1 - rest
        if r < (2.0**-28 if single else 2.0**-56):
            return None
        far = rest if r > 0.5 else -r
        q = self.fma(y, self.dtype(-r), np.where(y > 0, 0, far).astype(self.dtype))
        row = 0
        while f"TAILS_{row}" in self.lists and low > float(self.constant(f"TAILS_{row}_MOST")):
            row += 1
        if f"TAILS_{row}" in self.lists:
            scale, start = 1.0, low * low + (LN_2PI - 2 * ln(m))
        else:
            scale, start = low * m, low * low
        return self.tail_quantile(self.fma(self.minus_two_ln(q), self.dtype(scale), self.dtype(start)), row)

    def tail_quantile(self, square, row):
        s, name = np.sqrt(square), f"TAILS_{row}"
        if name not in self.lists:
            return s
        x = self.dtype(1) / (s + self.constant(f"{name}_SHIFT")) - self.constant(f"{name}_CENTER")
        return s * self.two_chains(name, x)

    def uniform(self, low, high, *where):
        scale, shift = self.dtype(high - low), self.dtype(low)
        limit = self.dtype(high)
        if shift != limit:
            limit = np.nextafter(limit, shift)
        return np.minimum(self.fma(self.unit(*where), scale, shift), limit)

    def normal(self, mean, std, *where):
        return self.fma(self.standard_normal(*where), self.dtype(std), self.dtype(mean))

    def ends(self, mean, std, low, high):
        """The interval that truncated draws stay in, rounded inwards."""
        exact = [mean + bound * std if std > 0 else mean for bound in (low, high)]
        least, most = map(self.dtype, exact)
        if float(least) < exact[0]:
            least = np.nextafter(least, self.dtype(np.inf))
        if float(most) > exact[1]:
            most = np.nextafter(most, self.dtype(-np.inf))
        return (least, most) if least <= most else (self.dtype(exact[0]),) * 2

    def truncated_normal(self, mean, std, low, high, *where):
        least, most = self.ends(mean, std, low, high)
        t = self.truncated(self.words(*where), low, high)
        if t is None:
            return np.full(where[-1], least if abs(low) < abs(high) else most)
        x = self.fma(t, self.dtype(std), self.dtype(mean))
        x = np.where(x > least, x, least)
        return np.where(x < most, x, most)


F32 = Compute("F32", np.float32, fma32, 32)
F64 = Compute("F64", np.float64, fma64, 53)


def fill(draw, out, first, seed, stream, a=0.0, b=1.0, accumulate=False, bounds=None):
    """What fastinit._core.fill_range leaves in out."""
    where = seed, stream, first, out.size
    if draw == "bits":
        return (words if out.dtype == np.uint32 else long_words)(*where).astype(out.dtype)
    if out.dtype.kind == "c":  # the parts are elements 2 i and 2 i + 1
        part, mean = b * 0.70710678118654752, complex(a)
        parts = out.reshape(-1, 1).view(out.real.dtype)
        values = [
            fill("normal", parts.reshape(-1), 2 * first, seed, stream, each, part, accumulate)
            for each in (mean.real, mean.imag)
        ]
        return np.where(np.arange(2 * out.size) % 2 == 0, *values).view(out.dtype)
    compute = F64 if out.dtype == np.float64 else F32
    values = getattr(compute, draw)(a, b, *(bounds or ()), *where)
    if accumulate:
        values = out.astype(compute.dtype) + values
    return values.astype(out.dtype)
