# cython: language_level=3, binding=True, embedsignature=False, boundscheck=False, wraparound=False, cdivision=True
"""The Cython layer: checks arguments, holds Generator, releases the GIL. The values are made in fill.c."""

import functools
import os

import numpy

cimport cython
cimport numpy as cnp
from cpython.exc cimport PyErr_CheckSignals
from cpython.float cimport PyFloat_AS_DOUBLE, PyFloat_AsDouble, PyFloat_CheckExact
from cpython.long cimport PyLong_AsLongAndOverflow, PyLong_AsLongLongAndOverflow, PyLong_CheckExact
from cpython.number cimport PyNumber_Index
from libc.math cimport INFINITY, isfinite
from libc.stdint cimport uint32_t, uint64_t
from libc.time cimport CLOCKS_PER_SEC, clock, clock_t

cnp.import_array()

cdef extern from "fastinit.h" nogil:
    enum: FASTINIT_STREAM_VERSION
    ctypedef enum fi_draw:
        FI_BITS
    ctypedef enum fi_dtype:
        FI_UINT32, FI_UINT64, FI_FLOAT32, FI_FLOAT64, FI_FLOAT16, FI_BFLOAT16
    ctypedef struct fi_kernels:
        pass
    ctypedef struct fi_fill:
        fi_draw draw
        fi_dtype dtype
        int accumulate
        uint64_t seed, stream
    int fi_set_uniform(fi_fill *fill, double low, double high)
    int fi_set_normal(fi_fill *fill, double mean, double std)
    int fi_set_truncated_normal(fi_fill *fill, double mean, double std, double low, double high)
    double fi_normal_reach(fi_dtype dtype)
    double fi_he_std(double fan, double negative_slope)
    void fi_fill_range(const fi_kernels *kernels, const fi_fill *fill, uint64_t first, size_t count, void *out)
    void fi_philox_block(const fi_kernels *kernels, const uint32_t *counter, const uint32_t *key, uint32_t *words)
    const fi_kernels *fi_kernels_at(size_t i)
    const char *fi_kernels_name(const fi_kernels *kernels)
    const char *fi_cpu_feature_at(size_t i)

cdef extern from "softfloat.h":
    float fi_soft_fmaf(float a, float b, float c)
    double fi_soft_fma(double a, double b, double c)

cdef extern from "numpy/arrayobject.h":
    enum: NPY_USERDEF

cdef extern from *:
    """
    #define FASTINIT_TEXT_(a) #a
    #define FASTINIT_TEXT(a) FASTINIT_TEXT_(a)
    static const char *fastinit_version = FASTINIT_TEXT(FASTINIT_VERSION);
    #if defined(__clang__)
    static const char *fastinit_compiler = "Clang " __clang_version__;
    #elif defined(__GNUC__)
    static const char *fastinit_compiler = "GCC " __VERSION__;
    #elif defined(_MSC_VER)
    static const char *fastinit_compiler = "MSVC " FASTINIT_TEXT(_MSC_VER);
    #else
    static const char *fastinit_compiler = "unknown";
    #endif
    """
    const char *fastinit_version
    const char *fastinit_compiler

version = fastinit_version.decode()
compiler = fastinit_compiler.decode().strip()
STREAM_VERSION = FASTINIT_STREAM_VERSION


# ---- The kernels -----------------------------------------------------------------------------------------------------

def available_kernels():
    """The names of the kernels that this CPU can run, fastest first; all give the same bits."""
    names = []
    while fi_kernels_at(len(names)) is not NULL:
        names.append(fi_kernels_name(fi_kernels_at(len(names))).decode())
    return names


def cpu_features():
    """The instruction set extensions of this CPU that the choice of kernels rests on."""
    names = []
    while fi_cpu_feature_at(len(names)) is not NULL:
        names.append(fi_cpu_feature_at(len(names)).decode())
    return names


cdef const fi_kernels *find_kernels(str name) except NULL:
    names = available_kernels()
    if name not in names:
        raise ValueError(f"{name!r} names no kernels that this machine can run; it can run {', '.join(names)}")
    return fi_kernels_at(names.index(name))


cdef const fi_kernels *kernels_from_environment() except NULL:
    forced = os.environ.get("FASTINIT_SIMD")
    try:
        return find_kernels(forced) if forced else fi_kernels_at(0)
    except ValueError as error:
        raise ImportError(f"FASTINIT_SIMD={error}") from None


cdef const fi_kernels *kernels = kernels_from_environment()
simd = fi_kernels_name(kernels).decode()


# ---- The array -------------------------------------------------------------------------------------------------------

cdef int bfloat16_type_number = -1  # ml_dtypes registers its type with NumPy at import, under a number of its own

cdef bint is_bfloat16(cnp.ndarray array):
    global bfloat16_type_number
    cdef int number = cnp.PyArray_TYPE(array)
    if number == bfloat16_type_number:
        return True
    if number < NPY_USERDEF or array.dtype.name != "bfloat16":
        return False
    bfloat16_type_number = number
    return True


cdef int dtype_of(cnp.ndarray array):
    """The fi_dtype of an array, or -1."""
    cdef int number = cnp.PyArray_TYPE(array)
    cdef Py_ssize_t size = cnp.PyArray_ITEMSIZE(array)
    if number == cnp.NPY_FLOAT32:
        return FI_FLOAT32
    if number == cnp.NPY_FLOAT64:
        return FI_FLOAT64
    if number == cnp.NPY_FLOAT16:
        return FI_FLOAT16
    # C has more than one unsigned type of a size.
    if cnp.PyTypeNum_ISUNSIGNED(number) and size == 4:
        return FI_UINT32
    if cnp.PyTypeNum_ISUNSIGNED(number) and size == 8:
        return FI_UINT64
    if is_bfloat16(array):
        return FI_BFLOAT16
    return -1


cdef cnp.ndarray checked_array(object out, fi_fill *fill, bint of_words=False):
    """out as an array that a draw, or bits, can fill; sets fill.dtype."""
    cdef int plain = cnp.NPY_ARRAY_C_CONTIGUOUS | cnp.NPY_ARRAY_ALIGNED | cnp.NPY_ARRAY_WRITEABLE
    if not cnp.PyArray_Check(out):
        raise TypeError(f"out must be a NumPy array, not {type(out).__name__}")
    cdef cnp.ndarray array = <cnp.ndarray>out
    cdef int dtype = dtype_of(array)
    if dtype < 0 or (dtype <= FI_UINT64) != of_words:
        accepted = "uint32, uint64" if of_words else "float32, float64, float16, bfloat16 (of ml_dtypes)"
        raise TypeError(f"out has dtype {array.dtype}; accepted are {accepted}")
    if cnp.PyArray_ISBYTESWAPPED(array):
        raise TypeError(f"out has dtype {array.dtype.str!r}, byte-swapped; accepted is the machine's byte order")
    if cnp.PyArray_FLAGS(array) & plain != plain:
        raise_for_layout(array)
    fill.dtype = <fi_dtype>dtype
    return array


cdef int raise_for_layout(cnp.ndarray array) except -1:
    cdef int axis
    cdef str layout = f"shape={(<object>array).shape} and strides={(<object>array).strides}"
    if not cnp.PyArray_FLAGS(array) & cnp.NPY_ARRAY_WRITEABLE:
        raise ValueError("out is read-only; a writeable array is accepted")
    for axis in range(cnp.PyArray_NDIM(array)):
        if cnp.PyArray_STRIDE(array, axis) == 0 and cnp.PyArray_DIM(array, axis) > 1:
            raise ValueError(
                f"out with {layout} overlaps itself; accepted are arrays whose elements each have their own memory"
            )
    raise NotImplementedError(
        f"out with {layout} is not C-contiguous and aligned; other layouts are not supported yet. Fill a contiguous "
        "array and copy it."
    )


# ---- The numbers -----------------------------------------------------------------------------------------------------

cdef inline double number(str name, object value) except? -1.0:
    if PyFloat_CheckExact(value):
        return PyFloat_AS_DOUBLE(value)
    cdef long small
    cdef int overflow
    if PyLong_CheckExact(value):
        small = PyLong_AsLongAndOverflow(value, &overflow)
        if not overflow:
            return <double>small
    return converted(name, value)


cdef double converted(str name, object value) except? -1.0:
    try:
        return PyFloat_AsDouble(value)
    except TypeError:
        raise TypeError(f"{name} must be a number, not {type(value).__name__}") from None
    except OverflowError:
        raise ValueError(f"{name} is too large for a double") from None


cdef uint64_t integer_below(
    str name, object value, object end, str end_text, str accepted_type="an integer"
) except? 0:
    """value as an integer in [0, end); a bool is none."""
    integer = None
    if not isinstance(value, (bool, numpy.bool_)):
        try:
            integer = PyNumber_Index(value)
        except TypeError:
            pass
    if integer is None:
        raise TypeError(f"{name} must be {accepted_type}, not {type(value).__name__}")
    if not 0 <= integer < end:
        raise ValueError(f"{name}={integer} is out of range; accepted is 0 <= {name} < {end_text}")
    return integer


cdef str dtype_name(fi_dtype dtype):
    return ("uint32", "uint64", "float32", "float64", "float16", "bfloat16")[<int>dtype]


cdef int set_uniform(fi_fill *fill, double low, double high) except -1:
    if fi_set_uniform(fill, low, high):
        raise ValueError(
            f"low={low}, high={high}: accepted are finite numbers with low <= high whose values and difference do not "
            f"overflow {dtype_name(fill.dtype)}"
        )
    return 0


cdef int set_normal(fi_fill *fill, double mean, double std) except -1:
    if fi_set_normal(fill, mean, std):
        raise ValueError(
            f"mean={mean}, std={std}: accepted are finite numbers with std >= 0 whose draws, up to "
            f"{fi_normal_reach(fill.dtype)} standard deviations from the mean, do not overflow {dtype_name(fill.dtype)}"
        )
    return 0


cdef int set_truncated_normal(fi_fill *fill, double mean, double std, double low, double high) except -1:
    if not (low <= high and low < INFINITY and high > -INFINITY):
        raise ValueError(
            f"low={low}, high={high}: accepted are bounds in standard deviations with low <= high, low < inf, high > -inf"
        )
    if fi_set_truncated_normal(fill, mean, std, low, high):
        raise ValueError(
            f"mean={mean}, std={std}, low={low}, high={high}: accepted are a finite mean and std >= 0 whose draws do not "
            f"overflow {dtype_name(fill.dtype)}"
        )
    return 0


cdef double positive(str name, object value) except? -1.0:
    cdef double x = number(name, value)
    if not (x > 0 and isfinite(x)):
        raise ValueError(f"{name}={value!r}; accepted is a positive finite number")
    return x


# ---- The stream ------------------------------------------------------------------------------------------------------

_SEED_END = 1 << 64
_STREAM_END = 1 << 63


cdef uint64_t next_unnamed_stream(object stream) except? 0:
    """As the counter holds it: 2**63 means that all are used up."""
    return integer_below("stream", stream, _STREAM_END + 1, "2**63 + 1")


@functools.lru_cache(maxsize=65536)
def _stream_of_name(name):
    try:
        encoded = name.encode()
    except UnicodeEncodeError:
        raise ValueError(f"stream={name!r} cannot be encoded as UTF-8") from None
    import hashlib  # takes milliseconds, which a program that names no stream should not pay for at import

    digest = hashlib.blake2b(encoded, digest_size=8).digest()
    return _STREAM_END + int.from_bytes(digest, "little") % _STREAM_END


cdef uint64_t explicit_stream(object stream) except? 0:
    cdef long long small
    cdef int overflow
    if PyLong_CheckExact(stream):
        small = PyLong_AsLongLongAndOverflow(stream, &overflow)
        if small >= 0 and not overflow:
            return <uint64_t>small
    if isinstance(stream, str):
        return _stream_of_name(stream)
    return integer_below("stream", stream, _STREAM_END, "2**63", "an integer or a name (a string)")


# ---- The fill --------------------------------------------------------------------------------------------------------

cdef enum:
    RELEASE_GIL_FROM = 1 << 15  # elements: ten microseconds and more of work
    CHUNK = 1 << 16  # elements between two looks at the clock: some hundredths of a second with the slowest kernels

cdef int run_fill(const fi_kernels *with_kernels, const fi_fill *fill, uint64_t first, cnp.ndarray array) except -1:
    cdef size_t count = <size_t>cnp.PyArray_SIZE(array), done = 0, part
    cdef Py_ssize_t size = cnp.PyArray_ITEMSIZE(array)
    cdef char *data = <char *>cnp.PyArray_DATA(array)
    cdef clock_t began
    if count < RELEASE_GIL_FROM:
        fi_fill_range(with_kernels, fill, first, count, data)
        return 0
    while done < count:
        with nogil:
            began = clock()
            while done < count and clock() - began < CLOCKS_PER_SEC / 10:
                part = count - done if count - done < CHUNK else <size_t>CHUNK
                fi_fill_range(with_kernels, fill, first + done, part, data + done * size)
                done += part
        PyErr_CheckSignals()  # what is written so far is right
    return 0


# ---- For tests: the core below Generator -----------------------------------------------------------------------------

def fill_range(str kernels_name, str draw, out, first, seed, stream, a=0.0, b=1.0, bint accumulate=False, bounds=None):
    """
    Writes elements first, first + 1, ... of a tensor to out with the named kernels.

    draw is "bits", "uniform" (a, b are low, high), "normal" (mean, std) or "truncated_normal" (mean, std, and bounds in
    standard deviations); stream is the number itself.
    """
    cdef fi_fill fill
    cdef cnp.ndarray array = checked_array(out, &fill, draw == "bits")
    if draw == "bits":
        fill.draw = FI_BITS
    elif draw == "uniform":
        set_uniform(&fill, a, b)
    elif draw == "normal":
        set_normal(&fill, a, b)
    elif draw == "truncated_normal":
        low, high = bounds
        set_truncated_normal(&fill, a, b, low, high)
    else:
        raise ValueError(f"{draw!r} names no draw")
    fill.accumulate = accumulate
    fill.seed = seed
    fill.stream = stream
    run_fill(find_kernels(kernels_name), &fill, first, array)
    return out


def philox_block(str kernels_name, counter, key):
    """The four words of a counter of four words and a key of two."""
    cdef uint32_t c[4]
    cdef uint32_t k[2]
    cdef uint32_t words[4]
    c[0], c[1], c[2], c[3] = counter
    k[0], k[1] = key
    fi_philox_block(find_kernels(kernels_name), c, k, words)
    return words[0], words[1], words[2], words[3]


def soft_fma(double a, double b, double c):
    """fma(a, b, c) as the portable kernels do it on a CPU that cannot."""
    return fi_soft_fma(a, b, c)


def soft_fmaf(float a, float b, float c):
    """fma(a, b, c) in float32, likewise."""
    return fi_soft_fmaf(a, b, c)


# ---- Generator -------------------------------------------------------------------------------------------------------

@cython.final
cdef class Generator:
    """
    Generator(seed=None, stream=0)

    Fills arrays with values that depend on (seed, stream, index) and on nothing else.

    Every fill takes one stream. A fill that is given no stream takes the generator's next one: ``stream``,
    ``stream + 1``, ... in turn, whatever the size of the arrays. A fill with ``stream=3`` or ``stream="fc1.weight"``
    addresses that stream and leaves the counter alone.

    Parameters
    ----------
    seed : int, optional
        In [0, 2**64). Left out: 64 bits from the operating system.
    stream : int, optional
        The next unnamed stream, in [0, 2**63].

    Raises
    ------
    TypeError, ValueError
        If seed or stream is not an integer (a bool is not one) or out of range.

    Notes
    -----
    The bits are Philox4x32-10 (Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC'11);
    the stream contract in docs/stream.md says how they become values.

    A generator can be pickled, copied and shared by threads: no two fills get the same unnamed stream. A forked process
    inherits a copy, and so draws what its parent draws.

    Examples
    --------
    >>> import numpy as np, fastinit
    >>> g = fastinit.Generator(42)
    >>> g.normal(np.empty(3, np.float32))
    array([-0.9701898 ,  0.19401895, -1.2356209 ], dtype=float32)
    >>> g
    Generator(seed=42, stream=1)
    """

    cdef uint64_t _seed, _stream
    cdef bint _from_entropy

    def __init__(self, seed=None, stream=0):
        cdef uint64_t next_stream = next_unnamed_stream(stream)
        self.reseed(seed)
        self._stream = next_stream

    def reseed(self, seed=None):
        """
        Starts again at stream 0 with another seed.

        Parameters
        ----------
        seed : int, optional
            In [0, 2**64). Left out: 64 bits from the operating system.
        """
        cdef bint from_entropy = seed is None
        cdef uint64_t value
        if from_entropy:
            value = int.from_bytes(os.urandom(8), "little")
        else:
            value = integer_below("seed", seed, _SEED_END, "2**64")
        with cython.critical_section(self):
            self._seed = value
            self._stream = 0
            self._from_entropy = from_entropy

    def _after_fork_in_child(self):
        if self._from_entropy:
            self.reseed()

    @property
    def seed(self):
        """The seed, an integer in [0, 2**64)."""
        return self._seed

    @property
    def stream(self):
        """The next unnamed stream, an integer in [0, 2**63]; it can be set."""
        return self._stream

    @stream.setter
    def stream(self, value):
        cdef uint64_t next_stream = next_unnamed_stream(value)
        with cython.critical_section(self):
            self._stream = next_stream

    @property
    def state(self):
        """The whole state, as a dictionary of "seed" and "stream"; it can be set to one."""
        with cython.critical_section(self):
            seed, stream = self._seed, self._stream
        return {"seed": seed, "stream": stream}

    @state.setter
    def state(self, value):
        if not isinstance(value, dict) or value.keys() != {"seed", "stream"}:
            raise ValueError(f"state={value!r}; accepted is a dictionary of 'seed' and 'stream'")
        cdef uint64_t seed = integer_below("seed", value["seed"], _SEED_END, "2**64")
        cdef uint64_t stream = next_unnamed_stream(value["stream"])
        with cython.critical_section(self):
            self._seed = seed
            self._stream = stream
            self._from_entropy = False

    def __reduce__(self):
        state = self.state
        return Generator, (state["seed"], state["stream"])

    def __repr__(self):
        return "Generator(seed={seed}, stream={stream})".format(**self.state)

    cdef int take_stream(self, object stream, fi_fill *fill) except -1:
        """The fill's seed and stream: the last step before the first byte, so that a refused fill takes no stream."""
        if stream is not None:
            fill.stream = explicit_stream(stream)
            fill.seed = self._seed
            return 0
        with cython.critical_section(self):
            if self._stream >= <uint64_t>1 << 63:
                raise ValueError("all 2**63 unnamed streams are used up; reseed the generator")
            fill.seed = self._seed
            fill.stream = self._stream
            self._stream += 1
        return 0

    cdef object finish(self, fi_fill *fill, cnp.ndarray array, object stream, bint accumulate):
        """Runs a fill whose draw and constants are set."""
        fill.accumulate = accumulate
        self.take_stream(stream, fill)
        run_fill(kernels, fill, 0, array)
        return array

    cdef object fill_normal(self, object out, double mean, double std, object stream, bint accumulate):
        cdef fi_fill fill
        cdef cnp.ndarray array = checked_array(out, &fill)
        set_normal(&fill, mean, std)
        return self.finish(&fill, array, stream, accumulate)

    def bits(self, out, *, stream=None):
        """
        Fills an array with random bits: uniform integers.

        Parameters
        ----------
        out : numpy.ndarray
            Of any shape, of dtype uint32 or uint64; C-contiguous.
        stream : int or str, optional
            The stream: an integer in [0, 2**63) or a name. Left out: the generator's next one.

        Returns
        -------
        numpy.ndarray
            out.

        Raises
        ------
        TypeError, ValueError
            If an argument is not as above; nothing is written and no stream is taken then.

        Notes
        -----
        uint32: the outputs of Philox4x32-10 (Salmon et al., SC'11) in turn. uint64: pairs of them, the first one low.

        Examples
        --------
        >>> import numpy as np, fastinit
        >>> fastinit.Generator(0).bits(np.empty(2, np.uint32))
        array([1713891541, 3781805453], dtype=uint32)
        """
        cdef fi_fill fill
        cdef cnp.ndarray array = checked_array(out, &fill, True)
        fill.draw = FI_BITS
        return self.finish(&fill, array, stream, False)

    def uniform(self, out, low=0.0, high=1.0, *, stream=None, bint accumulate=False):
        """
        Fills an array with uniform draws: U[low, high).

        Parameters
        ----------
        out : numpy.ndarray
            Of any shape, of dtype float32, float64, float16 or bfloat16 (of ml_dtypes); C-contiguous.
        low, high : float
            The interval: low <= high, finite in the array's dtype, and so is high - low in float32 (float64 for
            float64). low == high gives low everywhere.
        stream : int or str, optional
            The stream: an integer in [0, 2**63) or a name. Left out: the generator's next one.
        accumulate : bool
            Add the draws to what is there.

        Returns
        -------
        numpy.ndarray
            out.

        Raises
        ------
        TypeError, ValueError
            If an argument is not as above; nothing is written and no stream is taken then.

        Notes
        -----
        x = fma(u, high - low, low), with u a multiple of 2**-24 (float64: 2**-53) in [0, 1). x never reaches high; the
        rounding of x to a 16-bit dtype may.

        Examples
        --------
        >>> import numpy as np, fastinit
        >>> fastinit.Generator(42).uniform(np.empty(3, np.float32), -1, 1)
        array([ 0.22591972, -0.06282699, -0.8535366 ], dtype=float32)
        """
        cdef fi_fill fill
        cdef cnp.ndarray array = checked_array(out, &fill)
        set_uniform(&fill, number("low", low), number("high", high))
        return self.finish(&fill, array, stream, accumulate)

    def normal(self, out, mean=0.0, std=1.0, *, stream=None, bint accumulate=False):
        """
        Fills an array with normal draws: N(mean, std**2).

        Parameters
        ----------
        out : numpy.ndarray
            Of any shape, of dtype float32, float64, float16 or bfloat16 (of ml_dtypes); C-contiguous.
        mean, std : float
            Finite, std >= 0, and no draw may overflow the array's dtype: abs(mean) + 6.77 std (float64: 8.66 std) is
            finite in it.
        stream : int or str, optional
            The stream: an integer in [0, 2**63) or a name. Left out: the generator's next one.
        accumulate : bool
            Add the draws to what is there: ``out += std * z`` without a second buffer.

        Returns
        -------
        numpy.ndarray
            out.

        Raises
        ------
        TypeError, ValueError
            If an argument is not as above; nothing is written and no stream is taken then.

        Notes
        -----
        x = fma(z, std, mean), with z from the Box-Muller transform (Box and Muller, "A note on the generation of random
        normal deviates", 1958): z[2p] = r cos(theta), z[2p + 1] = r sin(theta), r = sqrt(-2 ln u1), theta = 2 pi u2.
        The tail reaches 6.76 standard deviations in float32, 8.65 in float64.

        Examples
        --------
        >>> import numpy as np, fastinit
        >>> w = np.ones(3, np.float32)
        >>> fastinit.Generator(42).normal(w, std=1e-3, accumulate=True)
        array([0.9990298, 1.0001941, 0.9987644], dtype=float32)
        """
        return self.fill_normal(out, number("mean", mean), number("std", std), stream, accumulate)

    def he_normal(self, out, fan_in, negative_slope=0.0, *, stream=None, bint accumulate=False):
        """
        Fills an array for layers with ReLU or leaky ReLU: N(0, 2 / ((1 + negative_slope**2) fan_in)).

        Parameters
        ----------
        out : numpy.ndarray
            Of any shape, of dtype float32, float64, float16 or bfloat16 (of ml_dtypes); C-contiguous.
        fan_in : float
            Inputs a unit; positive and finite. fan_out here keeps the variance of the gradients instead.
        negative_slope : float
            Slope of the rectifier below zero; 0 for ReLU.
        stream : int or str, optional
            The stream: an integer in [0, 2**63) or a name. Left out: the generator's next one.
        accumulate : bool
            Add the draws to what is there.

        Returns
        -------
        numpy.ndarray
            out.

        Raises
        ------
        TypeError, ValueError
            If an argument is not as above; nothing is written and no stream is taken then.

        Notes
        -----
        Exactly ``normal(out, 0.0, sqrt(2 / ((1 + negative_slope**2) * fan_in)))``, bit for bit. Source: He, Zhang, Ren
        and Sun, "Delving deep into rectifiers", ICCV 2015, equations 10 and 15.

        Examples
        --------
        >>> import numpy as np, fastinit
        >>> w = np.empty((2, 784), np.float32)
        >>> fastinit.Generator(42).he_normal(w, 784)[:, :2]
        array([[-0.04900198,  0.00979944],
               [-0.11546963,  0.05013118]], dtype=float32)
        """
        cdef double fan = positive("fan_in", fan_in), slope = number("negative_slope", negative_slope)
        if not isfinite(slope):
            raise ValueError(f"negative_slope={slope}; accepted is a finite number")
        return self.fill_normal(out, 0.0, fi_he_std(fan, slope), stream, accumulate)
