# The numbers: arguments as doubles and integers, and what errors say of those that are none.

cdef object numpy_float32 = numpy.float32


cpdef inline double number(str name, object value) except? -1.0:
    if PyLong_CheckExact(value) and has_one_digit(value):
        return <double>digit_of(value)  # of 30 bits: exact
    if PyFloat_Check(value):  # numpy.float64, too
        return PyFloat_AS_DOUBLE(value)
    return converted(name, value)


cdef double converted(str name, object value) except? -1.0:
    cdef fi_whole_fpenv caller
    if is_bool(value) or is_complex(value):
        raise TypeError(f"{name} must be a number, not {kind_of(value)}")
    fi_whole_fpenv_enter(&caller)
    try:
        return PyFloat_AsDouble(value)
    except TypeError as error:
        traced = hints().if_traced(value, hints().UNIT_DRAW if name in ("std", "stddev", "scale") else "")
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


cdef object hints():
    """What errors say besides the problem: imported when there is one."""
    from fastinit import hints

    return hints


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
        traced = hints().if_traced(value)
        refused = TypeError(f"{name} must be a number, not {kind_of(value)}{traced}")
        raise refused from cause_of(error, value, "__complex__", traced)
    parts[0], parts[1] = PyComplex_RealAsDouble(both), PyComplex_ImagAsDouble(both)
    return True


cdef inline bint is_uint64(object value, uint64_t *number) noexcept:
    """Whether value is an int in [0, 2**64), the usual case, which is to cost next to nothing; sets number."""
    cdef Py_ssize_t digit
    cdef uint64_t large = 0  # so that number, whose address goes nowhere, needs no memory
    if not PyLong_CheckExact(value):
        return False
    if has_one_digit(value):
        digit = digit_of(value)
        number[0] = <uint64_t>digit
        return digit >= 0
    if not has_64_bits(value, &large):
        return False
    number[0] = large
    return True


cdef bint has_64_bits(object value, uint64_t *number) noexcept:
    cdef int overflow
    cdef long long small = PyLong_AsLongLongAndOverflow(value, &overflow)
    number[0] = <uint64_t>small
    if overflow <= 0:
        return overflow == 0 and small >= 0
    try:
        number[0] = PyLong_AsUnsignedLongLong(value)
    except OverflowError:
        return False
    return True


cpdef object integer_of(str name, object value, str accepted_type):
    """value as an int; a bool is none."""
    if is_bool(value):
        raise TypeError(f"{name} must be {accepted_type}, not {kind_of(value)}")
    try:
        return PyNumber_Index(value)
    except TypeError as error:
        traced = hints().if_traced(value)
        refused = TypeError(f"{name} must be {accepted_type}, not {type(value).__name__}{traced}")
        raise refused from cause_of(error, value, "__index__", traced)


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
    return fi_dtype_name(dtype).decode()


cdef int set_uniform(fi_fill *fill, double low, double high) except -1:
    if fi_set_uniform(fill, low, high) != FI_ACCEPTED:
        raise refused_uniform(fill.dtype, low, high)
    return 0


cdef int set_normal(fi_fill *fill, double mean, double std) except -1:
    if fi_set_normal(fill, mean, std) != FI_ACCEPTED:
        raise refused_normal(fill.dtype, mean, std)
    return 0


cdef int set_complex_normal(fi_fill *fill, double real, double imaginary, double std) except -1:
    if fi_set_complex_normal(fill, real, imaginary, std) != FI_ACCEPTED:
        raise refused_normal(fill.dtype, complex(real, imaginary), std, "each part ", "sqrt(1/2) ", "'s")
    return 0


cdef int set_truncated_normal(fi_fill *fill, double mean, double std, double low, double high) except -1:
    cdef fi_refusal refusal = fi_set_truncated_normal(fill, mean, std, low, high)
    if refusal == FI_REFUSED_BOUNDS:
        raise ValueError(
            f"low={low}, high={high}: accepted are bounds in standard deviations with low <= high, low < inf and "
            "high > -inf"
        )
    if refusal != FI_ACCEPTED:
        raise refused_truncated_normal(fill.dtype, mean, std, low, high)
    return 0


cdef object refused_uniform(fi_dtype dtype, double low, double high):
    return ValueError(
        f"low={low}, high={high}: accepted are finite numbers with low <= high whose values and difference do not "
        f"overflow {dtype_name(dtype)}"
    )


cdef object refused_normal(fi_dtype dtype, object mean, double std, str each="", str share="", str of_mean=""):
    return ValueError(
        f"mean={mean}, std={std}: accepted are finite numbers with std >= 0 whose draws, {each}up to "
        f"{fi_normal_reach(dtype)} {share}standard deviations from the mean{of_mean}, do not overflow "
        f"{dtype_name(dtype)}"
    )


cdef object refused_truncated_normal(fi_dtype dtype, double mean, double std, double low, double high):
    return ValueError(
        f"mean={mean}, std={std}, low={low}, high={high}: accepted are a finite mean and std >= 0 whose draws do "
        f"not overflow {dtype_name(dtype)}"
    )


cdef int refuse_scheme(
    const fi_fill *fill, const fi_scheme *scheme, fi_scheme_draw draw, fi_refusal refusal
) except -1:
    """Raises why fi_set_scheme_again refused: what the draw with the scheme's parameter raises, or that this is 0."""
    cdef double parameter = fi_scheme_parameter(scheme, draw)
    if refusal == FI_REFUSED_UNDERFLOW:
        name = "limit" if draw == FI_SCHEME_UNIFORM else "std"
        compute = "float64" if fill.dtype == FI_FLOAT64 else "float32"
        raise ValueError(
            f"these arguments give {name}={parameter}, which rounds to 0 in {compute}; accepted for an array of "
            f"{dtype_name(fill.dtype)} are arguments that give more"
        )
    if draw == FI_SCHEME_UNIFORM:
        raise refused_uniform(fill.dtype, -parameter, parameter)
    if draw == FI_SCHEME_NORMAL:
        raise refused_normal(fill.dtype, 0.0, parameter)
    raise refused_truncated_normal(fill.dtype, 0.0, parameter, -2.0, 2.0)


cpdef inline double positive(str name, object value) except? -1.0:
    cdef double x = number(name, value)
    return x if is_positive(x) else refused_number(name, value, "positive ")


cpdef inline double finite(str name, object value) except? -1.0:
    cdef double x = number(name, value)
    return x if is_finite(x) else refused_number(name, value, "")


cdef double refused_number(str name, object value, str which) except? -1.0:
    raise ValueError(f"{name}={value!r}; accepted is a {which}finite number")


def in_standard_environment(function, *arguments):
    """function(*arguments), rounded to nearest and with subnormal numbers, whatever the caller's environment is."""
    cdef fi_whole_fpenv caller
    fi_whole_fpenv_enter(&caller)
    try:
        return function(*arguments)
    finally:
        fi_whole_fpenv_leave(&caller)
