# What the Cython layer uses of the C core, NumPy and the C compiler.

cdef extern from "numpy/arrayobject.h":
    object PyArray_NewFromDescr(
        PyTypeObject *subtype, cnp.dtype descr, int axes, const cnp.npy_intp *shape, const cnp.npy_intp *strides,
        void *data, int flags, PyObject *like
    )

cdef extern from "Python.h":
    object PyObject_Vectorcall(object function, PyObject *const *arguments, size_t positional, PyObject *names)

cdef extern from "core.h" nogil:
    enum: FASTINIT_STREAM_VERSION
    ctypedef enum fi_dtype:
        FI_UINT32, FI_UINT64, FI_FLOAT32, FI_FLOAT64, FI_FLOAT16, FI_BFLOAT16
    ctypedef struct fi_value:
        size_t size
    ctypedef enum fi_draw:
        FI_BITS, FI_CONSTANT
    ctypedef struct fi_kernels:
        pass
    ctypedef struct fi_fill:
        fi_dtype dtype
        fi_draw draw
        int accumulate
        uint64_t seed, stream
        double scale
        fi_value value
    const char *fi_dtype_name(fi_dtype dtype)
    ctypedef enum fi_refusal:
        FI_ACCEPTED, FI_REFUSED_BOUNDS, FI_REFUSED_UNDERFLOW, FI_REFUSED_OFFSET, FI_REFUSED_SIZE
    void fi_set_bits(fi_fill *fill)
    fi_refusal fi_set_uniform(fi_fill *fill, double low, double high)
    fi_refusal fi_set_normal(fi_fill *fill, double mean, double std)
    fi_refusal fi_set_complex_normal(fi_fill *fill, double real, double imaginary, double std)
    fi_refusal fi_set_truncated_normal(fi_fill *fill, double mean, double std, double low, double high)
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
    ctypedef struct fi_parameter:
        pass
    fi_refusal fi_set_scheme_again(
        fi_fill *fill, const fi_scheme *scheme, fi_scheme_draw draw, fi_parameter *last
    )
    void fi_fill_range(const fi_kernels *kernels, const fi_fill *fill, uint64_t first, size_t count, void *out)
    enum: FI_AXES_MAX, FI_THREADS_MAX
    ctypedef struct fi_axis:
        pass
    ctypedef struct fi_region:
        size_t count, chunks
    void fi_set_region(
        fi_region *region, fi_dtype dtype, void *data, int axes, const ptrdiff_t *shape, const ptrdiff_t *strides,
        const uint64_t *offset, const uint64_t *global_shape, fi_axis *axis
    )
    ctypedef struct fi_streams:
        size_t count
        ptrdiff_t stride
        const uint64_t *number
        uint64_t step
    void fi_set_streams(fi_region *region, fi_dtype dtype, fi_streams streams)
    bint fi_fill_small_block(
        const fi_kernels *kernels, const fi_fill *fill, void *data, int axes, const ptrdiff_t *shape,
        const uint64_t *offset, const uint64_t *global_shape
    )
    void fi_start_region_at(fi_region *region, fi_dtype dtype, uint64_t first)
    void fi_fill_chunk(const fi_kernels *kernels, const fi_fill *fill, const fi_region *region, size_t chunk)
    fi_refusal fi_check_block(
        int axes, const ptrdiff_t *shape, const uint64_t *offset, const uint64_t *global_shape, uint64_t elements_max
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

# Ints of one digit, which most are, without a call.
cdef extern from *:
    """
    #if PY_VERSION_HEX >= 0x030C0000
    #define has_one_digit(value) PyUnstable_Long_IsCompact((PyLongObject *)(value))
    #define digit_of(value) PyUnstable_Long_CompactValue((PyLongObject *)(value))
    #else
    #define has_one_digit(value) ((size_t)Py_SIZE(value) + 1 <= 2)
    #define digit_of(value) (Py_SIZE(value) * (Py_ssize_t)((PyLongObject *)(value))->ob_digit[0])
    #endif
    """
    bint has_one_digit(object value) noexcept
    Py_ssize_t digit_of(object value) noexcept

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

    static int is_finite(double x) { return (bits_of(x) & INT64_MAX) < INT64_C(0x7FF) << 52; }

    static int is_positive(double x) { return bits_of(x) > 0 && is_finite(x); }
    """
    bint is_finite(double x) noexcept
    bint is_positive(double x) noexcept

# The only place where Python's own check of keywords can be told to say more.
cdef extern from *:
    """
    static PyObject *format_error(PyObject *type, const char *format, ...) {
        va_list arguments;
        va_start(arguments, format);
        if (strcmp(format, "%s() got an unexpected keyword argument '%U'") == 0) {
            const char *function = va_arg(arguments, const char *);
            PyObject *keyword = va_arg(arguments, PyObject *), *hints = PyImport_ImportModule("fastinit.hints");
            PyObject *hint = hints ? PyObject_CallMethod(hints, "of_keyword", "sO", function, keyword) : NULL;
            if (hint) PyErr_Format(type, "%s() got an unexpected keyword argument '%U'%U", function, keyword, hint);
            Py_XDECREF(hint);
            Py_XDECREF(hints);
        } else {
            PyErr_FormatV(type, format, arguments);
        }
        va_end(arguments);
        return NULL;
    }

    #define PyErr_Format format_error
    """
    pass

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
