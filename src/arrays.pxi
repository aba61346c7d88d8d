# The array and the block of a tensor that it is: read, checked before the first byte, and described in errors.

# A call converts all of its arguments first, which may run code of the user's (a number's __float__, an iterable), and
# that may change the array. Then it checks the array, and from there to the last byte nothing of Python runs, but for
# signal handlers between two slices of a long fill, whose memory is written down by then.

cdef enum:
    WORDS, REALS, REALS_OR_COMPLEX  # what a draw may fill

# What part of a tensor an array is; the sizes are in the order of the array's axes.
cdef struct block:
    int outer  # axes of the array before those of the tensor: 1 where each row is a tensor, with a stream of its own
    size_t rows  # how many there have to be, then
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
    bint on_device  # the array is memory of a GPU


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


cdef inline int dtype_of(cnp.ndarray array) noexcept:
    """The fi_dtype of an array, or -1."""
    cdef int number = cnp.PyArray_TYPE(array)
    cdef Py_ssize_t size
    if number == cnp.NPY_FLOAT32:
        return FI_FLOAT32
    if number == cnp.NPY_FLOAT64:
        return FI_FLOAT64
    if number == cnp.NPY_FLOAT16:
        return FI_FLOAT16
    size = cnp.PyArray_ITEMSIZE(array)
    # C has more than one unsigned type of a size.
    if cnp.PyTypeNum_ISUNSIGNED(number) and size == 4:
        return FI_UINT32
    if cnp.PyTypeNum_ISUNSIGNED(number) and size == 8:
        return FI_UINT64
    if is_bfloat16(array):
        return FI_BFLOAT16
    return -1


cdef int part_dtype_of(cnp.ndarray array) noexcept:
    """The fi_dtype of the parts of complex numbers, or -1."""
    if cnp.PyArray_TYPE(array) == cnp.NPY_COMPLEX64:
        return FI_FLOAT32
    if cnp.PyArray_TYPE(array) == cnp.NPY_COMPLEX128:
        return FI_FLOAT64
    return -1


cdef inline cnp.ndarray array_of(object out):
    """out, or an array that stands for memory of a device: see gpu.pxi."""
    return <cnp.ndarray>out if cnp.PyArray_Check(out) else array_on_device(out)


cdef inline size_t size_of(cnp.ndarray array) noexcept:
    """The number of elements; NumPy's own function is a call."""
    cdef size_t count = 1
    cdef int axis
    for axis in range(cnp.PyArray_NDIM(array)):
        count *= <size_t>cnp.PyArray_DIM(array, axis)
    return count


cdef object descr_of(cnp.ndarray array):
    """The dtype; a subclass may have another attribute of that name."""
    return <object>cnp.PyArray_DESCR(array)


cdef inline cnp.ndarray array_of_dtype(object out, call *c, int accepted):
    """out as an array of a dtype that the draw fills; sets the fill's dtype."""
    cdef cnp.ndarray array = array_of(out)
    cdef int dtype = dtype_of(array)
    c.on_device = is_on_device(out)
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


cdef inline int check_byte_order(cnp.ndarray array) except -1:
    return refuse_byte_order(array) if cnp.PyArray_ISBYTESWAPPED(array) else 0


cdef int refuse_byte_order(cnp.ndarray array) except -1:
    raise TypeError(f"out has dtype {descr_of(array).str!r}, byte-swapped; accepted is the machine's byte order")


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


cdef inline cnp.ndarray checked_array(object out, call *c, int accepted=REALS):
    """out as an array that the core can fill with what the call asks for; sets the fill's dtype."""
    cdef cnp.ndarray array = array_of_dtype(out, c, accepted)
    check_memory(array)
    if c.where.given or c.where.outer:
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
    if is_on_device(out):
        check_constant_on_device(array)
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
    c.where.given = c.where.outer = False
    cdef cnp.ndarray array = array_for_constants(out) if for_constants else checked_array(out, &c)
    if is_on_device(out):
        return array
    cdef cnp.dtype descr = descr_of(array)
    Py_INCREF(descr)  # which the next call takes
    cdef cnp.ndarray view = PyArray_NewFromDescr(
        <PyTypeObject *>cnp.ndarray, descr, cnp.PyArray_NDIM(array), cnp.PyArray_DIMS(array),
        cnp.PyArray_STRIDES(array), cnp.PyArray_DATA(array), cnp.NPY_ARRAY_WRITEABLE, NULL
    )
    cnp.set_array_base(view, array)
    return view


def check_normal(out, double std):
    """Raises what normal(out, 0, std) would raise."""
    cdef call c
    c.where.given = c.where.outer = False
    checked_array(out, &c)
    set_normal(&c.fill, 0.0, std)


cdef bint is_same_extent(const fi_extent *one, const fi_extent *other) noexcept:
    cdef size_t size = one.axes * sizeof(ptrdiff_t)
    return (
        one.axes == other.axes
        and one.data == other.data
        # An array without axes has no lists to compare: NULL, which memcmp does not take.
        and (
            one.axes == 0
            or memcmp(one.shape, other.shape, size) == 0
            and memcmp(one.strides, other.strides, size) == 0
        )
    )


def check_view(out, cnp.ndarray view):
    """Raises if an array is no longer what it was when the view of it was made, or cannot be written to."""
    if is_on_device(out):
        return
    cdef cnp.ndarray array = out
    cdef fi_extent then = extent_of(view), now = extent_of(array)
    if not (
        cnp.PyArray_FLAGS(array) & cnp.NPY_ARRAY_WRITEABLE
        and is_same_extent(&then, &now)
        and cnp.PyArray_DESCR(array) == cnp.PyArray_DESCR(view)
    ):
        raise changed("out", descr_of(view), shape_of(view))


cdef object changed(str label, object dtype, tuple shape):
    return ValueError(
        f"{label} was changed while the arguments were read: it had dtype {dtype} and shape={shape}, and could be "
        "written to"
    )


cdef tuple sizes_of(fi_extent extent):
    return tuple([extent.shape[axis] for axis in range(extent.axes)])


cdef tuple shape_of(cnp.ndarray array, int outer=0):
    """The shape, without the outer axes; a subclass may have another attribute of that name."""
    return tuple([cnp.PyArray_DIM(array, axis) for axis in range(outer, cnp.PyArray_NDIM(array))])


def borrowed(uintptr_t address, object available, shape, strides, cnp.dtype dtype not None, owner):
    """
    Memory of another library's as an array, which keeps its owner alive: so many bytes from the address on.

    Strides count elements and are not negative. A ValueError tells if the elements reach beyond the memory.
    """
    cdef object item = dtype.itemsize, needed = item
    cdef list steps = []
    if 0 in shape:
        return numpy.empty(shape, dtype)
    for size, stride in zip(shape, strides):
        steps.append(stride * item if size > 1 else 0)
        needed += (size - 1) * stride * item
    if needed > available or not address:
        raise ValueError(f"shape={tuple(shape)}, strides={tuple(strides)} take {needed} bytes of {available}")
    return array_at(address, shape, steps, dtype, owner, cnp.NPY_ARRAY_WRITEABLE)


cdef cnp.ndarray array_at(uintptr_t address, shape, strides, cnp.dtype descr, owner, int flags):
    """An array of that memory, strides in bytes, which keeps its owner alive."""
    cdef cnp.npy_intp sizes[FI_AXES_MAX]
    cdef cnp.npy_intp steps[FI_AXES_MAX]
    cdef int axis, axes = <int>len(shape)
    if axes > FI_AXES_MAX or len(strides) != axes:
        raise ValueError(f"shape={shape}, strides={strides}; accepted are as many strides as axes, up to {FI_AXES_MAX}")
    for axis in range(axes):
        sizes[axis], steps[axis] = shape[axis], strides[axis]
    Py_INCREF(descr)  # which the next call takes
    # Of an empty array the address may be 0, for which NumPy would allocate memory.
    array = PyArray_NewFromDescr(
        <PyTypeObject *>cnp.ndarray, descr, axes, sizes, steps, <void *>(address or 16), flags, NULL
    )
    cnp.set_array_base(array, owner)
    return array


cdef inline int read_block(block *where, object offset, object global_shape) except -1:
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
    cdef Py_ssize_t axis, axes = len(given)
    cdef uint64_t size = 0
    if axes > FI_AXES_MAX:
        raise ValueError(f"{name} has {axes} integers; accepted is one for each axis of out, up to {FI_AXES_MAX}")
    for axis in range(axes):
        if not is_uint64(<object>PyTuple_GET_ITEM(given, axis), &size) or size > <uint64_t>1 << 63:
            size = size_of_axis(name, given, axis)
        sizes[axis] = size
    return <int>axes


cdef int check_block(block *where, cnp.ndarray array, bint is_complex) except -1:
    """Raises if the array is no such block."""
    cdef int axes, bits = 62 if is_complex else 63
    cdef fi_refusal refusal
    if where.outer:
        check_rows(where, array)
    if not where.given:
        return 0
    axes = cnp.PyArray_NDIM(array) - where.outer
    if where.offset_axes != axes or where.shape_axes != axes:
        raise ValueError(
            f"offset={offset_of(where)}, global_shape={global_shape_of(where)}; accepted are {axes} "
            f"integer{'s' * (axes != 1)} each, one "
            f"for each axis of {'out[i]' if where.outer else 'out'}"
        )
    refusal = fi_check_block(
        axes, <const ptrdiff_t *>cnp.PyArray_DIMS(array) + where.outer, where.offset, where.global_shape,
        <uint64_t>1 << bits
    )
    if refusal == FI_REFUSED_SIZE:
        raise ValueError(
            f"global_shape={global_shape_of(where)} has more than 2**{bits} elements, the most that are accepted"
            f"{' of complex numbers' if is_complex else ''}"
        )
    if refusal != FI_ACCEPTED:
        raise ValueError(
            f"offset={offset_of(where)} and {'the shape of out[i],' if where.outer else "out's shape"} "
            f"{shape_of(array, where.outer)}{',' if where.outer else ''} reach beyond "
            f"global_shape={global_shape_of(where)}; accepted is offset + shape <= global_shape in each axis"
        )
    return 0


cdef int check_rows(const block *where, cnp.ndarray array) except -1:
    """Raises if the array has not as many rows as there are streams."""
    if cnp.PyArray_NDIM(array) == 0:
        raise ValueError("out has no axes; accepted with streams= is an array of one axis or more")
    if where.rows != <size_t>cnp.PyArray_DIM(array, 0):
        raise ValueError(
            f"streams has {where.rows} streams, and out has shape={shape_of(array)}; accepted is one for each index of "
            "out's first axis"
        )
    return 0


cdef tuple offset_of(const block *where):
    return tuple([where.offset[axis] for axis in range(where.offset_axes)])


cdef tuple global_shape_of(const block *where):
    return tuple([where.global_shape[axis] for axis in range(where.shape_axes)])


cdef inline tuple integers(str name, object value):
    return <tuple>value if PyTuple_CheckExact(value) else items_of(name, value)


cdef tuple items_of(str name, object value):
    try:
        return tuple(value)
    except TypeError as error:
        refused = TypeError(f"{name} must be a tuple of integers, not {type(value).__name__}")
        raise refused from cause_of(error, value, "__iter__", "")


cdef uint64_t size_of_axis(str name, tuple sizes, Py_ssize_t axis) except? 0:
    integer = integer_of(f"{name}[{axis}]", sizes[axis], "an integer")
    if not 0 <= integer <= 1 << 63:
        raise ValueError(f"{name}={sizes}; accepted are integers with 0 <= {name}[{axis}] <= 2**63")
    return integer


cdef tuple tensor_shape(cnp.ndarray array, const block *where):
    return global_shape_of(where) if where.given else shape_of(array, where.outer)


def block_of(cnp.ndarray array, offset, global_shape, Rows rows=None):
    """
    The shape of the tensor that a checked array is a block of, and where in it the array begins.

    Or, where there are streams, of the tensor that each of its rows is a block of.
    """
    cdef block where
    set_rows(&where, rows)
    read_block(&where, offset, global_shape)
    check_block(&where, array, False)
    axes = cnp.PyArray_NDIM(array) - where.outer
    return tensor_shape(array, &where), offset_of(&where) if where.given else (0,) * axes
