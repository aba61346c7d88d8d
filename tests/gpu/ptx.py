"""
An interpreter of PTX in NumPy, all threads of a launch at once: what NVRTC makes of src/gpu/fill.cu, run without a GPU.

It knows the instructions that the kernels consist of, and no others: whatever else appears is an error. Numbers are
IEEE 754's, with one rounding an instruction. Loads and stores must lie in memory that it was told of and be aligned to
what they take, and no two stores of a launch may write to the same byte.
"""

import operator
import re

import ml_dtypes
import numpy as np

KINDS = {f"{kind}{8 * n}": np.dtype(f"{name}{n}") for kind, name in ("bu", "uu", "si") for n in (1, 2, 4, 8)}
KINDS |= {"f16": np.dtype("f2"), "f32": np.dtype("f4"), "f64": np.dtype("f8"), "pred": np.dtype(bool)}
BITS = {kind: dtype.itemsize * 8 for kind, dtype in KINDS.items()}


# ---- Arithmetic ------------------------------------------------------------------------------------------------------


def two_sum(a, b):
    """The rounded sum and what it lacks."""
    total = a + b
    part = total - a
    return total, (a - (total - part)) + (b - part)


def two_product(a, b):
    """The rounded product and what it lacks, of doubles whose product has room for that."""
    product = a * b
    assert ((product == 0) | (np.abs(product) > 2.0**-900) & (np.abs(product) < 2.0**900)).all(), "too small or large"
    (a1, a2), (b1, b2) = ((high, x - high) for x in (a, b) for high in [x * 134217729.0 - (x * 134217729.0 - x)])
    return product, a2 * b2 - (((product - a1 * b1) - a2 * b1) - a1 * b2)


def odd_sum(a, b):
    """The sum, not rounded to nearest: what is not exact becomes the neighbour whose last bit is 1."""
    total, rest = two_sum(a, b)
    bits = total.view(np.int64).copy()
    moved = np.isfinite(total) & (rest != 0) & (bits & 1 == 0)
    bits[moved] += np.where((rest > 0) == (total > 0), 1, -1)[moved]
    return bits.view(np.float64)


def fma_f32(a, b, c):
    """By doubles, in which the product is exact, and a sum that is rounded to odd can be rounded again."""
    a, b, c = (x.astype(np.float64) for x in (a, b, c))
    return odd_sum(a * b, c).astype(np.float32)


def fma_f64(a, b, c):
    """S. Boldo, G. Melquiond, "Emulation of a FMA and correctly rounded sums", IEEE Trans. Computers, 2008."""
    high, low = two_product(a, b)
    middle, lowest = two_sum(c, low)
    total, rest = two_sum(high, middle)
    return total + odd_sum(lowest, rest)


CANONICAL = {  # the NaN that a device's arithmetic results in, whatever NaNs go into it
    np.dtype("f4"): np.uint32(0x7FFFFFFF).view(np.float32),
    np.dtype("f8"): np.uint64(0x7FFFFFFFFFFFFFFF).view(np.float64),
}


def with_canonical_nans(function):
    def operation(*operands):
        result = function(*operands)
        return np.where(np.isnan(result), CANONICAL[result.dtype], result)

    return operation


def shift(function):
    def shifted(a, count):
        assert (count < a.itemsize * 8).all(), "a shift by all bits"
        return function(a, count.astype(a.dtype))

    return shifted


def inserted(field, into, start, length):
    mask = ((np.uint64(1) << length.astype(np.uint64)) - np.uint64(1)) << start.astype(np.uint64)
    return ((field.astype(np.uint64) << start.astype(np.uint64)) & mask | into & ~mask).astype(into.dtype)


def pair_of(dtype):
    """Two floats, the first one into the upper half."""
    return lambda high, low: np.stack([low, high], axis=1).astype(dtype).view(np.uint32)[:, 0]


def operations():
    """By an instruction's full name: the kind of its result, those of its operands, and the function."""
    table = {}

    def add(name, result, operands, function):
        table[name] = result, operands.split(), function

    for t in ("s32", "u32", "s64", "u64"):
        wide = t[0] + "64"
        whole = {"add": operator.add, "sub": operator.sub, "mul.lo": operator.mul, "min": np.minimum, "max": np.maximum}
        for name, function in whole.items():
            add(f"{name}.{t}", t, f"{t} {t}", function)
        add(f"mad.lo.{t}", t, f"{t} {t} {t}", lambda a, b, c: a * b + c)
        add(f"neg.{t}", t, t, operator.neg)
        add(f"shr.{t}", t, f"{t} u32", shift(operator.rshift))
        if t != wide:
            to_wide = KINDS[wide]
            add(f"mul.wide.{t}", wide, f"{t} {t}", lambda a, b, w=to_wide: a.astype(w) * b.astype(w))
            add(f"mad.wide.{t}", wide, f"{t} {t} {wide}", lambda a, b, c, w=to_wide: a.astype(w) * b.astype(w) + c)
    add("mul.hi.u32", "u32", "u32 u32", lambda a, b: (a.astype(np.uint64) * b >> np.uint64(32)).astype(np.uint32))
    for t in ("b32", "b64", "pred"):
        for name, function in {"and": operator.and_, "or": operator.or_, "xor": operator.xor}.items():
            add(f"{name}.{t}", t, f"{t} {t}", function)
        add(f"not.{t}", t, t, operator.invert)
    for t in ("b16", "b32", "b64"):
        add(f"shl.{t}", t, f"{t} u32", shift(operator.lshift))
        add(f"bfi.{t}", t, f"{t} {t} u32 u32", inserted)
    for t in KINDS:
        add(f"selp.{t}", t, f"{t} {t} pred", lambda a, b, p: np.where(p, a, b))
        for name in ("lt", "le", "gt", "ge", "eq", "ne"):
            add(f"setp.{name}.{t}", "pred", f"{t} {t}", getattr(operator, name))
        for other in KINDS if t[0] in "us" else ():
            if other[0] in "us":
                add(f"cvt.{t}.{other}", t, other, lambda a, dtype=KINDS[t]: a.astype(dtype))
    for t, fma in (("f32", fma_f32), ("f64", fma_f64)):
        for name in ("add", "sub", "mul", "truediv"):
            add(f"{name.removeprefix('true')}.rn.{t}", t, f"{t} {t}", with_canonical_nans(getattr(operator, name)))
        add(f"fma.rn.{t}", t, f"{t} {t} {t}", with_canonical_nans(fma))
        add(f"rcp.rn.{t}", t, t, lambda a: a.dtype.type(1) / a)
        add(f"sqrt.rn.{t}", t, t, np.sqrt)
        add(f"neg.{t}", t, t, operator.neg)
        for other in ("s32", "u32"):
            add(f"cvt.rn.{t}.{other}", t, other, lambda a, dtype=KINDS[t]: a.astype(dtype))
    add("cvt.rn.f16.f32", "f16", "f32", lambda a: a.astype(np.float16))
    add("cvt.f32.f16", "f32", "f16", lambda a: a.astype(np.float32))
    add("cvt.rn.f16x2.f32", "b32", "f32 f32", pair_of(np.float16))
    add("cvt.rn.bf16x2.f32", "b32", "f32 f32", pair_of(ml_dtypes.bfloat16))
    add("cvta.to.global.u64", "u64", "u64", lambda a: a)  # there is one space of addresses
    return table


OPERATIONS = operations()


# ---- Memory ----------------------------------------------------------------------------------------------------------


class Memory:
    """Arrays of bytes at their addresses."""

    def __init__(self):
        self._at = {}  # address: bytes, and which of them were written, or None if they cannot be

    def add(self, address, content, writable=False):
        self._at[address] = content, np.zeros(len(content), bool) if writable else None

    def _places(self, addresses, size):
        """(rows, bytes, written, where) of each array that some of the addresses are in."""
        assert not (addresses % np.uint64(size)).any(), f"{size} bytes that are not aligned"
        starts = np.sort(np.array(list(self._at), np.uint64))
        which = np.searchsorted(starts, addresses, "right") - 1
        assert which.min() >= 0, "an address before all memory"
        for one in np.unique(which):
            rows = np.flatnonzero(which == one)
            content, written = self._at[int(starts[one])]
            where = (addresses[rows] - starts[one]).astype(np.int64)
            assert where.max() + size <= len(content), f"{size} bytes beyond the end of memory"
            yield rows, content, written, where[:, None] + np.arange(size)

    def load(self, addresses, size):
        """The bytes, a row for each address."""
        if (addresses == addresses[0]).all():
            addresses = addresses[:1]
        loaded = np.empty((len(addresses), size), np.uint8)
        for rows, content, _, where in self._places(addresses, size):
            loaded[rows] = content[where]
        return loaded

    def store(self, addresses, values):
        for rows, content, written, where in self._places(addresses, values.shape[1]):
            assert written is not None, "a store to constants"
            assert not written[where].any(), "a byte is written twice"
            written[where] = True
            assert written[where].sum() == np.unique(where).size, "a byte is written twice"
            content[where] = values[rows]


# ---- Programs --------------------------------------------------------------------------------------------------------

IGNORED = re.compile(r"\.(version|target|address_size|maxntid|minnctapersm|pragma)\b")
REGISTERS = re.compile(r"\.reg \.(\w+)\s+(%[a-z]+)<\d+>;")
PARAMETER = re.compile(r"\.param \.align (\d+) \.b8 (\w+)\[(\d+)\],?")
GLOBAL = re.compile(r"\.global \.align \d+ \.(\w+) (\w+)(?:\[\d+\])? = (.*);")
HALF = re.compile(r"\{ \.reg \.b32 tmp; mov\.b64 \{(tmp, %\w+|%\w+, tmp)\}, (%\w+); \}")  # CUDA 12's way to drop one
INSTRUCTION = re.compile(r"(?:@(!?)(%p\d+)\s+)?([a-z][a-z0-9_.:]*)\s*(.*?);")
OPERAND = re.compile(r"\{[^}]*\}|\[[^\]]*\]|[^,\s]+")


class Program:
    """The one kernel of a PTX module."""

    def __init__(self, text):
        self.parameters = {}  # name: (size, alignment)
        self.constants = {}  # name: bytes
        self.registers = {}  # the dtypes of their bits, by what their names begin with
        self.code, self.labels = [], {}
        for line in (line.partition("//")[0].strip() for line in text.rstrip("\0").split("\n")):
            if found := HALF.fullmatch(line):
                line = f"mov.b64 {{{found[1].replace('tmp', '_')}}}, {found[2]};"
            if not line or line in "{})(" or IGNORED.match(line):
                continue
            if found := re.fullmatch(r"\.visible \.entry (\w+)\(", line):
                self.name = found[1]
            elif found := REGISTERS.fullmatch(line):
                self.registers[found[2]] = np.dtype(f"u{KINDS[found[1]].itemsize}" if found[1] != "pred" else bool)
            elif found := PARAMETER.fullmatch(line):
                self.parameters[found[2]] = int(found[3]), int(found[1])
            elif found := GLOBAL.fullmatch(line):
                numbers = [number.strip() for number in found[3].strip("{}").split(",")]
                values = [int(n[2:], 16) if n[:2] in ("0f", "0d") else int(n) for n in numbers]
                kind = np.dtype(f"u{KINDS[found[1]].itemsize}")
                self.constants[found[2]] = np.array(values, kind).view(np.uint8)
            elif found := re.fullmatch(r"(\$\w+):", line):
                self.labels[found[1]] = len(self.code)
            elif found := INSTRUCTION.fullmatch(line):
                self.code.append((found[1], found[2], found[3], OPERAND.findall(found[4])))
            else:
                raise NotImplementedError(line)

    def run(self, groups, threads, parameters, memory):
        """With the bytes of each parameter; global memory and constants are added to."""
        return _Run(self, groups, threads, parameters, memory).run()


class _Run:
    def __init__(self, program, groups, threads, parameters, memory):
        self.program, self.memory = program, memory
        self.threads = groups * threads
        group = np.arange(self.threads, dtype=np.uint32) // np.uint32(threads)
        thread = np.arange(self.threads, dtype=np.uint32) % np.uint32(threads)
        self.registers = {"%ctaid.x": group, "%tid.x": thread}
        self.symbols = {}
        given = zip(program.parameters, parameters, strict=True)
        for number, (name, content) in enumerate([*given, *program.constants.items()]):
            self.symbols[name] = number + 1 << 56  # where no machine has memory
            memory.add(self.symbols[name], np.frombuffer(content, np.uint8))

    def run(self):
        """Threads that lag behind go first, so that all come together again. Returns the lines that ran."""
        code, joins = self.program.code, set(self.program.labels.values())
        following, executed = np.zeros(self.threads, np.int64), set()
        with np.errstate(all="ignore"):
            while (at := int(following.min())) < len(code):
                rows = np.flatnonzero(following == at)
                begin = at
                while at == begin or at not in joins:
                    negated, predicate, name, operands = code[at]
                    executed.add(at)
                    at += 1
                    some = rows
                    if predicate:
                        some = rows[self.registers[predicate][rows] ^ bool(negated)]
                    if name in ("bra", "bra.uni", "ret"):
                        following[rows] = at
                        following[some] = len(code) if name == "ret" else self.program.labels[operands[0]]
                        break
                    if len(some):
                        self.step(name, operands, some)
                else:
                    following[rows] = at
        return executed

    def read(self, operand, kind, rows):
        dtype = KINDS[kind]
        if operand in self.registers:
            bits = self.registers[operand]
            bits = bits if len(rows) == self.threads else bits[rows]
            assert bits.itemsize >= dtype.itemsize, f"{operand} read as {kind}"
            return (bits.astype(f"u{dtype.itemsize}") if bits.itemsize > dtype.itemsize else bits).view(dtype)
        assert operand[0] not in "%[{", operand
        if operand in self.symbols:
            number = self.symbols[operand]
        elif operand[:2] in ("0f", "0d"):
            number = int(operand[2:], 16)
        else:
            number = int(operand) % (1 << BITS[kind])
        return np.full(len(rows), number, dtype if kind == "pred" else f"u{dtype.itemsize}").view(dtype)

    def write(self, register, values, rows):
        """A narrow number is made as wide as the register, by its sign if it has one."""
        if register == "_":
            return
        dtype = self.program.registers[register.rstrip("0123456789")]
        wide = np.dtype(f"{values.dtype.kind}{dtype.itemsize}") if values.dtype.kind in "iu" else values.dtype
        assert wide.itemsize == dtype.itemsize >= values.itemsize, register
        bits = values.astype(wide).view(dtype)
        if len(rows) == self.threads:
            self.registers[register] = np.array(np.broadcast_to(bits, self.threads))
        else:
            if register not in self.registers:
                self.registers[register] = np.zeros(self.threads, dtype)
            self.registers[register][rows] = bits

    def address(self, operand, rows):
        base, offset = re.fullmatch(r"\[([%\w]+)(?:\+(-?\d+))?\]", operand).groups()
        return self.read(base, "u64", rows) + np.uint64(int(offset or 0) % 2**64)

    def step(self, name, operands, rows):
        if name in OPERATIONS:
            result, kinds, function = OPERATIONS[name]
            values = [self.read(operand, kind, rows) for operand, kind in zip(operands[1:], kinds, strict=True)]
            computed = function(*values)
            assert computed.dtype == KINDS[result], name
            self.write(operands[0], computed, rows)
        elif found := re.fullmatch(r"ld\.(?:param|global|global\.nc)(?:\.v([24]))?\.(\w+)", name):
            names, dtype = re.findall(r"[%\w]+", operands[0]), KINDS[found[2]]
            assert len(names) == int(found[1] or 1)
            loaded = self.memory.load(self.address(operands[1], rows), dtype.itemsize * len(names)).view(dtype)
            for number, register in enumerate(names):
                self.write(register, np.ascontiguousarray(loaded[:, number]), rows)
        elif found := re.fullmatch(r"st\.global(?:\.v([24]))?\.(\w+)", name):
            names = re.findall(r"[%\w]+", operands[1])
            assert len(names) == int(found[1] or 1)
            values = np.stack([self.read(register, found[2], rows) for register in names], axis=1)
            self.memory.store(self.address(operands[0], rows), values.view(np.uint8))
        elif found := re.fullmatch(r"mov\.([bufs]\d+|pred)", name):
            self.move(operands, found[1], rows)
        else:
            raise NotImplementedError(f"{name} {', '.join(operands)}")

    def move(self, operands, kind, rows):
        """Also of a number and its parts, the lower ones first."""
        to, source = (re.findall(r"[%\w.$-]+", operand) for operand in operands)
        part = f"u{BITS[kind] // 8 // max(len(to), len(source))}" if kind != "pred" else "?"
        if len(source) > 1:
            parts = [self.read(register, f"u{np.dtype(part).itemsize * 8}", rows) for register in source]
            self.write(to[0], np.stack(parts, axis=1).view(f"u{BITS[kind] // 8}")[:, 0], rows)
        else:
            whole = np.ascontiguousarray(self.read(source[0], kind, rows))
            parts = whole.view(part).reshape(len(rows), len(to))
            for number, register in enumerate(to):
                self.write(register, np.ascontiguousarray(parts[:, number]), rows)
