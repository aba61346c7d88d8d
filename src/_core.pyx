# cython: language_level=3, binding=True, embedsignature=False, cdivision=True, freethreading_compatible=True
"""The Cython layer: checks arguments, holds Generator, releases the GIL. The values are made in the C files beside."""

import collections
import copyreg
import functools
import math
import os
import re
import warnings

import numpy

cimport cython
cimport numpy as cnp
from cpython.bool cimport PyBool_Check
from cpython.complex cimport PyComplex_ImagAsDouble, PyComplex_RealAsDouble
from cpython.exc cimport PyErr_CheckSignals
from cpython.float cimport PyFloat_AS_DOUBLE, PyFloat_AsDouble, PyFloat_Check
from cpython.long cimport PyLong_AsLongAndOverflow, PyLong_AsLongLongAndOverflow, PyLong_CheckExact
from cpython.number cimport PyNumber_Index
from cpython.object cimport PyObject, PyTypeObject
from cpython.pycapsule cimport PyCapsule_New
from cpython.ref cimport Py_INCREF
from cpython.unicode cimport PyUnicode_CheckExact, PyUnicode_FromObject, PyUnicode_KIND
from libc.math cimport INFINITY
from libc.stddef cimport ptrdiff_t
from libc.stdint cimport uint32_t, uint64_t, uintptr_t
from libc.string cimport memcmp, strcmp, strrchr

cnp.import_array()

cdef extern from "numpy/arrayobject.h":
    object PyArray_NewFromDescr(
        PyTypeObject *subtype, cnp.dtype descr, int axes, const cnp.npy_intp *shape, const cnp.npy_intp *strides,
        void *data, int flags, PyObject *like
    )

cdef extern from "core.h" nogil:
    enum: FASTINIT_STREAM_VERSION
    ctypedef enum fi_dtype:
        FI_UINT32, FI_UINT64, FI_FLOAT32, FI_FLOAT64, FI_FLOAT16, FI_BFLOAT16
    ctypedef struct fi_value:
        pass
    ctypedef struct fi_kernels:
        pass
    ctypedef struct fi_fill:
        fi_dtype dtype
        int accumulate
        uint64_t seed, stream
        double scale
        fi_value value
    void fi_set_bits(fi_fill *fill)
    int fi_set_uniform(fi_fill *fill, double low, double high)
    int fi_set_normal(fi_fill *fill, double mean, double std)
    int fi_set_complex_normal(fi_fill *fill, double real, double imaginary, double std)
    int fi_set_truncated_normal(fi_fill *fill, double mean, double std, double low, double high)
    fi_value fi_value_of(const void *bytes, size_t size)
    void fi_set_value(fi_fill *fill, const void *bytes, size_t size)
    void fi_fill_constant(const fi_value *value, size_t count, void *out)
    double fi_normal_reach(fi_dtype dtype)
    ctypedef enum fi_fan_mode:
        FI_FAN_IN, FI_FAN_OUT, FI_FAN_SUM, FI_FAN_AVERAGE, FI_FAN_GEOMETRIC
    ctypedef enum fi_scheme_draw:
        FI_SCHEME_UNIFORM, FI_SCHEME_NORMAL, FI_SCHEME_TRUNCATED
    ctypedef struct fi_scheme:
        fi_fan_mode mode
        double fan_in, fan_out, scale, gain, negative_slope
    double fi_scheme_parameter(const fi_scheme *scheme, fi_scheme_draw draw)
    int fi_set_scheme(fi_fill *fill, const fi_scheme *scheme, fi_scheme_draw draw)
    void fi_fill_range(const fi_kernels *kernels, const fi_fill *fill, uint64_t first, size_t count, void *out)
    enum: FI_AXES_MAX, FI_THREADS_MAX
    ctypedef struct fi_axis:
        pass
    ctypedef struct fi_region:
        uint64_t first
    void fi_set_region(
        fi_region *region, fi_dtype dtype, void *data, int axes, const ptrdiff_t *shape, const ptrdiff_t *strides,
        const uint64_t *offset, const uint64_t *global_shape, fi_axis *axis
    )
    enum: FI_MARKS_MAX
    ctypedef struct fi_mark_set:
        char *data
        size_t size[2]
        ptrdiff_t stride[2]
    ctypedef struct fi_marks:
        fi_value value
        int sets
        fi_mark_set set[FI_MARKS_MAX]
    void fi_set_constant_region(
        fi_region *region, size_t size, void *data, int axes, const ptrdiff_t *shape, const ptrdiff_t *strides,
        const fi_marks *marks, fi_axis *axis
    )
    ctypedef struct fi_task:
        fi_fill fill
        fi_region region
    ctypedef struct fi_work:
        size_t element_count
    void fi_set_work(fi_work *work, const fi_kernels *kernels, fi_task *tasks, size_t count)
    int fi_do_work(fi_work *work, double seconds)
    int fi_threads()
    void fi_set_threads(int threads)
    void fi_philox_block(const fi_kernels *kernels, const uint32_t *counter, const uint32_t *key, uint32_t *words)
    const fi_kernels *fi_kernels_at(size_t i)
    const char *fi_kernels_name(const fi_kernels *kernels)
    const char *fi_cpu_feature_at(size_t i)
    const void *fi_api(const fi_kernels *kernels)

cdef extern from "overlap.h" nogil:
    ctypedef struct fi_extent:
        const void *data
        size_t item
        int axes
        const ptrdiff_t *shape
        const ptrdiff_t *strides
    int fi_overlaps_itself(const fi_extent *array)
    ctypedef struct fi_overlap:
        size_t first, second, memory, work
    int fi_find_overlap(const fi_extent *arrays, size_t count, void *memory, size_t size, fi_overlap *found)
    size_t fi_overlap_memory(size_t count)

cdef extern from "softfloat.h":
    float fi_soft_fmaf(float a, float b, float c)
    double fi_soft_fma(double a, double b, double c)

cdef extern from "fpenv.h":
    ctypedef struct fi_whole_fpenv:
        pass
    void fi_whole_fpenv_enter(fi_whole_fpenv *caller) noexcept
    void fi_whole_fpenv_leave(const fi_whole_fpenv *caller) noexcept

cdef extern from "numpy/arrayobject.h":
    enum: NPY_USERDEF
    bint PyArray_IsIntegerScalar(object value) noexcept  # a bool of Python's, too

# By their bits: comparisons of doubles flush subnormal numbers to zero, or trap, if the caller's environment says so.
cdef extern from *:
    """
    #include <stdint.h>
    #include <string.h>

    static int64_t bits_of(double x) {
        int64_t bits;
        memcpy(&bits, &x, sizeof bits);
        return bits;
    }

    static int is_nan(double x) { return (bits_of(x) & INT64_MAX) > INT64_C(0x7FF) << 52; }

    static int is_finite(double x) { return (bits_of(x) & INT64_MAX) < INT64_C(0x7FF) << 52; }

    static int is_positive(double x) { return bits_of(x) > 0 && is_finite(x); }

    /* Numbers in their order, zeros of both signs as one. */
    static int64_t order_of(double x) { return bits_of(x) < 0 ? INT64_MIN - bits_of(x) : bits_of(x); }

    static int is_at_most(double a, double b) { return !is_nan(a) && !is_nan(b) && order_of(a) <= order_of(b); }
    """
    bint is_finite(double x) noexcept
    bint is_positive(double x) noexcept
    bint is_at_most(double a, double b) noexcept

# The only place where Python's own check of keywords can be told to say more.
cdef extern from *:
    """
    static PyObject *keyword_hint; /* a function of the names of a function and of a keyword that it does not take */

    static PyObject *format_error(PyObject *type, const char *format, ...) {
        va_list arguments;
        va_start(arguments, format);
        if (keyword_hint && strcmp(format, "%s() got an unexpected keyword argument '%U'") == 0) {
            const char *function = va_arg(arguments, const char *);
            PyObject *keyword = va_arg(arguments, PyObject *);
            PyObject *hint = PyObject_CallFunction(keyword_hint, "sO", function, keyword);
            if (hint) {
                PyErr_Format(type, "%s() got an unexpected keyword argument '%U'%U", function, keyword, hint);
                Py_DECREF(hint);
            }
        } else {
            PyErr_FormatV(type, format, arguments);
        }
        va_end(arguments);
        return NULL;
    }

    #define PyErr_Format format_error
    """
    PyObject *keyword_hint

cdef extern from *:
    """
    #define FASTINIT_TEXT_(a) #a
    #define FASTINIT_TEXT(a) FASTINIT_TEXT_(a)
    static const char *fastinit_version = FASTINIT_TEXT(FASTINIT_VERSION);
    #if defined(__clang__)
    static const char *fastinit_compiler = "Clang " __clang_version__;
    #elif defined(__GNUC__)
    static const char *fastinit_compiler = "GCC " __VERSION__;
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

cdef dict kernels_here():
    """The kernels that this CPU can run, fastest first: the address of each by its name."""
    addresses = {}
    cdef const fi_kernels *here = fi_kernels_at(0)
    while here is not NULL:
        addresses[fi_kernels_name(here).decode()] = <uintptr_t>here
        here = fi_kernels_at(len(addresses))
    return addresses


_KERNELS = kernels_here()  # asked once: virtual machines take long to answer


def available_kernels():
    """The names of the kernels that this CPU can run, fastest first; all give the same bits."""
    return list(_KERNELS)


def cpu_features():
    """The instruction set extensions of this CPU that the choice of kernels rests on."""
    names = []
    while fi_cpu_feature_at(len(names)) is not NULL:
        names.append(fi_cpu_feature_at(len(names)).decode())
    return names


cdef const fi_kernels *find_kernels(str name) except NULL:
    if name not in _KERNELS:
        from fastinit.text import quoted

        raise ValueError(f"{quoted(name)} names no kernels that this machine can run; it can run {', '.join(_KERNELS)}")
    return <const fi_kernels *><uintptr_t>_KERNELS[name]


cdef const fi_kernels *kernels_from_environment() except NULL:
    forced = os.environ.get("FASTINIT_SIMD")
    try:
        return find_kernels(forced or next(iter(_KERNELS)))
    except ValueError as error:
        raise ImportError(f"FASTINIT_SIMD={error}") from None


cdef const fi_kernels *kernels = kernels_from_environment()
simd = fi_kernels_name(kernels).decode()
c_api = PyCapsule_New(<void *>fi_api(kernels), "fastinit._core.c_api", NULL)  # for fastinit_import() of fastinit.h


# ---- The threads -----------------------------------------------------------------------------------------------------

def set_num_threads(n):
    """
    Sets how many threads a fill may use, in this process, whichever generator and thread it comes from.

    A large fill uses several: at most that many, and at most one for each 2**18 elements. The values do not depend on
    it. To begin with, it is the number in the environment variable FASTINIT_NUM_THREADS or, without one, that of the
    CPUs that the calling thread may run on. On Windows a fill takes one thread, so far.

    Parameters
    ----------
    n : int or None
        From 1 to 1024. None: the CPUs, however many there are when a fill begins.

    Raises
    ------
    TypeError, ValueError
        If n is not as above.

    Examples
    --------
    >>> import fastinit
    >>> fastinit.set_num_threads(4)
    >>> fastinit.get_num_threads()
    4
    >>> fastinit.set_num_threads(None)
    """
    fi_set_threads(0 if n is None else thread_count("n", n))


def get_num_threads():
    """
    How many threads a fill may use: see set_num_threads.

    Returns
    -------
    int
        The number that was set, or the CPUs that the calling thread may run on.

    Examples
    --------
    >>> import fastinit
    >>> fastinit.get_num_threads() >= 1
    True
    """
    return fi_threads()


cdef int thread_count(str name, object value) except -1:
    count = integer_of(name, value, "an integer or None")
    if not 1 <= count <= FI_THREADS_MAX:
        raise ValueError(f"{name}={count}; accepted is 1 <= {name} <= {FI_THREADS_MAX}")
    return count


cdef int set_threads_from_environment() except -1:
    """A value that is no number of threads is warned of, and counts as none: it changes how long fills take, no bit."""
    text = os.environ.get("FASTINIT_NUM_THREADS", "").strip()
    if not text:
        return 0
    try:
        fi_set_threads(thread_count("FASTINIT_NUM_THREADS", int(text)))
        return 0
    except ValueError:
        pass  # and no cause of the warning, where that is made an error
    from fastinit.text import quoted

    warnings.warn_explicit(
        f"FASTINIT_NUM_THREADS={quoted(text)} is ignored, and a fill may take as many threads as there are CPUs; "
        f"accepted is a number from 1 to {FI_THREADS_MAX}",
        RuntimeWarning,
        "<environment>",  # no line of code is to blame
        1,
        "fastinit",
    )
    return 0


set_threads_from_environment()


# ---- The array -------------------------------------------------------------------------------------------------------

# A call converts all of its arguments first, which may run code of the user's (a number's __float__, an iterable), and
# that may change the array. Then it checks the array, and from there to the last byte nothing of Python runs, but for
# signal handlers between two slices of a long fill, whose memory is written down by then.

cdef enum:
    WORDS, REALS, REALS_OR_COMPLEX  # what a draw may fill

# What part of a tensor an array is; the sizes are in the order of the array's axes.
cdef struct block:
    bint given  # otherwise it is all of it
    int offset_axes, shape_axes
    uint64_t offset[FI_AXES_MAX]
    uint64_t global_shape[FI_AXES_MAX]

# What a call asks for besides the array.
cdef struct call:
    fi_fill fill
    block where
    bint unnamed  # the generator's next stream; otherwise it is fill.stream
    bint is_complex  # the fill's elements are the parts


cdef bint is_bfloat16(cnp.ndarray array):
    """Whether the dtype is that of ml_dtypes, which registers it with NumPy under a number of its own."""
    if cnp.PyArray_TYPE(array) < NPY_USERDEF:
        return False
    cdef const char *name = (<cnp.dtype>cnp.PyArray_DESCR(array)).typeobj.tp_name
    cdef const char *dot = strrchr(name, c".")
    return strcmp(name if dot is NULL else dot + 1, "bfloat16") == 0


cdef bint is_of_numbers(cnp.ndarray array):
    """Whether the dtype is one of NumPy's of numbers, bool too, or of ml_dtypes, whose names NumPy does not know."""
    if cnp.PyTypeNum_ISNUMBER(cnp.PyArray_TYPE(array)):
        return True
    if cnp.PyArray_TYPE(array) < NPY_USERDEF:
        return False
    kind = <object>(<cnp.dtype>cnp.PyArray_DESCR(array)).typeobj
    return kind.__module__.partition(".")[0] == "ml_dtypes"


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


cdef int part_dtype_of(cnp.ndarray array):
    """The fi_dtype of the parts of complex numbers, or -1."""
    if cnp.PyArray_TYPE(array) == cnp.NPY_COMPLEX64:
        return FI_FLOAT32
    if cnp.PyArray_TYPE(array) == cnp.NPY_COMPLEX128:
        return FI_FLOAT64
    return -1


cdef cnp.ndarray array_of(object out):
    if not cnp.PyArray_Check(out):
        raise TypeError(f"out must be a NumPy array, not {type(out).__name__}{instead_of_array(out)}")
    return <cnp.ndarray>out


cdef str instead_of_array(object out):
    """What an error says besides where out is no array."""
    if if_traced(out):
        return ": JAX traces it, so it has no memory yet; fastinit.jax has initialisers"
    library = type(out).__module__.partition(".")[0]
    if library == "torch":
        return "; fastinit.torch fills tensors"
    if library in ("jax", "jaxlib"):
        return ", which cannot be written to; fastinit.jax has initialisers"
    if library in ("keras", "tensorflow"):
        return "; fastinit.keras has initialisers"
    if library == "dask":
        return "; fastinit.dask makes such arrays"
    if isinstance(out, (list, tuple, int)):
        return "; make one with numpy.empty(shape, dtype), which the fill then writes to"
    if isinstance(out, numpy.generic):
        return ", which is a copy of an element; an array of no axes, numpy.empty(()), can be filled"
    try:
        memoryview(out)
    except TypeError:
        return ""
    return "; numpy.asarray(out) is an array of the same memory"


cdef object descr_of(cnp.ndarray array):
    """The dtype; a subclass may have another attribute of that name."""
    return <object>cnp.PyArray_DESCR(array)


cdef cnp.ndarray array_of_dtype(object out, call *c, int accepted):
    """out as an array of a dtype that the draw fills; sets the fill's dtype."""
    cdef cnp.ndarray array = array_of(out)
    cdef int dtype = dtype_of(array)
    c.is_complex = False
    if dtype < 0 and accepted == REALS_OR_COMPLEX:
        dtype = part_dtype_of(array)
        c.is_complex = dtype >= 0
    if dtype < 0 or (dtype <= FI_UINT64) != (accepted == WORDS):
        raise wrong_dtype(array, accepted)
    check_byte_order(array)
    c.fill.dtype = <fi_dtype>dtype
    return array


cdef object wrong_dtype(cnp.ndarray array, int accepted):
    names = "uint32, uint64" if accepted == WORDS else "float32, float64, float16, bfloat16 (of ml_dtypes)"
    if accepted == REALS_OR_COMPLEX:
        names += ", complex64, complex128"
    rest = ""
    if accepted == REALS and part_dtype_of(array) >= 0:
        rest = "; complex numbers are drawn by normal and by the normal schemes that are not truncated"
    return TypeError(f"out has dtype {descr_of(array)}; accepted are {names}{rest}")


cdef int check_byte_order(cnp.ndarray array) except -1:
    if cnp.PyArray_ISBYTESWAPPED(array):
        raise TypeError(f"out has dtype {descr_of(array).str!r}, byte-swapped; accepted is the machine's byte order")
    return 0


cdef inline int check_memory(cnp.ndarray array) except -1:
    cdef int plain = cnp.NPY_ARRAY_C_CONTIGUOUS | cnp.NPY_ARRAY_WRITEABLE
    return 0 if cnp.PyArray_FLAGS(array) & plain == plain else check_unusual_memory(array)


cdef int check_unusual_memory(cnp.ndarray array) except -1:
    if not cnp.PyArray_FLAGS(array) & cnp.NPY_ARRAY_WRITEABLE:
        raise ValueError("out is read-only; a writeable array is accepted")
    cdef fi_extent extent = extent_of(array)
    if fi_overlaps_itself(&extent):
        strides = tuple([extent.strides[i] for i in range(extent.axes)])
        raise ValueError(
            f"out with shape={shape_of(array)} and strides={strides} overlaps itself; accepted are arrays whose "
            "elements each have their own memory"
        )
    return 0


cdef inline fi_extent extent_of(cnp.ndarray array) noexcept:
    """Where an array lies, by its C structure, so that no code of a subclass runs; until its shape is set."""
    return fi_extent(
        cnp.PyArray_DATA(array), <size_t>cnp.PyArray_ITEMSIZE(array), cnp.PyArray_NDIM(array),
        <const ptrdiff_t *>cnp.PyArray_DIMS(array), <const ptrdiff_t *>cnp.PyArray_STRIDES(array)
    )


def overlaps_itself(cnp.ndarray array not None):
    """Whether two elements of an array share memory."""
    cdef fi_extent extent = extent_of(array)
    return bool(fi_overlaps_itself(&extent))


cdef cnp.ndarray checked_array(object out, call *c, int accepted=REALS):
    """out as an array that the core can fill with what the call asks for; sets the fill's dtype."""
    cdef cnp.ndarray array = array_of_dtype(out, c, accepted)
    check_memory(array)
    check_block(&c.where, array, c.is_complex)
    return array


cdef cnp.ndarray array_for_constants(object out):
    """out as an array that constants can be written to: they need no draw, and so take every dtype of numbers."""
    cdef cnp.ndarray array = array_of(out)
    if not is_of_numbers(array):
        raise TypeError(
            f"out has dtype {descr_of(array)}; accepted are bool and all dtypes of integers, floating-point and "
            "complex numbers, those of ml_dtypes too"
        )
    check_byte_order(array)
    check_memory(array)
    return array


def dtype_for_constants(out):
    """The dtype of an array that constants can be written to."""
    return descr_of(array_for_constants(out))


def view_of(out, bint for_constants):
    """
    The checked array as one of NumPy's own class, for what is written by NumPy, or after more of Python has run.

    It stays what it is when out is given another dtype or shape, and no method of a subclass of out's is called.
    """
    cdef call c
    c.where.given = False
    cdef cnp.ndarray array = array_for_constants(out) if for_constants else checked_array(out, &c)
    cdef cnp.ndarray view = base_view(array)
    cnp.set_array_base(view, array)
    return view


def check_normal(out, double std):
    """Raises what normal(out, 0, std) would raise."""
    cdef call c
    c.where.given = False
    checked_array(out, &c)
    set_normal(&c.fill, 0.0, std)


cdef cnp.ndarray base_view(cnp.ndarray array):
    """The same without a reference to the array, for who holds one."""
    cdef cnp.dtype descr = descr_of(array)
    Py_INCREF(descr)  # which the next call takes
    return PyArray_NewFromDescr(
        <PyTypeObject *>cnp.ndarray, descr, cnp.PyArray_NDIM(array), cnp.PyArray_DIMS(array),
        cnp.PyArray_STRIDES(array), cnp.PyArray_DATA(array), cnp.NPY_ARRAY_WRITEABLE, NULL
    )


cdef bint is_unchanged(cnp.ndarray array, cnp.ndarray view) noexcept:
    """Whether an array is what it was when the view of it was made, and can be written to."""
    cdef int axes = cnp.PyArray_NDIM(view)
    cdef size_t size = axes * sizeof(cnp.npy_intp)
    return (
        cnp.PyArray_FLAGS(array) & cnp.NPY_ARRAY_WRITEABLE
        and cnp.PyArray_NDIM(array) == axes
        and cnp.PyArray_DATA(array) == cnp.PyArray_DATA(view)
        and cnp.PyArray_DESCR(array) == cnp.PyArray_DESCR(view)
        # An array without axes has no lists to compare: NULL, which memcmp does not take.
        and (
            axes == 0
            or memcmp(cnp.PyArray_DIMS(array), cnp.PyArray_DIMS(view), size) == 0
            and memcmp(cnp.PyArray_STRIDES(array), cnp.PyArray_STRIDES(view), size) == 0
        )
    )


def check_view(cnp.ndarray array, cnp.ndarray view):
    """Raises if an array is no longer what it was when the view of it was made, or cannot be written to."""
    if not is_unchanged(array, view):
        raise changed("out", view)


cdef object changed(str label, cnp.ndarray view):
    return ValueError(
        f"{label} was changed while the arguments were read: it had dtype {descr_of(view)} and shape={shape_of(view)}, "
        "and could be written to"
    )


cdef tuple shape_of(cnp.ndarray array):
    """The shape; a subclass may have another attribute of that name."""
    return tuple([cnp.PyArray_DIM(array, axis) for axis in range(cnp.PyArray_NDIM(array))])


def borrowed(uintptr_t address, object available, shape, strides, dtype, owner):
    """
    Memory of another library's as an array, which keeps its owner alive: so many bytes from the address on.

    Strides count elements and are not negative. A ValueError tells if the elements reach beyond the memory.
    """
    cdef cnp.npy_intp sizes[FI_AXES_MAX]
    cdef cnp.npy_intp steps[FI_AXES_MAX]
    cdef int axis, axes = <int>len(shape)
    if len(shape) > FI_AXES_MAX or len(shape) != len(strides):
        raise ValueError(f"shape={shape}, strides={strides}; accepted are as many strides as axes, up to {FI_AXES_MAX}")
    cdef cnp.dtype descr = dtype
    if 0 in shape:
        return numpy.empty(shape, dtype)
    bytes_a_step = [stride * dtype.itemsize if size > 1 else 0 for size, stride in zip(shape, strides)]
    needed = dtype.itemsize + sum([(size - 1) * step for size, step in zip(shape, bytes_a_step)])
    if needed > available or not address:
        raise ValueError(f"shape={tuple(shape)}, strides={tuple(strides)} take {needed} bytes of {available}")
    for axis in range(axes):
        sizes[axis], steps[axis] = shape[axis], bytes_a_step[axis]
    Py_INCREF(descr)  # which the next call takes
    array = PyArray_NewFromDescr(
        <PyTypeObject *>cnp.ndarray, descr, axes, sizes, steps, <void *>address, cnp.NPY_ARRAY_WRITEABLE, NULL
    )
    cnp.set_array_base(array, owner)
    return array


# ---- The numbers -----------------------------------------------------------------------------------------------------

cdef object numpy_float32 = numpy.float32


cpdef inline double number(str name, object value) except? -1.0:
    if PyFloat_Check(value):  # numpy.float64, too
        return PyFloat_AS_DOUBLE(value)
    cdef long small
    cdef int overflow
    if PyLong_CheckExact(value):
        small = PyLong_AsLongAndOverflow(value, &overflow)
        if not overflow and -(<long>1 << 30) < small < <long>1 << 30:  # and so exact
            return <double>small
    return converted(name, value)


cdef double converted(str name, object value) except? -1.0:
    cdef fi_whole_fpenv caller
    if is_bool(value) or is_complex(value):
        raise TypeError(f"{name} must be a number, not {kind_of(value)}")
    fi_whole_fpenv_enter(&caller)
    try:
        return PyFloat_AsDouble(value)
    except TypeError as error:
        traced = if_traced(value, _UNIT_DRAW if name in ("std", "stddev", "scale") else "")
        refused = TypeError(f"{name} must be a number, not {type(value).__name__}{traced}")
        raise refused from cause_of(error, value, "__float__", traced)
    except OverflowError as error:
        refused = ValueError(f"{name} is too large for a double")
        raise refused from cause_of(error, value, "__float__", isinstance(value, int))
    finally:
        fi_whole_fpenv_leave(&caller)


cdef bint is_plain(object value) noexcept:
    """Whether a value is an integer, or a real number or an array of NumPy's: none of these needs a closer look."""
    cdef int number
    if PyArray_IsIntegerScalar(value):
        return not PyBool_Check(value)
    if cnp.PyArray_CheckExact(value):
        number = cnp.PyArray_TYPE(<cnp.ndarray>value)
        return cnp.PyTypeNum_ISINTEGER(number) or cnp.PyTypeNum_ISFLOAT(number)
    return type(value) is numpy_float32


cpdef bint is_bool(object value):
    """Whether a value is a bool of Python's or NumPy's, or an array or tensor of them: none is meant as a number."""
    if is_plain(value):
        return False
    if isinstance(value, (bool, numpy.bool_)):
        return True
    dtype = getattr(value, "dtype", None)
    if dtype is None:
        return False
    kind = getattr(dtype, "kind", None)
    return str(dtype) == "torch.bool" if kind is None else kind == "b"


cpdef bint is_complex(object value):
    """Whether a number or an array is, or another library's tensor, by its dtype: its values may be elsewhere."""
    if is_plain(value):
        return False
    if isinstance(value, complex):
        return True
    dtype = getattr(value, "dtype", None)
    return getattr(dtype, "kind", "") in ("c", "W") or getattr(dtype, "is_complex", False) is True


cdef str kind_of(object value):
    """What an error calls a value of the wrong type."""
    dtype = getattr(value, "dtype", None)
    name = type(value).__name__
    return name if dtype is None or isinstance(value, numpy.generic) else f"{name} of dtype {dtype}"


cdef object cause_of(object error, object value, str method, object known):
    """The error as a cause if a method of the value's raised it, and its reason is not known already; else None."""
    return error if not known and hasattr(type(value), method) else None


cdef bint has_parts(object value) except -1:
    return is_complex(value) or (hasattr(type(value), "__complex__") and not hasattr(type(value), "__float__"))


cdef bint read_complex(str name, object value, double *parts) except -1:
    """Sets the two parts of a number; returns whether it is complex."""
    parts[1] = 0
    if PyFloat_Check(value) or PyLong_CheckExact(value) or not has_parts(value):
        parts[0] = number(name, value)
        return False
    try:
        both = in_standard_environment(complex, value)
    except TypeError as error:
        traced = if_traced(value)
        refused = TypeError(f"{name} must be a number, not {kind_of(value)}{traced}")
        raise refused from cause_of(error, value, "__complex__", traced)
    parts[0], parts[1] = PyComplex_RealAsDouble(both), PyComplex_ImagAsDouble(both)
    return True


cdef inline bint is_small_int(object value, uint64_t *small) noexcept:
    """Whether value is an int in [0, 2**63), the usual case, which is to cost next to nothing; sets small."""
    cdef int overflow
    cdef long long number
    if not PyLong_CheckExact(value):
        return False
    number = PyLong_AsLongLongAndOverflow(value, &overflow)
    small[0] = <uint64_t>number
    return number >= 0 and not overflow


cdef object integer_of(str name, object value, str accepted_type):
    """value as an int; a bool is none."""
    if is_bool(value):
        raise TypeError(f"{name} must be {accepted_type}, not {kind_of(value)}")
    try:
        return PyNumber_Index(value)
    except TypeError as error:
        traced = if_traced(value)
        refused = TypeError(f"{name} must be {accepted_type}, not {type(value).__name__}{traced}")
        raise refused from cause_of(error, value, "__index__", traced)


_UNIT_DRAW = ", or scale a draw by it in the program, as in std * fastinit.jax.normal(1.0)(key, shape)"


def if_traced(value, advice=""):
    """What an error about a value says besides if JAX traces it, as inside of jax.jit; JAX need not be imported."""
    if any(each.__name__ == "Tracer" and each.__module__.partition(".")[0] == "jax" for each in type(value).__mro__):
        return (
            ": JAX traces it, so it has no value yet, and an initialiser needs one when it is made, a fill when it is "
            f"called. Pass a number of Python's, or inside of jax.jit make it static (static_argnums){advice}"
        )
    return ""


def positive_integer(str name, value):
    integer = integer_of(name, value, "an integer")
    if integer < 1:
        raise ValueError(f"{name}={integer}; accepted is a positive integer")
    return integer


cdef uint64_t integer_below(
    str name, object value, object end, str end_text, str accepted_type="an integer"
) except? 0:
    """value as an integer in [0, end)."""
    integer = integer_of(name, value, accepted_type)
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


cdef int set_complex_normal(fi_fill *fill, double real, double imaginary, double std) except -1:
    if fi_set_complex_normal(fill, real, imaginary, std):
        raise ValueError(
            f"mean={complex(real, imaginary)}, std={std}: accepted are finite numbers with std >= 0 whose draws, each "
            f"part up to {fi_normal_reach(fill.dtype)} sqrt(1/2) standard deviations from the mean's, do not overflow "
            f"{dtype_name(fill.dtype)}"
        )
    return 0


cdef int set_truncated_normal(fi_fill *fill, double mean, double std, double low, double high) except -1:
    if fi_set_truncated_normal(fill, mean, std, low, high):
        if not (is_at_most(low, high) and not is_at_most(INFINITY, low) and not is_at_most(high, -INFINITY)):
            raise ValueError(
                f"low={low}, high={high}: accepted are bounds in standard deviations with low <= high, low < inf and "
                "high > -inf"
            )
        raise ValueError(
            f"mean={mean}, std={std}, low={low}, high={high}: accepted are a finite mean and std >= 0 whose draws do "
            f"not overflow {dtype_name(fill.dtype)}"
        )
    return 0


cdef int refuse_scheme(fi_fill *fill, const fi_scheme *scheme, fi_scheme_draw draw) except -1:
    """Raises why fi_set_scheme refused: what the draw with the scheme's parameter raises, or that this is 0."""
    cdef double parameter = fi_scheme_parameter(scheme, draw)
    if not is_at_most(1, parameter):  # so its draws do not overflow
        name = "limit" if draw == FI_SCHEME_UNIFORM else "std"
        compute = "float64" if fill.dtype == FI_FLOAT64 else "float32"
        raise ValueError(
            f"these arguments give {name}={parameter}, which rounds to 0 in {compute}; accepted for an array of "
            f"{dtype_name(fill.dtype)} are arguments that give more"
        )
    if draw == FI_SCHEME_UNIFORM:
        return set_uniform(fill, -parameter, parameter)
    if draw == FI_SCHEME_NORMAL:
        return set_normal(fill, 0.0, parameter)
    return set_truncated_normal(fill, 0.0, parameter, -2.0, 2.0)


cpdef double positive(str name, object value) except? -1.0:
    cdef double x = number(name, value)
    if not is_positive(x):
        raise ValueError(f"{name}={value!r}; accepted is a positive finite number")
    return x


cpdef double finite(str name, object value) except? -1.0:
    cdef double x = number(name, value)
    if not is_finite(x):
        raise ValueError(f"{name}={value!r}; accepted is a finite number")
    return x


def in_standard_environment(function, *arguments):
    """function(*arguments), rounded to nearest and with subnormal numbers, whatever the caller's environment is."""
    cdef fi_whole_fpenv caller
    fi_whole_fpenv_enter(&caller)
    try:
        return function(*arguments)
    finally:
        fi_whole_fpenv_leave(&caller)


# ---- The block -------------------------------------------------------------------------------------------------------

cdef int read_block(block *where, object offset, object global_shape) except -1:
    where.given = offset is not None
    if offset is None and global_shape is None:
        return 0
    if offset is None or global_shape is None:
        raise ValueError(f"offset={offset!r}, global_shape={global_shape!r}; accepted are both or neither")
    where.offset_axes = read_sizes("offset", offset, where.offset)
    where.shape_axes = read_sizes("global_shape", global_shape, where.global_shape)
    return 0


cdef int read_sizes(str name, object value, uint64_t *sizes) except -1:
    """Reads an integer for each axis; returns how many they are."""
    cdef tuple given = integers(name, value)
    cdef int axis, axes = <int>min(len(given), FI_AXES_MAX + 1)
    if axes > FI_AXES_MAX:
        raise ValueError(f"{name} has {len(given)} integers; accepted is one for each axis of out, up to {FI_AXES_MAX}")
    for axis in range(axes):
        sizes[axis] = size_of_axis(name, given, axis)
    return axes


cdef int check_block(block *where, cnp.ndarray array, bint is_complex) except -1:
    """Raises if the array is no such block."""
    cdef int axis, axes = cnp.PyArray_NDIM(array)
    cdef uint64_t elements = 1, size, most = <uint64_t>1 << (62 if is_complex else 63)
    cdef bint too_many = False, empty = False
    if not where.given:
        return 0
    if where.offset_axes != axes or where.shape_axes != axes:
        raise ValueError(
            f"offset={offset_of(where)}, global_shape={global_shape_of(where)}; accepted are {axes} integers each, one "
            "for each axis of out"
        )
    for axis in range(axes):
        size = where.global_shape[axis]
        if where.offset[axis] + <uint64_t>cnp.PyArray_DIM(array, axis) > size:
            raise ValueError(
                f"offset={offset_of(where)} and out's shape {shape_of(array)} reach beyond "
                f"global_shape={global_shape_of(where)}; accepted is offset + shape <= global_shape in each axis"
            )
        empty = empty or size == 0
        too_many = too_many or (size != 0 and elements > most // size)
        if not (too_many or empty):
            elements *= size
    if too_many and not empty:
        raise ValueError(
            f"global_shape={global_shape_of(where)} has more than 2**{62 if is_complex else 63} elements, the most "
            f"that are accepted{' of complex numbers' if is_complex else ''}"
        )
    return 0


cdef tuple offset_of(const block *where):
    return tuple([where.offset[axis] for axis in range(where.offset_axes)])


cdef tuple global_shape_of(const block *where):
    return tuple([where.global_shape[axis] for axis in range(where.shape_axes)])


cdef tuple integers(str name, object value):
    if type(value) is tuple:
        return value
    try:
        return tuple(value)
    except TypeError as error:
        refused = TypeError(f"{name} must be a tuple of integers, not {type(value).__name__}")
        raise refused from cause_of(error, value, "__iter__", "")


cdef uint64_t size_of_axis(str name, tuple sizes, int axis) except? 0:
    cdef object value = sizes[axis]
    cdef uint64_t small
    if is_small_int(value, &small):
        return small
    integer = integer_of(f"{name}[{axis}]", value, "an integer")
    if not 0 <= integer <= 1 << 63:
        raise ValueError(f"{name}={sizes}; accepted are integers with 0 <= {name}[{axis}] <= 2**63")
    return integer


cdef tuple tensor_shape(cnp.ndarray array, const block *where):
    return global_shape_of(where) if where.given else shape_of(array)


def block_of(array, offset, global_shape):
    """The shape of the tensor that a checked array is a block of, and where in it the array begins."""
    cdef block where
    read_block(&where, offset, global_shape)
    check_block(&where, array, False)
    return tensor_shape(array, &where), offset_of(&where) if where.given else (0,) * cnp.PyArray_NDIM(array)


# ---- The fans --------------------------------------------------------------------------------------------------------

Fans = collections.namedtuple("Fans", ("fan_in", "fan_out"), module="fastinit")
Fans.__doc__ = "The inputs and the outputs of a unit, as the schemes count them."


def _torch_fans(shape):
    if len(shape) < 2:
        raise ValueError(f"shape={shape}; layout='torch' is (out, in, *kernel), of two axes or more")
    field = math.prod(shape[2:])
    return Fans(shape[1] * field, shape[0] * field)


def _keras_fans(shape):
    if len(shape) < 2:
        return Fans(*(shape or (1,)) * 2)
    field = math.prod(shape[:-2])
    return Fans(shape[-2] * field, shape[-1] * field)


def _lasagne_fans(shape):
    if len(shape) < 2:
        raise ValueError(f"shape={shape}; layout='lasagne' is (in, out) or (filters, in, *kernel), of two axes or more")
    if len(shape) == 2:
        return Fans(*shape)
    return _torch_fans(shape)


_LAYOUTS = {
    "torch": _torch_fans,
    **dict.fromkeys(("keras", "jax", "flax", "tensorflow"), _keras_fans),
    "lasagne": _lasagne_fans,
}


def fans(shape, layout):
    """
    The fans of a weight array: how many inputs a unit sums, and how many units an input reaches.

    Parameters
    ----------
    shape : tuple of int
        The array's shape.
    layout : {"torch", "keras", "jax", "flax", "tensorflow", "lasagne"}
        What the axes mean, with f the product of the kernel's axes:

        - "torch", (out, in, \\*kernel): fan_in = in f, fan_out = out f. Fewer than two axes are an error, as there.
        - "keras", (\\*kernel, in, out), also by the names "jax", "flax" and "tensorflow": the same. One axis of n is
          fan_in = fan_out = n, none is 1, as in Keras.
        - "lasagne": (in, out) for a dense layer; (filters, in, \\*kernel) for a convolution, whose fan_in = in f and
          fan_out = filters f add up to f times the first two axes. Fewer than two axes are an error, as there.

    Returns
    -------
    Fans
        A named tuple (fan_in, fan_out) of int.

    Raises
    ------
    TypeError, ValueError
        If shape is not of non-negative integers, or layout is unknown or does not fit it.

    Examples
    --------
    >>> import fastinit
    >>> fastinit.fans((64, 3, 7, 7), "torch")
    Fans(fan_in=147, fan_out=3136)
    >>> fastinit.fans((7, 7, 3, 64), "keras")
    Fans(fan_in=147, fan_out=3136)
    """
    try:
        sizes = tuple([integer_of("shape", size, "of integers") for size in shape])
    except TypeError as error:
        traced = "".join(map(if_traced, shape if isinstance(shape, (tuple, list)) else ()))
        raise TypeError(f"shape={shape!r}; accepted is a tuple of integers{traced}") from error.__cause__
    if any(size < 0 for size in sizes):
        raise ValueError(f"shape={shape!r}; accepted are sizes of zero and more")
    return choice("layout", layout, _LAYOUTS)(sizes)


cpdef object choice(str name, object value, dict accepted):
    """accepted[value]; an error that lists the keys if it has no such one."""
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a string, not {type(value).__name__}; accepted are {', '.join(accepted)}")
    value = characters_of(value)
    if value not in accepted:
        meant = closest(value, accepted)
        raise ValueError(
            f"{name}={value!r}; accepted are {', '.join(accepted)}{f'; did you mean {meant!r}?' if meant else ''}"
        )
    return accepted[value]


cdef inline str characters_of(object text):
    """A string of Python's own: a subclass may compare as it likes, and an enumeration's str() is another name."""
    return text if PyUnicode_CheckExact(text) else PyUnicode_FromObject(text)


# What other libraries call fastinit's schemes, where it is not a matter of spelling.
_NAMES_ELSEWHERE = {
    "eye": "identity",
    "full": "constant",
    "random_normal": "normal",
    "random_uniform": "uniform",
    "trunc_normal": "truncated_normal",
}


def closest(name, accepted):
    """Which of the accepted names is meant by one like "kaiming_normal_", "HeNormal" or "he_norml"; None if none is."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower().strip("_")
    words = _NAMES_ELSEWHERE.get(words, words)
    if words in accepted:
        return words
    import difflib  # which takes as long to import as all of fastinit

    return next(iter(difflib.get_close_matches(words, accepted, 1, 0.82)), None)


cdef int read_fans(
    fi_scheme *scheme, object out, block *where, object fan_in, object fan_out, object layout
) except -1:
    """Sets the fans that scheme.mode needs, as they were given or by the layout of the tensor's shape."""
    if layout is not None:
        if fan_in is not None or fan_out is not None:
            raise ValueError(
                f"layout={layout!r} with fan_in={fan_in!r}, fan_out={fan_out!r}; accepted are fans or a layout, not "
                "both"
            )
        rule = choice("layout", layout, _LAYOUTS)
        check_block(where, array_of(out), False)
        of_shape = rule(tensor_shape(array_of(out), where))
        # Only an empty array can have a fan of zero.
        scheme.fan_in, scheme.fan_out = max(of_shape.fan_in, 1), max(of_shape.fan_out, 1)
        return 0
    if scheme.mode != FI_FAN_OUT:
        if fan_in is None:
            raise missing_fan("fan_in")
        scheme.fan_in = positive("fan_in", fan_in)
    if scheme.mode != FI_FAN_IN:
        if fan_out is None:
            raise missing_fan("fan_out")
        scheme.fan_out = positive("fan_out", fan_out)
    return 0


cdef inline fi_scheme scheme_of(fi_fan_mode mode, double scale, double gain=1, double negative_slope=0) noexcept:
    """A scheme whose fans are still to be set."""
    return fi_scheme(mode, 0, 0, scale, gain, negative_slope)


cdef fi_scheme he_scheme(object fan_in, object fan_out, object negative_slope) except *:
    if fan_in is not None and fan_out is not None:
        raise ValueError(f"fan_in={fan_in!r}, fan_out={fan_out!r}; accepted is one of the two")
    cdef fi_fan_mode mode = FI_FAN_IN if fan_out is None else FI_FAN_OUT
    return scheme_of(mode, 2, 1, finite("negative_slope", negative_slope))


cdef fi_scheme lasagne_scheme(object gain) except *:
    cdef double scale = 2
    if isinstance(gain, str):
        if characters_of(gain) != "relu":
            raise ValueError(f"gain={gain!r}; accepted is a positive finite number or 'relu'")
        gain, scale = 1.0, 4  # sqrt(2) squared, unrounded
    return scheme_of(FI_FAN_SUM, scale, positive("gain", gain))


cdef inline fi_scheme_draw normal_or(bint truncated) noexcept:
    return FI_SCHEME_TRUNCATED if truncated else FI_SCHEME_NORMAL


_MODES = {
    "fan_in": FI_FAN_IN, "fan_out": FI_FAN_OUT, "fan_avg": FI_FAN_AVERAGE, "fan_geo_avg": FI_FAN_GEOMETRIC,
}
_DISTRIBUTIONS = {
    "truncated_normal": FI_SCHEME_TRUNCATED,
    "untruncated_normal": FI_SCHEME_NORMAL,
    "normal": FI_SCHEME_NORMAL,
    "uniform": FI_SCHEME_UNIFORM,
}


def missing_fan(name):
    return TypeError(
        f"{name} is missing: give it as a number, or give layout='torch', 'keras' or 'lasagne' to take it from out's "
        "shape"
    )


# ---- The stream ------------------------------------------------------------------------------------------------------

_SEED_END = 1 << 64
_STREAM_END = 1 << 63


cdef uint64_t next_unnamed_stream(object stream) except? 0:
    """As the counter holds it: 2**63 means that all are used up."""
    return integer_below("stream", stream, _STREAM_END + 1, "2**63 + 1")


# The numbers of names, in two generations: the older one goes when the younger one is full, and what is still in use
# moves on.
NAME_CACHE_BYTES = 1 << 22
cdef dict _young_names = {}
cdef dict _old_names = {}
cdef Py_ssize_t _young_bytes = 0


cdef uint64_t number_of_name(object given) except? 0:
    cdef str name = characters_of(given)
    number = _young_names.get(name)
    if number is None:
        number = remember_name(name)
    return number


cdef object remember_name(str name):
    global _young_bytes
    number = _old_names.get(name)
    if number is None:
        try:
            encoded = name.encode()
        except UnicodeEncodeError:
            raise ValueError(f"stream={name!r} cannot be encoded as UTF-8") from None
        number = _STREAM_END + blake2b_of(encoded) % _STREAM_END
    # The string, the integer, and what two dictionaries take for them.
    cdef Py_ssize_t size = len(name) * PyUnicode_KIND(name) + 220
    if size > NAME_CACHE_BYTES // 64:
        return number
    with cython.critical_section(_young_names):
        if _young_bytes + size > NAME_CACHE_BYTES // 2:
            _old_names.clear()
            _old_names.update(_young_names)
            _young_names.clear()
            _young_bytes = 0
        _young_names[name] = number
        _young_bytes += size
    return number


def name_cache_sizes():
    """How many names the cache holds, in its younger and in its older part."""
    return len(_young_names), len(_old_names)


cdef object blake2b_of(bytes data):
    """The digest of eight bytes, as a little-endian integer."""
    import hashlib  # takes milliseconds, which a program that names no stream should not pay for at import

    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "little")


cdef uint64_t explicit_stream(object stream) except? 0:
    cdef uint64_t small
    if is_small_int(stream, &small):
        return small
    if isinstance(stream, str):
        return number_of_name(stream)
    return integer_below("stream", stream, _STREAM_END, "2**63", "an integer or a name (a string)")


def stream_number(stream):
    """
    The number of a stream: what C callers give for a name.

    Parameters
    ----------
    stream : int or str
        As the functions that fill an array take it: an integer in [0, 2**63) or a name.

    Returns
    -------
    int
        An integer is its own number. A name has 2**63 + (BLAKE2b(name in UTF-8, 8-byte digest, little-endian) mod
        2**63).

    Raises
    ------
    TypeError, ValueError
        If stream is neither, or out of range.

    Examples
    --------
    >>> import fastinit
    >>> fastinit.stream_number(3)
    3
    >>> fastinit.stream_number("fc1.weight")
    12679638908415312138
    """
    return explicit_stream(stream)


cdef int read_call(call *c, object stream, object offset, object global_shape, bint accumulate) except -1:
    c.unnamed = stream is None
    if not c.unnamed:
        c.fill.stream = explicit_stream(stream)
    c.fill.accumulate = accumulate
    return read_block(&c.where, offset, global_shape)


# ---- The fill --------------------------------------------------------------------------------------------------------

cdef enum:
    RELEASE_GIL_FROM = 1 << 15  # elements: ten microseconds and more of work

cdef double SLICE = 0.1  # seconds between two looks for signals, with all threads at rest


cdef int run_fill(const fi_kernels *with_kernels, call *c, cnp.ndarray array, uint64_t first=0) except -1:
    """Fills the array, the first element of whose tensor counts as number first."""
    cdef int plain = cnp.NPY_ARRAY_C_CONTIGUOUS | cnp.NPY_ARRAY_ALIGNED
    cdef size_t count = <size_t>cnp.PyArray_SIZE(array) << c.is_complex
    cdef fi_task task
    cdef fi_axis axis[FI_AXES_MAX + 2]
    if count < RELEASE_GIL_FROM and not c.where.given and cnp.PyArray_FLAGS(array) & plain == plain:
        fi_fill_range(with_kernels, &c.fill, first, count, cnp.PyArray_DATA(array))
        return 0
    task.fill = c.fill
    set_region(
        &task, array, c.where.offset if c.where.given else NULL, c.where.global_shape if c.where.given else NULL,
        c.is_complex, axis
    )
    task.region.first += first
    return run_tasks(with_kernels, &task, 1)


cdef void set_region(
    fi_task *task, cnp.ndarray array, const uint64_t *offset, const uint64_t *global_shape, bint is_complex,
    fi_axis *axis
) noexcept:
    """The region of a task whose fill is set. axis has room for two more axes than the array has."""
    if not is_complex:
        fi_set_region(
            &task.region, task.fill.dtype, cnp.PyArray_DATA(array), cnp.PyArray_NDIM(array),
            <const ptrdiff_t *>cnp.PyArray_DIMS(array), <const ptrdiff_t *>cnp.PyArray_STRIDES(array),
            offset, global_shape, axis
        )
        return
    cdef int i, axes = cnp.PyArray_NDIM(array)
    cdef ptrdiff_t shape[FI_AXES_MAX + 1]
    cdef ptrdiff_t strides[FI_AXES_MAX + 1]
    cdef uint64_t start[FI_AXES_MAX + 1]
    cdef uint64_t whole[FI_AXES_MAX + 1]
    for i in range(axes):
        shape[i], strides[i] = cnp.PyArray_DIM(array, i), cnp.PyArray_STRIDE(array, i)
        start[i] = 0 if offset is NULL else offset[i]
        whole[i] = <uint64_t>shape[i] if global_shape is NULL else global_shape[i]
    # The last axis is the real and the imaginary part.
    shape[axes], strides[axes], start[axes], whole[axes] = 2, cnp.PyArray_ITEMSIZE(array) // 2, 0, 2
    fi_set_region(
        &task.region, task.fill.dtype, cnp.PyArray_DATA(array), axes + 1, shape, strides, start, whole, axis
    )


cdef void set_constant_region(fi_task *task, cnp.ndarray array, const fi_marks *marks, fi_axis *axis) noexcept:
    fi_set_constant_region(
        &task.region, cnp.PyArray_ITEMSIZE(array), cnp.PyArray_DATA(array), cnp.PyArray_NDIM(array),
        <const ptrdiff_t *>cnp.PyArray_DIMS(array), <const ptrdiff_t *>cnp.PyArray_STRIDES(array), marks, axis
    )


cdef int set_marks(fi_marks *marks, list views, bytes value) except -1:
    """The elements of views of one or two axes get another value than the rest of the array that they are views of."""
    cdef cnp.ndarray view
    cdef int i, axis, axes
    marks.value = fi_value_of(<const char *>value, len(value))
    marks.sets = len(views)
    for i in range(marks.sets):
        view = views[i]
        axes = cnp.PyArray_NDIM(view)
        marks.set[i].data = <char *>cnp.PyArray_DATA(view)
        marks.set[i].size[1], marks.set[i].stride[1] = 1, 0
        for axis in range(axes):
            marks.set[i].size[axis] = cnp.PyArray_DIM(view, axis)
            marks.set[i].stride[axis] = cnp.PyArray_STRIDE(view, axis)
    return 0


cdef int run_tasks(const fi_kernels *with_kernels, fi_task *tasks, size_t count) except -1:
    cdef fi_work work
    cdef bint done = False
    fi_set_work(&work, with_kernels, tasks, count)
    if work.element_count < RELEASE_GIL_FROM:
        fi_do_work(&work, INFINITY)
        return 0
    while not done:
        with nogil:
            done = fi_do_work(&work, SLICE)
        PyErr_CheckSignals()  # what is written so far is right
    return 0


# ---- The core below Generator: for fills that are made of several, and for tests -------------------------------------

def fill_range(
    str kernels_name, str draw, out, first, seed, stream, a=0.0, b=1.0, bint accumulate=False, bounds=None,
    offset=None, global_shape=None
):
    """
    Writes elements first, first + 1, ... of a stream, as a tensor or a block of one, to out with the named kernels.

    draw is "bits", "uniform" (a, b are low, high), "normal" (mean, std) or "truncated_normal" (mean, std, and bounds in
    standard deviations); stream is the number itself.
    """
    cdef call c
    cdef double mean[2]
    read_call(&c, None, offset, global_shape, accumulate)
    if draw == "normal":
        read_complex("mean", a, mean)
    cdef cnp.ndarray array = checked_array(out, &c, {"bits": WORDS, "normal": REALS_OR_COMPLEX}.get(draw, REALS))
    if draw == "bits":
        fi_set_bits(&c.fill)
    elif draw == "uniform":
        set_uniform(&c.fill, a, b)
    elif draw == "normal" and c.is_complex:
        set_complex_normal(&c.fill, mean[0], mean[1], b)
    elif draw == "normal":
        set_normal(&c.fill, mean[0], b)
    elif draw == "truncated_normal":
        low, high = bounds
        set_truncated_normal(&c.fill, a, b, low, high)
    else:
        raise ValueError(f"{draw!r} names no draw")
    c.fill.seed = seed
    c.fill.stream = stream
    run_fill(find_kernels(kernels_name), &c, array, first << c.is_complex)
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


# ---- Seeds and keywords ----------------------------------------------------------------------------------------------

cdef uint64_t seed_of(object seed) except? 0:
    """A seed as its 64 bits; an error that says what to take for what other libraries call one."""
    cdef uint64_t small
    if is_small_int(seed, &small):
        return small
    if callable(getattr(seed, "generate_state", None)) and not isinstance(seed, type):  # numpy.random.SeedSequence
        return int(seed.generate_state(1, numpy.uint64)[0])
    library = type(seed).__module__.partition(".")[0]
    if library in _SEED_HINTS and type(seed).__name__ in ("Generator", "RandomState"):
        raise TypeError(f"seed must be an integer, not a {library} {type(seed).__name__}; {_SEED_HINTS[library]}")
    if isinstance(seed, (list, tuple)) or getattr(seed, "ndim", 0):
        raise TypeError(
            f"seed must be an integer, not {type(seed).__name__}; of several integers, "
            "numpy.random.SeedSequence(seed) makes a seed that is accepted"
        )
    integer = integer_of("seed", seed, "an integer or a numpy.random.SeedSequence")
    if integer >= _SEED_END:
        raise ValueError(
            f"seed={integer} is out of range; accepted is 0 <= seed < 2**64; of a larger integer, "
            "numpy.random.SeedSequence(seed) makes a seed that is accepted"
        )
    return integer_below("seed", integer, _SEED_END, "2**64")


_SEED_HINTS = {
    "fastinit": "Generator.spawn makes other generators of one",
    "numpy": "int.from_bytes(rng.bytes(8), 'little') draws one",
    "torch": "generator.initial_seed() is one",
}

# Keywords of other libraries' functions, and what fastinit's take for them: the first that the function has.
_KEYWORDS_ELSEWHERE = {
    **dict.fromkeys(("loc", "mu", "center"), ("mean", "low")),
    **dict.fromkeys(("stddev", "sigma"), ("std",)),
    "scale": ("std", "high"),
    **dict.fromkeys(("a", "minval", "minimum", "lower"), ("low", "negative_slope")),
    **dict.fromkeys(("b", "maxval", "maximum", "upper"), ("high",)),
    **dict.fromkeys(("val", "fill_value"), ("value",)),
    **dict.fromkeys(("in_features", "fan"), ("fan_in",)),
    "out_features": ("fan_out",),
    "out_sharding": ("global_shape",),
    "name": ("stream",),
}
_INSTEAD_OF_KEYWORDS = {
    **dict.fromkeys(("size", "shape"), "out is an array of that shape, which the fill writes to"),
    "dtype": "out is an array of that dtype, which the fill writes to",
    **dict.fromkeys(
        ("rng", "generator", "key", "random_state"), "fastinit.Generator(seed) has these functions as methods"
    ),
    "seed": "fastinit.Generator(seed) has these functions as methods, and fastinit.seed seeds those of the module",
    "mode": "fan_in= or fan_out= says which it is",
    "nonlinearity": "fastinit.recommend(nonlinearity) names the scheme and its arguments",
}


def hint_of_keyword(function, keyword, names=None):
    """What the error about a keyword that a method does not take says besides; names are those that it takes."""
    if names is None:
        code = getattr(getattr(Generator, function, None), "__code__", None)
        names = () if code is None else code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    for meant in _KEYWORDS_ELSEWHERE.get(keyword, ()):
        if meant in names:
            return f"; did you mean {meant}=?"
    if keyword == "mode" and not ("negative_slope" in names and "fan_out" in names):
        return ""
    if "out" in names and keyword in _INSTEAD_OF_KEYWORDS:
        return f"; {_INSTEAD_OF_KEYWORDS[keyword]}"
    return ""


Py_INCREF(hint_of_keyword)
keyword_hint = <PyObject *>hint_of_keyword


cdef int set_attributes(object of, object attributes) except -1:
    """What object.__getstate__ has told of another one."""
    of_slots = {}
    if isinstance(attributes, tuple):
        attributes, of_slots = attributes
    if attributes:
        of.__dict__.update(attributes)
    for name, attribute in of_slots.items():
        setattr(of, name, attribute)
    return 0


cdef Generator copied(Generator original, uint64_t seed):
    """A copy with another seed, and with the attributes that a subclass adds."""
    cdef Generator copy = type(original).__new__(type(original))
    copy._seed = seed
    set_attributes(copy, object.__getstate__(original))
    return copy


# ---- Generator -------------------------------------------------------------------------------------------------------

cdef class Generator:
    """
    Generator(seed=None, stream=0)

    Fills arrays with values that depend on (seed, stream, index) and on nothing else.

    Every fill takes one stream. A fill that is given no stream takes the generator's next one: ``stream``,
    ``stream + 1``, ... in turn, whatever the size of the arrays. A fill with ``stream=3`` or ``stream="fc1.weight"``
    addresses that stream and leaves the counter alone.

    Parameters
    ----------
    seed : int or numpy.random.SeedSequence, optional
        In [0, 2**64). Left out: 64 bits from the operating system. Of a SeedSequence, ``generate_state(1, uint64)[0]``.
    stream : int, optional
        The next unnamed stream, in [0, 2**63].

    Raises
    ------
    TypeError, ValueError
        If seed or stream is not as above (a bool is no integer) or out of range.

    Notes
    -----
    The bits are Philox4x32-10 (Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC'11);
    the stream contract in docs/stream.md says how they become values.

    A generator can be shared by threads: no two fills get the same unnamed stream. A copy, a pickled one and that of a
    forked process draw what the original draws; for draws of their own, ``spawn`` makes generators.

    Examples
    --------
    >>> import numpy as np, fastinit
    >>> g = fastinit.Generator(42)
    >>> g.normal(np.empty(3, np.float32))
    array([-0.9701898 ,  0.19401895, -1.2356209 ], dtype=float32)
    >>> g
    Generator(seed=42, stream=1)
    """

    cdef uint64_t _seed, _stream, _spawned
    cdef readonly bint _from_entropy
    cdef list _pending  # the fills that record() has checked; None in any other generator
    cdef dict _package  # of a generator that stands for the default one among these names; None in any other
    cdef type _class  # of the default one, as it was at first
    cdef object __weakref__

    def __init__(self, seed=None, stream=0):
        cdef uint64_t next_stream = next_unnamed_stream(stream)
        self.reseed(seed)
        self._stream = next_stream

    cdef inline Generator _owner(self):
        """Whose state is meant: the generator's own, but for that of the package's functions."""
        return self if self._package is None else self._default()

    cdef Generator _default(self):
        cdef object default = self._package.get("default_generator")
        if type(default) is not self._class and (
            not isinstance(default, Generator) or (<Generator>default)._package is not None
        ):
            kind = type(default)  # NumPy's has the same name
            raise TypeError(
                f"fastinit.default_generator must be a fastinit.Generator, not {kind.__module__}.{kind.__qualname__}"
            )
        return <Generator>default

    def reseed(self, seed=None):
        """
        Starts again at stream 0 with another seed.

        Parameters
        ----------
        seed : int or numpy.random.SeedSequence, optional
            In [0, 2**64). Left out: 64 bits from the operating system.
        """
        cdef Generator owner = self._owner()
        cdef bint from_entropy = seed is None
        cdef uint64_t value
        if from_entropy:
            value = int.from_bytes(os.urandom(8), "little")
        else:
            value = seed_of(seed)
        with cython.critical_section(owner):
            owner._seed = value
            owner._stream = owner._spawned = 0
            owner._from_entropy = from_entropy

    def _after_fork_in_child(self):
        cdef Generator owner
        try:
            owner = self._owner()
        except TypeError:  # what was assigned is no generator, and its next use says so
            return
        if owner._from_entropy:
            owner.reseed()

    @property
    def seed(self):
        """The seed, an integer in [0, 2**64)."""
        return self.state["seed"]

    @property
    def stream(self):
        """The next unnamed stream, an integer in [0, 2**63]; it can be set."""
        return self.state["stream"]

    @stream.setter
    def stream(self, value):
        cdef Generator owner = self._owner()
        cdef uint64_t next_stream = next_unnamed_stream(value)
        with cython.critical_section(owner):
            owner._stream = next_stream

    @property
    def state(self):
        """
        The whole state, as a dictionary of "seed", "stream" and "spawned", the number of generators that spawn made.

        It can be set to one, which may lack "spawned": 0.
        """
        cdef Generator owner = self._owner()
        with cython.critical_section(owner):
            seed, stream, spawned = owner._seed, owner._stream, owner._spawned
        return {"seed": seed, "stream": stream, "spawned": spawned}

    @state.setter
    def state(self, value):
        cdef Generator owner = self._owner()
        if not isinstance(value, dict) or value.keys() | {"spawned"} != {"seed", "stream", "spawned"}:
            raise ValueError(f"state={value!r}; accepted is a dictionary of 'seed', 'stream' and, if wanted, 'spawned'")
        cdef uint64_t seed = integer_below("seed", value["seed"], _SEED_END, "2**64")
        cdef uint64_t stream = next_unnamed_stream(value["stream"])
        cdef uint64_t spawned = integer_below("spawned", value.get("spawned", 0), _SEED_END, "2**64")
        with cython.critical_section(owner):
            owner._seed = seed
            owner._stream = stream
            owner._spawned = spawned
            owner._from_entropy = False

    def spawn(self, n):
        """
        New generators, of seeds of their own: one for each worker, for instance.

        Parameters
        ----------
        n : int
            How many, 0 or more.

        Returns
        -------
        list of Generator
            Child k has the seed BLAKE2b(b"fastinit.spawn" + seed + k, 8-byte digest, little-endian), the generator's
            seed and k as 8 little-endian bytes each, and begins at stream 0. k counts all that the generator has
            spawned so far, as its ``state`` tells; ``stream`` does not move. Children of a subclass are of that class
            and share the attributes of their parent.

        Raises
        ------
        TypeError, ValueError
            If n is not an integer or negative, or 2**64 generators or more would be spawned in all.

        Examples
        --------
        >>> import fastinit
        >>> fastinit.Generator(7).spawn(2)
        [Generator(seed=4601871156244648830, stream=0), Generator(seed=5275525978285689886, stream=0)]
        """
        cdef Generator owner = self._owner()
        cdef uint64_t count = integer_below("n", n, _SEED_END, "2**64"), first, seed, k
        cdef list children = [None] * int(count)  # for more than memory holds, no child is counted
        with cython.critical_section(owner):
            first, seed = owner._spawned, owner._seed
            if first + count < first:
                raise ValueError(f"n={n}, and {first} generators are spawned already; accepted are 2**64 - 1 in all")
            owner._spawned = first + count
        prefix = b"fastinit.spawn" + int(seed).to_bytes(8, "little")
        for k in range(count):
            children[k] = copied(owner, blake2b_of(prefix + int(first + k).to_bytes(8, "little")))
        return children

    def __getstate__(self):
        return self.state, object.__getstate__(self)

    def __setstate__(self, value):
        self.state, attributes = value
        set_attributes(self, attributes)

    def __reduce__(self):
        # Without __init__: that of a subclass may take other arguments.
        return copyreg.__newobj__, (type(self),), self.__getstate__()

    def __repr__(self):
        state = self.state
        return f"Generator(seed={state['seed']}, stream={state['stream']})"

    def _stand_for_default(self, dict package):
        """Takes the seed and the streams of what is, at each call, the default_generator among the package's names."""
        self._package = package
        self._class = type(self._default())

    cdef int take_stream(self, call *c) except -1:
        """The fill's seed and stream: the last step before the first byte, so that a refused fill takes no stream."""
        cdef Generator owner
        if c.unnamed:
            c.fill.stream = self.take_streams(1, &c.fill.seed)
            return 0
        owner = self._owner()
        with cython.critical_section(owner):
            c.fill.seed = owner._seed
        return 0

    cdef uint64_t take_streams(self, uint64_t count, uint64_t *seed) except? 0:
        """The first of the next count unnamed streams, which no other fill gets, and their seed."""
        cdef uint64_t first
        cdef Generator owner = self._owner()
        with cython.critical_section(owner):
            first = owner._stream
            if count > (<uint64_t>1 << 63) - first:
                raise ValueError("all 2**63 unnamed streams are used up; reseed the generator")
            owner._stream = first + count
            seed[0] = owner._seed
        return first

    def _address(self, stream):
        """The seed and the stream of a fill that is given this stream; takes the next unnamed one if that is None."""
        cdef uint64_t seed = 0
        if stream is None:
            stream = self.take_streams(1, &seed)
            return seed, stream
        explicit_stream(stream)
        return self.seed, stream

    # What a method whose arguments are converted and checked ends with: it runs the fill, or records it.

    cdef object finish(self, call *c, cnp.ndarray array):
        """Of a fill whose draw and constants are set."""
        if self._pending is not None:
            self._pending.append(Pending.of_fill(c, array))
            return array
        self.take_stream(c)
        run_fill(kernels, c, array)
        return array

    cdef object fill_scheme(
        self, object out, fi_scheme *scheme, fi_scheme_draw draw, object fan_in, object fan_out, object layout,
        object stream, object offset, object global_shape, bint accumulate
    ):
        """A draw whose one parameter the scheme gives."""
        array_of(out)
        cdef call c
        read_call(&c, stream, offset, global_shape, accumulate)
        read_fans(scheme, out, &c.where, fan_in, fan_out, layout)
        cdef cnp.ndarray array = checked_array(out, &c, REALS_OR_COMPLEX if draw == FI_SCHEME_NORMAL else REALS)
        if c.is_complex:
            set_complex_normal(&c.fill, 0, 0, fi_scheme_parameter(scheme, draw))
            if not is_positive(c.fill.scale):
                refuse_scheme(&c.fill, scheme, draw)
        elif fi_set_scheme(&c.fill, scheme, draw):
            refuse_scheme(&c.fill, scheme, draw)
        return self.finish(&c, array)

    def _fill_constant(self, cnp.ndarray out, dtype, bytes value, offset, global_shape):
        """Fills out, which had the dtype when its value was converted, with the bytes of one element."""
        cdef call c
        read_call(&c, None, offset, global_shape, False)
        array_for_constants(out)
        check_block(&c.where, out, False)
        if descr_of(out) is not dtype:
            raise ValueError(f"out was changed while the arguments were read: it had dtype {dtype}")
        fi_set_value(&c.fill, <const char *>value, len(value))
        if self._pending is not None:
            self._pending.append(Pending.of_constants(out, None, value))
            return out
        run_constant(&c.fill, out)
        return out

    def _fill_marked(self, out, cnp.ndarray view, bytes value, list marks, bytes mark):
        """Fills out, of which there is a view, with one value, as an element's bytes, and parts of it with another."""
        each = Pending.of_constants(out, view, value, marks, mark)
        if self._pending is not None:
            self._pending.append(each)
        else:
            run_fills([each], "out")
        return out

    def _write_draws(self, out, cnp.ndarray view, stream, write):
        """Calls write(seed, number), which fills the view of the checked array out from the stream of that number."""
        cdef call c
        read_call(&c, stream, None, None, False)
        if self._pending is not None:
            self._pending.append(Pending.of_draws(&c, out, view, write))
            return out
        check_view(out, view)
        self.take_stream(&c)
        in_standard_environment(write, c.fill.seed, c.fill.stream)
        return out

    def _run(self, list pending, str label):
        """Runs fills that were recorded, with this generator's seed and unnamed streams."""
        cdef Pending each
        cdef list batch = []
        check_unchanged(pending, label)
        for each in pending:
            if each.call is None:
                batch.append(each)
                continue
            self._run_batch(batch, label)
            batch = []
            try:
                each.call()
            except (TypeError, ValueError) as error:
                raise labelled(error, label.format(each.key)) from error
        self._run_batch(batch, label)

    cdef int _run_batch(self, list pending, str label) except -1:
        cdef Pending each
        cdef uint64_t seed = 0
        cdef uint64_t unnamed = 0, stream
        for each in pending:
            unnamed += each.unnamed
        stream = self.take_streams(unnamed, &seed)
        for each in pending:
            each.fill.seed = seed
            if each.unnamed:
                each.fill.stream = stream
                stream += 1
        run_fills(pending, label)
        for each in pending:
            if each.write is not None:
                in_standard_environment(each.write, each.fill.seed, each.fill.stream)
        return 0

    def bits(self, out, *, stream=None, offset=None, global_shape=None):
        """
        Fills an array with random bits: uniform integers.

        Parameters
        ----------
        out : numpy.ndarray
            Of any shape and layout, of dtype uint32 or uint64.
        <stream>
        <block>

        <returns and raises>

        Notes
        -----
        uint32: the outputs of Philox4x32-10 (Salmon et al., SC'11) in turn. uint64: pairs of them, the first one low.

        Examples
        --------
        >>> import numpy as np, fastinit
        >>> fastinit.Generator(0).bits(np.empty(2, np.uint32))
        array([1713891541, 3781805453], dtype=uint32)
        """
        cdef call c
        read_call(&c, stream, offset, global_shape, False)
        cdef cnp.ndarray array = checked_array(out, &c, WORDS)
        fi_set_bits(&c.fill)
        return self.finish(&c, array)

    def uniform(self, out, low=0.0, high=1.0, *, stream=None, offset=None, global_shape=None, bint accumulate=False):
        """
        Fills an array with uniform draws: U[low, high).

        Parameters
        ----------
        <out>
        low, high : float
            The interval: low <= high, finite in the array's dtype, and so is high - low in float32 (float64 for
            float64). low == high gives low everywhere.
        <stream>
        <block>
        <accumulate>

        <returns and raises>

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
        array_of(out)
        cdef call c
        cdef double least = number("low", low), most = number("high", high)
        read_call(&c, stream, offset, global_shape, accumulate)
        cdef cnp.ndarray array = checked_array(out, &c)
        set_uniform(&c.fill, least, most)
        return self.finish(&c, array)

    def normal(self, out, mean=0.0, std=1.0, *, stream=None, offset=None, global_shape=None, bint accumulate=False):
        """
        Fills an array with normal draws: N(mean, std**2).

        Parameters
        ----------
        <normal out>
        mean, std : float
            Finite, std >= 0, and no draw may overflow the array's dtype: abs(mean) + 6.77 std (float64: 8.66 std) is
            finite in it. The mean of a complex array may be complex; std**2 is the variance of both parts together.
        <stream>
        <block>
        <accumulate>

        <returns and raises>

        Notes
        -----
        x = fma(z, std, mean), with z from the Box-Muller transform (Box and Muller, "A note on the generation of random
        normal deviates", 1958): z[2p] = r cos(theta), z[2p + 1] = r sin(theta), r = sqrt(-2 ln u1), theta = 2 pi u2.
        The tail reaches 6.76 standard deviations in float32, 8.65 in float64. The parts of complex numbers are
        fma(z[2i], std sqrt(1/2), mean.real) and fma(z[2i + 1], std sqrt(1/2), mean.imag).

        Examples
        --------
        ``out += 1e-3 * z`` without a second buffer:

        >>> import numpy as np, fastinit
        >>> w = np.ones(3, np.float32)
        >>> fastinit.Generator(42).normal(w, std=1e-3, accumulate=True)
        array([0.9990298, 1.0001941, 0.9987644], dtype=float32)
        """
        array_of(out)
        cdef call c
        cdef double parts[2]
        cdef bint has_parts = read_complex("mean", mean, parts)
        cdef double deviation = number("std", std)
        read_call(&c, stream, offset, global_shape, accumulate)
        cdef cnp.ndarray array = checked_array(out, &c, REALS_OR_COMPLEX)
        if c.is_complex:
            set_complex_normal(&c.fill, parts[0], parts[1], deviation)
        elif has_parts:
            raise TypeError(f"mean must be a number, not {kind_of(mean)}: the array is not complex")
        else:
            set_normal(&c.fill, parts[0], deviation)
        return self.finish(&c, array)

    def truncated_normal(
        self, out, mean=0.0, std=1.0, low=-2.0, high=2.0, *,
        stream=None, offset=None, global_shape=None, bint accumulate=False
    ):
        """
        Fills an array with normal draws between bounds: N(mean, std**2), given low <= (x - mean) / std <= high.

        Parameters
        ----------
        <out>
        mean, std : float
            Of the normal before it is truncated; finite, std >= 0, and no draw may overflow the array's dtype.
        low, high : float
            The bounds in standard deviations from the mean, low <= high; infinite ones truncate nothing. (PyTorch's
            ``trunc_normal_`` takes absolute bounds instead: mean + low std, mean + high std.)
        <stream>
        <block>
        <accumulate>

        <returns and raises>

        Notes
        -----
        x = fma(t, std, mean), with t = Phi^-1(Phi(low) + u (Phi(high) - Phi(low))), Phi the normal distribution
        function and u = (w + 1/2) 2**-32 (float64: 2**-53) of one random word w: no draw is rejected. The relative
        error of t is below 7e-7 (float64: 1.5e-15), in far tails too, but not between bounds closer than 1e-28. x never
        leaves [mean + low std, mean + high std]; its rounding to a 16-bit dtype may.

        Examples
        --------
        >>> import numpy as np, fastinit
        >>> g = fastinit.Generator(42)
        >>> g.truncated_normal(np.empty(3), std=0.02)
        array([-0.0015046 , -0.00780897, -0.00852669])
        >>> g.truncated_normal(np.empty(3), low=10, high=np.inf)
        array([10.01335623, 10.12240233, 10.46153973])
        """
        array_of(out)
        cdef call c
        cdef double center = number("mean", mean), deviation = number("std", std)
        cdef double least = number("low", low), most = number("high", high)
        read_call(&c, stream, offset, global_shape, accumulate)
        cdef cnp.ndarray array = checked_array(out, &c)
        set_truncated_normal(&c.fill, center, deviation, least, most)
        return self.finish(&c, array)

    def xavier_uniform(
        self, out, fan_in=None, fan_out=None, gain=1.0, *,
        layout=None, stream=None, offset=None, global_shape=None, bint accumulate=False
    ):
        """
        Fills an array for layers with tanh: U[-a, a), a = gain sqrt(6 / (fan_in + fan_out)). Also glorot_uniform.

        Parameters
        ----------
        <out>
        <fans>
        <gain>
        <layout>
        <stream>
        <block>
        <accumulate>

        <returns and raises>

        Notes
        -----
        Exactly ``uniform(out, -a, a)``. The variance, 2 gain**2 / (fan_in + fan_out), is a compromise between that
        which keeps the variance of the activations (1 / fan_in) and that which keeps the gradients' (1 / fan_out).
        Source: Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks", AISTATS
        2010, equation 16.

        Examples
        --------
        >>> import numpy as np, fastinit
        >>> fastinit.Generator(42).xavier_uniform(np.empty((2, 3), np.float32), 3, 2)
        array([[ 0.24748267, -0.06882352, -0.93500257],
               [-0.348655  ,  1.0685381 , -0.3788853 ]], dtype=float32)
        """
        cdef fi_scheme scheme = scheme_of(FI_FAN_SUM, 2, positive("gain", gain))
        return self.fill_scheme(
            out, &scheme, FI_SCHEME_UNIFORM, fan_in, fan_out, layout, stream, offset, global_shape, accumulate
        )

    def xavier_normal(
        self, out, fan_in=None, fan_out=None, gain=1.0, *,
        layout=None, bint truncated=False, stream=None, offset=None, global_shape=None, bint accumulate=False
    ):
        """
        Fills an array for layers with tanh: N(0, 2 gain**2 / (fan_in + fan_out)). Also glorot_normal.

        Parameters
        ----------
        <normal out>
        <fans>
        <gain>
        <layout>
        <truncated>
        <stream>
        <block>
        <accumulate>

        <returns and raises>

        Notes
        -----
        Exactly ``normal(out, 0.0, gain * sqrt(2 / (fan_in + fan_out)))``. The variance is a compromise between that
        which keeps the variance of the activations (1 / fan_in) and that which keeps the gradients' (1 / fan_out).
        Source: Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks", AISTATS
        2010, equation 12.

        Examples
        --------
        >>> import numpy as np, fastinit
        >>> w = np.empty((2, 3), np.float32)
        >>> fastinit.Generator(42).xavier_normal(w, layout="torch", gain=fastinit.gain("tanh"))
        array([[-1.0226698 ,  0.20451392, -1.3024588 ],
               [ 2.0279968 , -0.07714009,  0.14666378]], dtype=float32)
        """
        cdef fi_scheme scheme = scheme_of(FI_FAN_SUM, 2, positive("gain", gain))
        return self.fill_scheme(
            out, &scheme, normal_or(truncated), fan_in, fan_out, layout, stream, offset, global_shape, accumulate
        )

    def he_uniform(
        self, out, fan_in=None, negative_slope=0.0, *,
        fan_out=None, layout=None, stream=None, offset=None, global_shape=None, bint accumulate=False
    ):
        """
        Fills an array for layers with ReLU: U[-a, a), a = sqrt(6 / ((1 + negative_slope**2) fan)). Also
        kaiming_uniform.

        Parameters
        ----------
        <out>
        <fan>
        <slope>
        <layout>
        <stream>
        <block>
        <accumulate>

        <returns and raises>

        Notes
        -----
        Exactly ``uniform(out, -a, a)``. A rectifier halves the second moment of what it passes on, so weights of twice
        the variance 1 / fan keep it over the layers. Source: He, Zhang, Ren and Sun, "Delving deep into rectifiers",
        ICCV 2015, equations 10, 14 and 15.

        Examples
        --------
        >>> import numpy as np, fastinit
        >>> fastinit.Generator(42).he_uniform(np.empty((2, 3), np.float32), 3)
        array([[ 0.31949872, -0.08885078, -1.207083  ],
               [-0.45011166,  1.3794767 , -0.48913878]], dtype=float32)
        """
        cdef fi_scheme scheme = he_scheme(fan_in, fan_out, negative_slope)
        return self.fill_scheme(
            out, &scheme, FI_SCHEME_UNIFORM, fan_in, fan_out, layout, stream, offset, global_shape, accumulate
        )

    def he_normal(
        self, out, fan_in=None, negative_slope=0.0, *,
        fan_out=None, layout=None, bint truncated=False,
        stream=None, offset=None, global_shape=None, bint accumulate=False
    ):
        """
        Fills an array for layers with ReLU: N(0, 2 / ((1 + negative_slope**2) fan)). Also kaiming_normal.

        Parameters
        ----------
        <normal out>
        <fan>
        <slope>
        <layout>
        <truncated>
        <stream>
        <block>
        <accumulate>

        <returns and raises>

        Notes
        -----
        Exactly ``normal(out, 0.0, sqrt(2 / ((1 + negative_slope**2) * fan)))``. A rectifier halves the second moment of
        what it passes on, so weights of twice the variance 1 / fan keep it over the layers. Source: He, Zhang, Ren and
        Sun, "Delving deep into rectifiers", ICCV 2015, equations 10, 14 and 15.

        Examples
        --------
        >>> import numpy as np, fastinit
        >>> w = np.empty((2, 784), np.float32)
        >>> fastinit.Generator(42).he_normal(w, 784)[:, :2]
        array([[-0.04900198,  0.00979944],
               [-0.11546963,  0.05013118]], dtype=float32)
        """
        cdef fi_scheme scheme = he_scheme(fan_in, fan_out, negative_slope)
        return self.fill_scheme(
            out, &scheme, normal_or(truncated), fan_in, fan_out, layout, stream, offset, global_shape, accumulate
        )

    def lecun_uniform(
        self, out, fan_in=None, *,
        layout=None, stream=None, offset=None, global_shape=None, bint accumulate=False
    ):
        """
        Fills an array for layers with SELU or no activation: U[-a, a), a = sqrt(3 / fan_in).

        Parameters
        ----------
        <out>
        <fan_in>
        <layout>
        <stream>
        <block>
        <accumulate>

        <returns and raises>

        Notes
        -----
        Exactly ``uniform(out, -a, a)``: each unit sums fan_in inputs, so weights of variance 1 / fan_in keep the
        inputs' variance. Source: LeCun, Bottou, Orr and Müller, "Efficient BackProp", 1998, section 4.6.

        Examples
        --------
        >>> import numpy as np, fastinit
        >>> fastinit.Generator(42).lecun_uniform(np.empty((2, 3), np.float32), 3)
        array([[ 0.22591972, -0.06282699, -0.8535366 ],
               [-0.318277  ,  0.9754373 , -0.34587336]], dtype=float32)
        """
        cdef fi_scheme scheme = scheme_of(FI_FAN_IN, 1)
        return self.fill_scheme(
            out, &scheme, FI_SCHEME_UNIFORM, fan_in, None, layout, stream, offset, global_shape, accumulate
        )

    def lecun_normal(
        self, out, fan_in=None, *,
        layout=None, bint truncated=False, stream=None, offset=None, global_shape=None, bint accumulate=False
    ):
        """
        Fills an array for layers with SELU or no activation: N(0, 1 / fan_in).

        Parameters
        ----------
        <normal out>
        <fan_in>
        <layout>
        <truncated>
        <stream>
        <block>
        <accumulate>

        <returns and raises>

        Notes
        -----
        Exactly ``normal(out, 0.0, sqrt(1 / fan_in))``: each unit sums fan_in inputs, so weights of variance 1 / fan_in
        keep the inputs' variance. Source: LeCun, Bottou, Orr and Müller, "Efficient BackProp", 1998, section 4.6; for
        SELU: Klambauer et al., "Self-normalizing neural networks", NeurIPS 2017.

        Examples
        --------
        >>> import numpy as np, fastinit
        >>> fastinit.Generator(42).lecun_normal(np.empty((2, 3), np.float32), 3)
        array([[-0.56013936,  0.11201689, -0.713386  ],
               [ 1.1107796 , -0.04225136,  0.08033106]], dtype=float32)
        """
        cdef fi_scheme scheme = scheme_of(FI_FAN_IN, 1)
        return self.fill_scheme(
            out, &scheme, normal_or(truncated), fan_in, None, layout, stream, offset, global_shape, accumulate
        )

    def lasagne_uniform(
        self, out, fan_in=None, fan_out=None, gain=1.0, *,
        layout=None, stream=None, offset=None, global_shape=None, bint accumulate=False
    ):
        """
        Fills an array as lasagne.init.GlorotUniform: U[-a, a), a = gain sqrt(6 / (fan_in + fan_out)).

        Parameters
        ----------
        <out>
        <fans>
        <lasagne gain>
        <layout>
        <stream>
        <block>
        <accumulate>

        <returns and raises>

        Notes
        -----
        Exactly ``uniform(out, -a, a)``; gain="relu" gives a = sqrt(12 / (fan_in + fan_out)). ``layout="lasagne"`` adds
        up the fans as Lasagne does: the first two axes, times the receptive field. Source: the Lasagne documentation,
        lasagne.init; Glorot and Bengio, AISTATS 2010.

        Examples
        --------
        >>> import numpy as np, fastinit
        >>> w = np.empty((3, 2), np.float32)
        >>> fastinit.Generator(42).lasagne_uniform(w, gain="relu", layout="lasagne")
        array([[ 0.34999335, -0.09733116],
               [-1.3222933 , -0.49307263],
               [ 1.511141  , -0.5358247 ]], dtype=float32)
        """
        cdef fi_scheme scheme = lasagne_scheme(gain)
        return self.fill_scheme(
            out, &scheme, FI_SCHEME_UNIFORM, fan_in, fan_out, layout, stream, offset, global_shape, accumulate
        )

    def lasagne_normal(
        self, out, fan_in=None, fan_out=None, gain=1.0, *,
        layout=None, bint truncated=False, stream=None, offset=None, global_shape=None, bint accumulate=False
    ):
        """
        Fills an array as lasagne.init.GlorotNormal: N(0, 2 gain**2 / (fan_in + fan_out)).

        Parameters
        ----------
        <normal out>
        <fans>
        <lasagne gain>
        <layout>
        <truncated>
        <stream>
        <block>
        <accumulate>

        <returns and raises>

        Notes
        -----
        Exactly ``normal(out, 0.0, gain * sqrt(2 / (fan_in + fan_out)))``; gain="relu" gives the standard deviation
        sqrt(4 / (fan_in + fan_out)). ``layout="lasagne"`` adds up the fans as Lasagne does: the first two axes, times
        the receptive field. Source: the Lasagne documentation, lasagne.init; Glorot and Bengio, AISTATS 2010.

        Examples
        --------
        >>> import numpy as np, fastinit
        >>> w = np.empty((3, 2), np.float32)
        >>> fastinit.Generator(42).lasagne_normal(w, gain="relu", layout="lasagne")
        array([[-0.8677641 ,  0.17353582],
               [-1.1051729 ,  1.7208124 ],
               [-0.06545553,  0.12444835]], dtype=float32)
        """
        cdef fi_scheme scheme = lasagne_scheme(gain)
        return self.fill_scheme(
            out, &scheme, normal_or(truncated), fan_in, fan_out, layout, stream, offset, global_shape, accumulate
        )

    def variance_scaling(
        self, out, scale=1.0, mode="fan_in", distribution="truncated_normal", *,
        fan_in=None, fan_out=None, layout=None, stream=None, offset=None, global_shape=None, bint accumulate=False
    ):
        """
        Fills an array with draws of mean 0 and variance scale / n: the rule behind the other schemes.

        Parameters
        ----------
        <normal out>
        scale : float
            Positive and finite: 2 with mode "fan_in" is he, 1 is lecun, 1 with "fan_avg" is xavier.
        mode : {"fan_in", "fan_out", "fan_avg", "fan_geo_avg"}
            n: a fan, their average (fan_in + fan_out) / 2 or their geometric average sqrt(fan_in fan_out).
        distribution : {"truncated_normal", "untruncated_normal", "normal", "uniform"}
            A normal cut at two standard deviations, whose own are corrected so that the variance is the formula's; a
            whole normal, by two names; U[-a, a) with a = sqrt(3 scale / n).
        fan_in, fan_out : float, optional
            Inputs and outputs of a unit, those that the mode needs; positive and finite.
        <layout>
        <stream>
        <block>
        <accumulate>

        <returns and raises>

        Notes
        -----
        Exactly ``truncated_normal(out, 0.0, sqrt(scale / n) / 0.87962566103423978)``, ``normal(out, 0.0, sqrt(scale /
        n))`` or ``uniform(out, -a, a)``. Source: the initialisers of this name in Keras and JAX, where "normal" is
        truncated in the one and, as here, not in the other.

        Examples
        --------
        >>> import numpy as np, fastinit
        >>> w = np.empty((3, 2), np.float32)
        >>> fastinit.Generator(42).variance_scaling(w, 2.0, "fan_in", "uniform", layout="keras")
        array([[ 0.31949872, -0.08885078],
               [-1.207083  , -0.45011166],
               [ 1.3794767 , -0.48913878]], dtype=float32)
        """
        cdef int fan_mode = choice("mode", mode, _MODES), draw = choice("distribution", distribution, _DISTRIBUTIONS)
        cdef fi_scheme scheme = scheme_of(<fi_fan_mode>fan_mode, positive("scale", scale))
        return self.fill_scheme(
            out, &scheme, <fi_scheme_draw>draw, fan_in, fan_out, layout, stream, offset, global_shape, accumulate
        )


# ---- Many fills at once ----------------------------------------------------------------------------------------------

cdef class Pending:
    """A fill whose arguments are checked and that is still to run."""

    cdef readonly cnp.ndarray out
    cdef cnp.ndarray view  # its memory as it was checked
    cdef readonly object key  # among the fills
    cdef object write  # what writes the values, if not the core,
    cdef object call  # or what does all of it: a method that a subclass overrides
    cdef bytes value  # of constants, as the bytes of an element
    cdef list marks  # parts of the view, if some get another value,
    cdef bytes mark  # which is this one
    cdef fi_fill fill
    cdef bytes block  # offset, then global_shape, if it is one
    cdef bint unnamed, is_complex

    @staticmethod
    cdef Pending of_array(cnp.ndarray out, cnp.ndarray view):
        cdef Pending self = Pending.__new__(Pending)
        self.out = out
        self.view = base_view(out) if view is None else view
        return self

    @staticmethod
    cdef Pending of_call(cnp.ndarray out, object call):
        cdef Pending self = Pending.of_array(out, None)
        self.call = call
        return self

    @staticmethod
    cdef Pending of_constants(cnp.ndarray out, cnp.ndarray view, bytes value, list marks=None, bytes mark=None):
        cdef Pending self = Pending.of_array(out, view)
        self.value, self.marks, self.mark = value, marks, mark
        return self

    @staticmethod
    cdef Pending of_draws(const call *c, cnp.ndarray out, cnp.ndarray view, object write):
        cdef Pending self = Pending.of_array(out, view)
        self.write = write
        self.unnamed = c.unnamed
        self.fill.stream = 0 if c.unnamed else c.fill.stream
        return self

    @staticmethod
    cdef Pending of_fill(const call *c, cnp.ndarray array):
        cdef Pending self = Pending.of_draws(c, array, None, None)
        self.fill = c.fill
        self.is_complex = c.is_complex
        cdef Py_ssize_t size = cnp.PyArray_NDIM(array) * sizeof(uint64_t)
        if c.where.given:
            self.block = (<const char *>c.where.offset)[:size] + (<const char *>c.where.global_shape)[:size]
        return self


def record(Generator generator, Generator recorder, dict accepted, specs, bint named, bint accumulate, str label):
    """
    The fills of pairs of a key and a tuple (out, scheme, *arguments), as a list of Pending, for this generator.

    The recorder, which nobody else has, is spent. accepted tells of each scheme whether it draws. Named fills that do
    take their key as the stream. The label, with the key in it, begins the errors.
    """
    cdef Pending each
    cdef dict methods = {}  # those that no subclass overrides, by their names
    recorder._pending = []
    for key, spec in specs:
        try:
            record_one(generator, recorder, accepted, methods, key, spec, named, accumulate)
        except (TypeError, ValueError) as error:
            raise labelled(error, label.format(key)) from error.__cause__
        each = recorder._pending[-1]
        each.key = key
    return recorder._pending


cdef int record_one(
    Generator generator, Generator recorder, dict accepted, dict methods, object key, object spec, bint named,
    bint accumulate
) except -1:
    cdef cnp.ndarray array
    if not isinstance(spec, (tuple, list)) or len(spec) < 2:
        raise TypeError(f"accepted is a tuple (out, scheme, *arguments), not {described(spec)}")
    out, scheme, *arguments = spec
    draws = choice("scheme", scheme, accepted)
    name = characters_of(scheme)
    keywords = {}
    if arguments and isinstance(arguments[-1], dict):
        keywords = dict(arguments.pop())
    if named:
        if "stream" in keywords:
            raise TypeError(f"stream={keywords['stream']!r}; the stream of a fill in a mapping is its key")
        if draws and key is not None:
            keywords["stream"] = key
        else:
            explicit_stream(key)
    if accumulate:
        if not draws:
            raise TypeError(f"accumulate=True with {scheme}, which draws nothing that could be added")
        keywords["accumulate"] = True
    if name not in methods:
        method = getattr(generator, name)
        own = getattr(method, "__func__", None) is getattr(type(recorder), name)
        methods[name] = getattr(recorder, name) if own else None
    method = methods[name]
    if method is not None:
        method(out, *arguments, **keywords)
        return 0
    method = getattr(generator, name)
    array = array_of(out)  # what a subclass does, it does when its turn comes
    check_memory(array)
    recorder._pending.append(Pending.of_call(array, functools.partial(method, out, *arguments, **keywords)))
    return 0


cdef object labelled(object error, str label):
    kind = TypeError if isinstance(error, TypeError) else ValueError
    return kind(f"{label}: {error}")


cdef str described(object spec):
    """What an error calls something that is no tuple of a fill."""
    if not isinstance(spec, (tuple, list)):
        return type(spec).__name__
    return f"one of {len(spec)} item{'' if len(spec) == 1 else 's'}"


def check_apart(list pending, str label):
    """Raises an error, with the label and their keys in it, if two of the arrays share memory."""
    cdef fi_overlap found
    if find_overlap([(<Pending>each).view for each in pending], &found):
        one, other = [label.format((<Pending>pending[i]).key) for i in (found.first, found.second)]
        raise ValueError(f"{one} and {other} share memory; each array is filled once")


cdef bint find_overlap(list arrays, fi_overlap *found) except -1:
    cdef size_t i, count = <size_t>len(arrays)
    cdef cnp.ndarray memory_of_extents = numpy.empty(count * sizeof(fi_extent), numpy.uint8), memory
    cdef fi_extent *extents = <fi_extent *>cnp.PyArray_DATA(memory_of_extents)
    cdef int shared = -1
    found.memory = fi_overlap_memory(count)
    while shared < 0:
        memory = numpy.empty(found.memory, numpy.uint8)
        for i in range(count):  # from here on nothing of Python's runs
            extents[i] = extent_of(arrays[i])
        shared = fi_find_overlap(extents, count, cnp.PyArray_DATA(memory), found.memory, found)
    return shared


def overlap_of(list arrays):
    """The first two of the arrays found that share memory, or None, and the steps that it took: for tests."""
    cdef fi_overlap found
    shared = find_overlap(arrays, &found)
    return (found.first, found.second) if shared else None, found.work


cdef int check_unchanged(list pending, str label) except -1:
    """Raises before the first byte if code that ran since the checks has changed an array."""
    cdef Pending each
    for each in pending:
        if not is_unchanged(each.out, each.view):
            raise changed(label.format(each.key), each.view)
    return 0


cdef int run_fills(list pending, str label) except -1:
    """Runs those that the core writes, side by side."""
    cdef Pending each
    cdef const uint64_t *offset
    cdef const uint64_t *global_shape
    cdef size_t count = 0, axes = 0, marked = 0
    for each in pending:
        axes += <size_t>cnp.PyArray_NDIM(each.view) + 2
        marked += each.marks is not None
    cdef bytearray memory_of_tasks = bytearray(<Py_ssize_t>(len(pending) * sizeof(fi_task)))
    cdef bytearray memory_of_axes = bytearray(<Py_ssize_t>(axes * sizeof(fi_axis)))
    cdef bytearray memory_of_marks = bytearray(<Py_ssize_t>(marked * sizeof(fi_marks)))
    cdef fi_task *tasks = <fi_task *><char *>memory_of_tasks
    cdef fi_axis *axis = <fi_axis *><char *>memory_of_axes
    cdef fi_marks *marks = <fi_marks *><char *>memory_of_marks
    for each in pending:
        if each.write is not None:
            continue
        if each.value is not None:
            fi_set_value(&tasks[count].fill, <const char *>each.value, len(each.value))
            if each.marks is not None:
                set_marks(marks, each.marks, each.mark)
            set_constant_region(&tasks[count], each.view, NULL if each.marks is None else marks, axis)
            marks += each.marks is not None
        else:
            offset = global_shape = NULL
            if each.block is not None:
                offset = <const uint64_t *><const char *>each.block
                global_shape = offset + cnp.PyArray_NDIM(each.view)
            tasks[count].fill = each.fill
            set_region(&tasks[count], each.view, offset, global_shape, each.is_complex, axis)
        axis += cnp.PyArray_NDIM(each.view) + 2
        count += 1
    check_unchanged(pending, label)  # again: what was allocated since may have made Python run
    return run_tasks(kernels, tasks, count)


cdef int run_constant(fi_fill *fill, cnp.ndarray array) except -1:
    cdef fi_task task
    cdef fi_axis axis[FI_AXES_MAX + 1]
    cdef size_t count = cnp.PyArray_SIZE(array)
    if count < RELEASE_GIL_FROM and cnp.PyArray_FLAGS(array) & cnp.NPY_ARRAY_C_CONTIGUOUS:
        fi_fill_constant(&fill.value, count, cnp.PyArray_DATA(array))
        return 0
    task.fill = fill[0]
    set_constant_region(&task, array, NULL, axis)
    return run_tasks(kernels, &task, 1)


# ---- What the docstrings share ---------------------------------------------------------------------------------------

_SHARED = {
    "<out>": """out : numpy.ndarray
    Of any shape and layout, of dtype float32, float64, float16 or bfloat16 (of ml_dtypes).""",
    "<normal out>": """out : numpy.ndarray
    Of any shape and layout, of dtype float32, float64, float16 or bfloat16 (of ml_dtypes), complex64 or complex128. The
    two parts of a complex number have half the variance each; a truncated draw has none.""",
    "<constant out>": """out : numpy.ndarray
    Of any shape and layout, of any dtype of numbers: bool, integers, floating-point or complex; of ml_dtypes too.""",
    "<fans>": """fan_in, fan_out : float, optional
    Inputs and outputs of a unit, positive and finite. Left out with a layout.""",
    "<fan>": """fan_in : float, optional
    Inputs of a unit, positive and finite. Left out with a layout, or for fan_out.
fan_out : float, optional
    Outputs of a unit, in the place of fan_in: keeps the variance of the gradients instead of the activations'.""",
    "<fan_in>": """fan_in : float, optional
    Inputs of a unit, positive and finite. Left out with a layout.""",
    "<gain>": """gain : float
    Positive and finite: the activation's, see fastinit.gain.""",
    "<lasagne gain>": """gain : float or "relu"
    Positive and finite; "relu" is sqrt(2).""",
    "<slope>": """negative_slope : float
    Slope of the rectifier below zero: 0 is ReLU's.""",
    "<layout>": """layout : {"torch", "keras", "jax", "flax", "tensorflow", "lasagne"}, optional
    Takes the fans from out's shape, or global_shape: see fastinit.fans.""",
    "<truncated>": """truncated : bool
    Cut at two standard deviations, as Keras and JAX do, with the spread corrected so that the variance is the same:
    ``truncated_normal(out, 0.0, std / 0.87962566103423978)``.""",
    "<stream>": """stream : int or str, optional
    The stream: an integer in [0, 2**63) or a name. Left out: the generator's next one.""",
    "<block>": """offset, global_shape : tuple of int, optional
    out is the block of a tensor of that shape which begins at that offset, and gets what the tensor would hold there.
    One integer for each axis; at most 2**63 elements.""",
    "<accumulate>": """accumulate : bool
    Add the values to what is there.""",
    "<returns and raises>": """Returns
-------
numpy.ndarray
    out.

Raises
------
TypeError, ValueError
    If an argument is not as above; nothing is written and no stream is taken then.""",
}


def complete_docstrings(cls):
    """Writes out what the docstrings of the class's methods share."""
    for method in vars(cls).values():
        text = getattr(method, "__doc__", None)
        if text and "Parameters\n" in text:
            if text.startswith("\n        "):  # Cython and Python before 3.13 keep the indentation
                text = text.replace("\n        ", "\n")
            for mark, shared in _SHARED.items():
                text = text.replace(mark, shared)
            method.__doc__ = text
    return cls


complete_docstrings(Generator)
