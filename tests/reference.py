"""
The stream contract in plain NumPy, written from docs/stream.md and from nothing else.

Slow and independent: no code is shared with the library, and the constants are read from the page itself.
"""

import hashlib
import re
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


# ---- Values ----------------------------------------------------------------------------------------------------------


class Compute:
    """What the contract says of one compute type: its words of n bits, its arithmetic, its constants."""

    def __init__(self, prefix, dtype, fma, bits):
        self.dtype, self.fma, self.bits = dtype, fma, bits
        self.ln, self.sin, self.cos = (
            [dtype(c) for c in CONSTANTS[f"{prefix}_{name}"]] for name in ("LN", "SIN", "COS")
        )
        self.half_pi, self.minus_two_ln2 = (
            dtype(CONSTANTS[f"{prefix}_{name}"][0]) for name in ("HALF_PI", "MINUS_TWO_LN2")
        )

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

    def radius(self, y):
        mantissa, exponent = np.frexp(y)
        x = np.where(y > 0, mantissa - self.dtype(1), y)
        e = np.where(y > 0, exponent, 0).astype(self.dtype)
        x2 = x * x
        q = self.fma(self.horner(self.ln[1::2], x2), x, self.horner(self.ln[0::2], x2))
        m = self.fma(x2, q, x * self.dtype(-2))
        return np.sqrt(self.fma(e, self.minus_two_ln2, m))

    def pairs(self, a, b):
        r = self.radius(self.centered(a))
        k, x = self.quarters(b)
        x2 = x * x
        c = x2 * self.horner(self.cos, x2)
        s = self.fma(x, self.half_pi, x * self.horner(self.sin, x2))
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

    def uniform(self, low, high, *where):
        scale, shift = self.dtype(high - low), self.dtype(low)
        limit = self.dtype(high)
        if shift != limit:
            limit = np.nextafter(limit, shift)
        return np.minimum(self.fma(self.unit(*where), scale, shift), limit)

    def normal(self, mean, std, *where):
        return self.fma(self.standard_normal(*where), self.dtype(std), self.dtype(mean))


F32 = Compute("F32", np.float32, fma32, 32)
F64 = Compute("F64", np.float64, fma64, 53)


def fill(draw, out, first, seed, stream, a=0.0, b=1.0, accumulate=False):
    """What fastinit._core.fill_range leaves in out."""
    where = seed, stream, first, out.size
    if draw == "bits":
        return (words if out.dtype == np.uint32 else long_words)(*where).astype(out.dtype)
    compute = F64 if out.dtype == np.float64 else F32
    values = {"uniform": compute.uniform, "normal": compute.normal}[draw](a, b, *where)
    if accumulate:
        values = out.astype(compute.dtype) + values
    return values.astype(out.dtype)
