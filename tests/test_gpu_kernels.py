"""
The kernels of CUDA devices as NVRTC compiles them: their PTX, run by an interpreter, writes what the CPU writes; every
kernel that a fill can ask for is among those that tests/gpu/check_compile.py compiles. No device is needed.
"""

import ctypes
import math
import shutil
from fractions import Fraction

import ml_dtypes
import numpy as np
import pytest
from conftest import Layout, dense
from emulator import DTYPES, FORMS, KERNELS, Driver, OnDevice, build, use

import fastinit
from fastinit.gpu.compiler import Compiler, CompilerError, package_sources
from fastinit.gpu.kernels import THREADS, Kernel
from fastinit.gpu.launch import use_driver
from gpu import check_compile, ptx

SEED, STREAM = 0x0123456789ABCDEF, 2**40 + 5

# By the draw: a method, and arguments that make the core choose it. Of the tail, near and far polynomials.
FILLS = [
    ("BITS", "bits", ()),
    ("UNIFORM", "uniform", (-1.0, 1.0)),
    ("UNIFORM_CAPPED", "uniform", (0.1, 0.7)),
    ("NORMAL", "normal", (0.5, 2.0)),
    ("NORMAL_PAIRED", "normal", (0.5 + 1j, 2.0)),
    ("TRUNCATED_SYMMETRIC", "truncated_normal", (0.1, 0.5, -2.0, 2.0)),
    ("TRUNCATED_CENTRAL", "truncated_normal", (0.1, 0.5, -1.0, 1.7)),
    ("TRUNCATED_WIDE", "truncated_normal", (0.1, 0.5, -3.0, 4.0)),
    ("TRUNCATED_TAIL", "truncated_normal", (0.1, 0.5, -9.0, -1.5)),
    ("TRUNCATED_TAIL", "truncated_normal", (0.1, 0.5, 12.0, math.inf)),
]
ELEMENTS = {"BFLOAT16": np.dtype(ml_dtypes.bfloat16)} | {
    name: np.dtype(name.lower()) for name in DTYPES if name != "BFLOAT16"
}
COMPLEX = {"FLOAT32": np.dtype("c8"), "FLOAT64": np.dtype("c16")}


def dtype_of(draw, dtype):
    return COMPLEX[dtype] if draw == "NORMAL_PAIRED" else ELEMENTS[dtype]


class Both:
    """Memory of a device and of the CPU, filled alike."""

    def __init__(self, layout, dtype):
        self.memory, array = layout.in_memory(dtype)
        self.expected_memory, self.expected = layout.in_memory(dtype)
        for out in (array, self.expected):  # numbers that can be added to; what lies around stays as it was
            out[...] = (np.arange(out.size) % 7 - 3).reshape(out.shape).astype(dtype)
        self.out = OnDevice(array)

    def fill(self, method, *arguments, **keywords):
        for out in (self.out, self.expected):
            getattr(fastinit.Generator(SEED), method)(out, *arguments, **keywords)

    def check(self):
        assert np.array_equal(self.memory, self.expected_memory)


def filled(form, draw, dtype, method, arguments, accumulate):
    """Fills of one form, whose kernel is that of the form, draw and dtype."""
    element = dtype_of(draw, dtype)
    size = element.itemsize
    keywords = {"accumulate": True} if accumulate else {}
    if form == "ranges":
        several = [Both(dense((n,), size, lead=n % 3 * size), element) for n in (37, 1, 600)]
        for place in ("out", "expected"):
            fills = [(getattr(both, place), method, *arguments) for both in several]
            fastinit.Generator(SEED).fill(fills, **keywords)
        return several
    if form == "range":
        both = Both(dense((1037,), size, lead=size), element)
    elif form == "region":
        both = Both(dense((3, 17, 9), size, (1, 0, 2), (1, 1, 2)), element)
    else:
        both = Both(dense((3, 50), size), element)
    where = {"streams": [STREAM, 3, 2**63]} if form == "blocks" else {"stream": STREAM}
    both.fill(method, *arguments, **where, **keywords)
    return [both]


CONSTANTS = {"BYTES1": "u1", "BYTES2": "u2", "BYTES4": "u4", "BYTES8": "u8", "BYTES16": "c16"}


def fill_kernel(kernel):
    """Fills that take a kernel, and checks them."""
    if kernel.form == "constant":
        dtype = np.dtype(CONSTANTS[kernel.dtype])
        both = Both(dense((3, 29), dtype.itemsize, steps=(1, 2)), dtype), Both(dense((300,), dtype.itemsize), dtype)
        for one in both:
            one.fill("constant", 7)
            one.check()
    for draw, method, arguments in FILLS:
        if draw == kernel.draw:
            for both in filled(kernel.form, draw, kernel.dtype, method, arguments, kernel.accumulate):
                both.check()


def test_fills_ask_for_every_kernel_that_is_compiled_and_for_no_other(tmp_path):
    driver = Driver(build(tmp_path))
    with use(driver):
        for kernel in KERNELS:
            fill_kernel(kernel)
            assert {asked for asked, *_ in driver.launches} == {kernel}
            driver.launches.clear()


# ---- What NVRTC makes of the source ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def compiler():
    pytest.importorskip("cuda.bindings.nvrtc", reason="cuda-bindings is not installed")
    made = Compiler()
    try:
        made.version()
    except CompilerError as error:
        pytest.skip(f"NVRTC is not installed: {error}")
    return made


class Interpreter(Driver):
    """A device that runs PTX: what NVRTC makes for an architecture that it does not know is that of the one before."""

    def __init__(self, architecture, arrays):
        super().__init__(None)
        self._architecture = architecture
        self.arrays = arrays
        self.programs, self.executed = {}, {}  # and the numbers of their lines that ran

    def architecture(self, device):
        return self._architecture

    def load(self, device, image, name):
        program = ptx.Program(image.decode())
        assert program.name == name
        self.programs[name] = program
        return program

    def launch(self, device, program, groups, threads, stream, parameters):
        assert threads == THREADS
        memory = ptx.Memory()
        for bytes_ in self.arrays:
            memory.add(bytes_.ctypes.data, bytes_, writable=True)
        sizes = [size for size, _ in program.parameters.values()]
        at = (ctypes.c_void_p * len(sizes)).from_address(parameters)
        given = [ctypes.string_at(address, size) for address, size in zip(at, sizes, strict=True)]
        self.executed.setdefault(program.name, set()).update(program.run(groups, threads, given, memory))
        self.launches.append((program.name, device, stream, groups))


OLDEST = "sm_76"  # PTX for sm_75, which rounds to bfloat16 by integers
NEWER = "sm_102"  # for sm_100 or sm_101, by the newer of the two compilers that NVRTC has
FLOATS = ("FLOAT32", "BFLOAT16", "FLOAT16", "FLOAT64")


def interpreted(compiler, architecture, layout, dtype, method, *arguments, **keywords):
    """Fills memory by PTX and by the CPU, checks that it is the same, and returns the device."""
    both = Both(layout, dtype)
    device = Interpreter(architecture, [both.memory])
    with use_driver(device, compiler):
        both.fill(method, *arguments, **keywords)
    assert device.launches
    both.check()
    return device


@pytest.mark.parametrize(("draw", "method", "arguments"), FILLS)
@pytest.mark.parametrize("dtype", FLOATS)
def test_ptx_of_contiguous_arrays_writes_the_values_of_the_cpu(compiler, draw, method, arguments, dtype):
    if Kernel("range", draw, dtype, False) not in KERNELS:
        pytest.skip("of other dtypes")
    element = dtype_of(draw, dtype)
    size = element.itemsize
    count = 30_000 if dtype == "FLOAT64" else 100_000
    far = {"offset": (2**34 - 1001,), "global_shape": (2**40,)}
    layouts = [
        (dense((count,), size), {}),
        (dense((count + 3,), size, lead=size), far),  # with a head and a tail
        (dense((300,), size, lead=size), {}),  # no pack is aligned
    ]
    run = set()
    for layout, block in layouts:
        device = interpreted(compiler, OLDEST, layout, element, method, *arguments, stream=2**63 + 5, **block)
        run |= device.executed[Kernel("range", draw, dtype, False).name]
        assert device.synchronized == []
    (program,) = device.programs.values()
    never = [program.code[at] for at in range(len(program.code)) if at not in run]
    assert never == [] or element == "c16"  # whose elements are as large, and aligned, as packs


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("architecture", [OLDEST, NEWER])
def test_ptx_of_every_form_writes_the_values_of_the_cpu(compiler, architecture, form, monkeypatch):
    kernels = sorted(kernel for kernel in KERNELS if kernel.form == form)
    if architecture == NEWER:  # where the values themselves come to the same instructions
        kernels = [kernel for kernel in kernels if kernel.draw in ("NORMAL", "TRUNCATED_TAIL", "CONSTANT")]
    device = Interpreter(architecture, [])
    allocate = Layout.in_memory

    def known_to_the_device(layout, dtype):
        memory, array = allocate(layout, dtype)
        device.arrays.append(memory)
        return memory, array

    monkeypatch.setattr(Layout, "in_memory", known_to_the_device)
    with use_driver(device, compiler):
        for kernel in kernels:
            device.arrays.clear()
            fill_kernel(kernel)
    assert {name for name, *_ in device.launches} == {kernel.name for kernel in kernels}


@pytest.mark.parametrize("architecture", [OLDEST, NEWER])
@pytest.mark.parametrize("dtype", FLOATS)
def test_ptx_keeps_nans_and_infinities_to_which_it_adds(compiler, architecture, dtype):
    element = ELEMENTS[dtype]
    words = {2: np.uint16, 4: np.uint32, 8: np.uint64}[element.itemsize]
    infinity = np.array(np.inf, element).view(words)
    sign = words(1) << words(element.itemsize * 8 - 1)
    before = np.zeros(64, words)
    before[:7] = [
        infinity,
        infinity | sign,
        infinity + 1,
        infinity | sign | 1,
        infinity | 3,
        words(sign - 1),
        ~words(0),
    ]
    out = np.concatenate([before, before[:7]])  # packs, and elements of their own
    device = Interpreter(architecture, [out.view(np.uint8)])
    with use_driver(device, compiler):
        fastinit.Generator(SEED).normal(OnDevice(out.view(element)), std=1e-3, accumulate=True)
    for after in (out[:64], out[64:]):
        assert np.array_equal(after[:2], before[:2])
        assert ((after[2:7] & ~sign) > infinity).all()
        assert ((after[7:] & ~sign) < infinity).all()


def test_ptx_of_random_regions_writes_the_values_of_the_cpu(compiler):
    rng = np.random.default_rng(5)
    for _ in range(40):
        name = rng.choice(["FLOAT32", "BFLOAT16"])
        element = ELEMENTS[name]
        axes = int(rng.integers(1, 5))
        shape = rng.choice([1, 2, 3, 5, 8, 33, 64], axes).tolist()
        if math.prod(shape) > 20_000:
            continue
        steps = rng.choice([1, 2, -1], axes).tolist()
        lead = int(rng.integers(0, 8)) * element.itemsize
        layout = dense(shape, element.itemsize, rng.permutation(axes).tolist(), steps, lead)
        offset = [int(rng.choice([0, 1, 2**20 + 1])) for _ in shape]
        block = {
            "offset": offset,
            "global_shape": [n + o + int(rng.choice([0, 3])) for n, o in zip(shape, offset, strict=True)],
        }
        if math.prod(block["global_shape"]) >= 2**63:
            continue
        both_ways = {"accumulate": bool(rng.integers(2)), "stream": int(rng.integers(0, 2**63)), **block}
        interpreted(compiler, OLDEST, layout, element, "normal", 0.5, 2.0, **both_ways)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("add.rn.f32", "sub.rn.f32"),
        ("xor.b32", "or.b32"),
        ("shr.u32", "shr.s32"),
        ("0f2F800000", "0f2F800001"),
        ("%ctaid.x", "%tid.x"),
    ],
)
def test_a_wrong_instruction_is_noticed(compiler, monkeypatch, right, wrong):
    made = Interpreter.load

    def load(device, number, image, name):
        assert right in image.decode()
        return made(device, number, image.decode().replace(right, wrong).encode(), name)

    monkeypatch.setattr(Interpreter, "load", load)
    with pytest.raises(AssertionError):
        interpreted(compiler, OLDEST, dense((5000,), 2), ELEMENTS["FLOAT16"], *("uniform", 0.1, 0.7))


# ---- The interpreter itself ------------------------------------------------------------------------------------------


def rounded(exact, dtype):
    """To nearest, ties to even, by integers alone."""
    info = np.finfo(dtype)
    if exact == 0:
        return dtype(0)
    numerator, denominator = abs(exact).numerator, exact.denominator
    exponent = numerator.bit_length() - denominator.bit_length()
    exponent -= abs(exact) < Fraction(2) ** exponent
    unit = Fraction(2) ** max(exponent - info.nmant, info.minexp - info.nmant)
    return dtype(float(round(exact / unit) * unit))


def hard_operands(dtype, rng, count):
    """Products and sums of them that nearly cancel, lie near the middle between two floats, or far apart."""
    digits = np.finfo(dtype).nmant + 1
    for _ in range(count):
        a, b = (dtype(math.ldexp(int(rng.integers(1, 2**digits)), int(rng.integers(-60, 0)))) for _ in range(2))
        share = dtype(rng.choice([0, 0.5, 1, 1.5, 2]) * 2.0 ** -int(rng.integers(digits - 3, 2 * digits + 4)))
        yield a, b, dtype(rng.choice([-a * b, a * b * share, -a * b * (dtype(1) + share), rng.normal()]))
        # An odd number of half units in the last place, and a little: ties that are none.
        one = dtype(1) + dtype(2 * int(rng.integers(2**10))) * np.finfo(dtype).eps
        yield one, one, dtype(rng.choice([-1, 1]) * 2.0 ** -int(rng.integers(digits, 2 * digits + 2)))


@pytest.mark.parametrize(("dtype", "fma"), [(np.float32, ptx.fma_f32), (np.float64, ptx.fma_f64)])
def test_fma_of_the_interpreter_rounds_once(dtype, fma):
    rows = list(hard_operands(dtype, np.random.default_rng(3), 3000))
    a, b, c = (np.array(column, dtype) for column in zip(*rows, strict=True))
    expected = [rounded(Fraction(float(x)) * Fraction(float(y)) + Fraction(float(z)), dtype) for x, y, z in rows]
    assert np.array_equal(fma(a, b, c), np.array(expected, dtype))
    assert (a * b + c != expected).any()  # which two roundings are not


def test_fma_of_the_interpreter_rounds_subnormal_numbers_once():
    rng = np.random.default_rng(4)
    a, b, c = ((rng.normal(size=3000) * 10.0**-exponent).astype("f4") for exponent in (20, 23, 43))
    rows = [[Fraction(float(x)) for x in row] for row in zip(a, b, c, strict=True)]
    expected = [rounded(x * y + z, np.float32) for x, y, z in rows]
    assert np.array_equal(ptx.fma_f32(a, b, c), np.array(expected, "f4"))


PROGRAM = """
.version 8.0
.target sm_75
.address_size 64
.global .align 4 .b8 CONSTANT[4] = {{1, 0, 0, 0}};
.visible .entry kernel(
.param .align 8 .b8 kernel_param_0[8]
)
.maxntid 32, 1, 1
{{
.reg .b32 %r<9>;
.reg .f32 %f<9>;
.reg .b64 %rd<9>;
mov.u32 %r1, %tid.x;
mov.f32 %f1, 0f3F800000;
ld.param.u64 %rd1, [kernel_param_0];
mul.wide.u32 %rd2, %r1, 4;
add.s64 %rd3, %rd1, %rd2;
mov.u64 %rd4, CONSTANT;
{line}
ret;
}}
"""


def run_line(line, threads=8):
    """Threads that may write to 32 bytes: the words that are there then."""
    words = np.zeros(8, np.uint32)
    memory = ptx.Memory()
    memory.add(words.ctypes.data, words.view(np.uint8), writable=True)
    program = ptx.Program(PROGRAM.format(line=line))
    program.run(1, threads, [np.array([words.ctypes.data], np.uint64).tobytes()], memory)
    return words.tolist()


def test_interpreter_runs_all_threads():
    assert run_line("st.global.u32 [%rd3], %r1;") == list(range(8))
    assert run_line("ld.global.nc.u32 %r2, [%rd4]; st.global.u32 [%rd1], %r2;".replace("; ", ";\n"), 1)[0] == 1


@pytest.mark.parametrize(
    "line",
    [
        "ex2.approx.f32 %f2, %f1;",
        "fma.rn.ftz.f32 %f2, %f1, %f1, %f1;",
        "add.f32 %f2, %f1, %f1;",
        "ld.local.u32 %r2, [%rd1];",
        "call.uni (%r2), helper, (%r1);",
        ".local .align 4 .b8 depot[16];",
        "bar.sync 0;",
    ],
)
def test_interpreter_refuses_what_kernels_do_not_consist_of(line):
    with pytest.raises(NotImplementedError):
        run_line(line)
    assert check_compile.wrong_in_ptx(PROGRAM.format(line=line))
    assert not check_compile.wrong_in_ptx(PROGRAM.format(line=""))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("st.global.u32 [%rd3+4], %r1;", "beyond the end of memory"),
        ("st.global.u32 [%rd3+-4], %r1;", "end of memory|before all memory"),
        ("st.global.u32 [%rd3+2], %r1;", "not aligned"),
        ("st.global.v2.u32 [%rd3], {%r1, %r1};", "not aligned"),
        ("st.global.u32 [%rd1], %r1;", "written twice"),
        ("st.global.u32 [%rd3], %r1;\nst.global.u16 [%rd3], %r1;", "written twice"),
        ("st.global.u32 [%rd4], %r1;", "a store to constants"),
        ("shl.b32 %r2, %r1, 32;", "a shift by all bits"),
        ("mov.u64 %rd4, %r1;", "%r1 read as u64"),
    ],
)
def test_interpreter_refuses_what_would_be_wrong_on_a_device(line, said):
    with pytest.raises(AssertionError, match=said):
        run_line(line)


# ---- What tests/gpu/check_compile.py checks --------------------------------------------------------------------------

SOME = [
    Kernel("range", "NORMAL", "FLOAT32", False),
    Kernel("blocks", "UNIFORM", "BFLOAT16", True),
    Kernel("ranges", "NORMAL_PAIRED", "FLOAT64", False),
    Kernel("constant", "CONSTANT", "BYTES2", False),
]


@pytest.fixture(scope="module")
def host():
    if shutil.which("cc") is None:
        pytest.skip("there is no cc, which tells the sizes of the host's structures")
    return check_compile.host_parameters()


@pytest.mark.parametrize("kernel", SOME, ids=lambda kernel: kernel.name)
@pytest.mark.parametrize("architecture", ["sm_75", "sm_90"])
def test_kernels_compile_to_exact_and_rounded_instructions_without_spills(compiler, host, kernel, architecture):
    made = check_compile.compiled(kernel, architecture, host)
    assert made.wrong == []
    assert 10 < made.registers <= check_compile.MOST_REGISTERS
    assert made.spilled == 0


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ("__fadd_rn(a, b)", "a + b", "something that may be contracted"),
        ("__fsqrt_rn(a)", "__frsqrt_rn(a) * a", "the instruction rsqrt.approx"),
        ("__fdiv_rn(a, b)", "__fdividef(a, b)", "the instruction div.approx.f32"),
    ],
)
def test_source_that_rounds_otherwise_is_noticed(compiler, host, right, wrong, said):
    sources = package_sources()
    assert right in sources["gpu/lanes.h"]
    sources["gpu/lanes.h"] = sources["gpu/lanes.h"].replace(right, wrong)
    kernel = Kernel("range", "TRUNCATED_WIDE", "FLOAT32", False)
    assert any(said in text for text in check_compile.compiled(kernel, "sm_75", host, sources=sources).wrong)


def test_parameters_of_another_size_are_noticed(compiler, host):
    other = {key: [(size + 8, alignment) for size, alignment in sizes] for key, sizes in host.items()}
    (wrong,) = check_compile.compiled(SOME[0], "sm_75", other).wrong
    assert "bytes and alignments, of the host" in wrong


LOG = (
    "{} bytes stack frame, {} bytes spill stores, {} bytes spill loads\nptxas info : Used {} registers, used 0 barriers"
)


@pytest.mark.parametrize(
    ("draw", "numbers", "wrong"),
    [
        ("NORMAL", (0, 0, 0, 30), []),
        ("NORMAL", (8, 4, 16, 30), ["8 bytes of stack, 4 and 16 bytes of registers spilled and loaded again"]),
        ("NORMAL", (0, 0, 0, 98), ["98 registers"]),
        ("TRUNCATED_TAIL", (8, 16, 16, 32), []),
        (
            "TRUNCATED_TAIL",
            (8, 20, 16, 32),
            ["8 bytes of stack, 20 and 16 bytes of registers spilled and loaded again"],
        ),
    ],
)
def test_spilled_and_many_registers_are_noticed(draw, numbers, wrong):
    kernel = Kernel("range", draw, "FLOAT16", True)
    assert check_compile.read_log(kernel, LOG.format(*numbers)) == (numbers[3], numbers[1], wrong)


def test_a_log_that_says_nothing_is_noticed():
    assert check_compile.read_log(SOME[0], "")[2] == ["nothing about its registers in NVRTC's log: "]
