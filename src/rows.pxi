# Rows of an array that are tensors of their own: a stream for each.

cdef class Rows:
    """The streams of rows, in turn: as they were read, so that nobody changes them; equal if the numbers are."""

    cdef size_t count
    cdef uint64_t first, step  # of a range,
    cdef cnp.ndarray numbers  # or all of them

    def __len__(self):
        return self.count

    def tolist(self):
        """Their numbers."""
        cdef size_t i
        if self.numbers is not None:
            return self.numbers.tolist()
        return [self.first + i * self.step for i in range(self.count)]

    def __getitem__(self, slice place):
        """Those of the rows that a slice of step 1 cuts out."""
        cdef Py_ssize_t start, stop
        start, stop, _ = place.indices(self.count)
        stop = max(start, stop)
        return rows_made(
            stop - start, self.first + <uint64_t>start * self.step, self.step,
            None if self.numbers is None else self.numbers[start:stop]
        )

    def __eq__(self, other):
        if not isinstance(other, Rows):
            return NotImplemented
        return self.is_like(<Rows>other)

    def __hash__(self):
        return hash((self.count, *self[:1].tolist(), *self[self.count - 1 :].tolist()) if self.count else 0)

    def __reduce__(self):
        return rows_made, (self.count, self.first, self.step, self.numbers)

    cdef bint is_like(self, Rows other) except -1:
        if self.count != other.count:
            return False
        if self.numbers is not None or other.numbers is not None:
            return bool(numpy.array_equal(self.as_array(), other.as_array()))
        return self.count == 0 or (self.first == other.first and (self.count == 1 or self.step == other.step))

    cdef cnp.ndarray as_array(self):
        if self.numbers is not None:
            return self.numbers
        return numpy.arange(self.count, dtype=numpy.uint64) * numpy.uint64(self.step) + numpy.uint64(self.first)

    cdef fi_streams from_stride(self, ptrdiff_t stride) noexcept:
        cdef const uint64_t *numbers = NULL if self.numbers is None else <uint64_t *>cnp.PyArray_DATA(self.numbers)
        return fi_streams(self.count, stride, numbers, self.step)


def rows_made(size_t count, uint64_t first, uint64_t step, numbers):
    """Rows of streams that were read before: a part of some, or what a pickle holds."""
    cdef Rows rows = Rows.__new__(Rows)
    rows.count, rows.first, rows.step = count, first, step
    if numbers is not None:
        rows.numbers = numpy.ascontiguousarray(numbers, numpy.uint64)  # of this machine's byte order
        rows.count = <size_t>cnp.PyArray_SIZE(rows.numbers)
    return rows


cdef inline int set_rows(block *where, Rows rows) except -1:
    """What of an array is a tensor: all of it, or each row."""
    where.outer = rows is not None
    if rows is not None:
        where.rows = rows.count
    return 0


def rows_of(stream, streams):
    """The streams of an array's rows, or None if it has one stream."""
    return None if streams is None else streams_of(stream, streams)


cdef Rows streams_of(object stream, object streams):
    """What is given as streams, beside stream, which has to be None."""
    if stream is not None:
        from fastinit.text import quoted

        raise ValueError(f"stream={quoted(stream)}, streams={quoted(streams)}; accepted is one of the two")
    if type(streams) is Rows:
        return streams
    cdef Rows rows = Rows.__new__(Rows)
    if type(streams) is range:
        read_range(rows, streams)
        return rows
    rows.numbers = numbers_of_array(streams) if isinstance(streams, numpy.ndarray) else numbers_of_items(streams)
    rows.count = <size_t>cnp.PyArray_SIZE(rows.numbers)
    return rows


cdef int read_range(Rows rows, object streams) except -1:
    try:
        rows.count = len(streams)
    except OverflowError:
        raise ValueError(f"streams={streams} has more streams than an array has rows") from None
    if rows.count == 0:
        return 0
    for i in (0, len(streams) - 1):  # all others lie between these two
        stream_at(i, streams[i])
    rows.first = streams[0]
    rows.step = streams.step & (_SEED_END - 1)
    return 0


cdef cnp.ndarray numbers_of_array(object streams):
    cdef cnp.ndarray given = numpy.array(streams)  # a copy, of NumPy's own class
    if cnp.PyArray_NDIM(given) != 1:
        raise ValueError(f"streams has shape={shape_of(given)}; accepted is one axis: a stream for each row")
    if hasattr(streams, "mask"):  # masked elements are none, and each says so
        return numbers_of_items(streams)
    if given.dtype.kind not in "iu":
        return numbers_of_items(given.tolist())
    if given.dtype.kind == "i":
        negative = numpy.flatnonzero(given < 0)
        if negative.size:
            stream_at(negative[0], int(given[negative[0]]))
    return given.astype(numpy.uint64)


cdef cnp.ndarray numbers_of_items(object streams):
    cdef Py_ssize_t i
    if isinstance(streams, (str, bytes, bytearray, set, frozenset, dict)):  # of one letter each, or in no order
        raise wrong_streams(streams)
    try:
        items = streams if type(streams) is tuple else list(streams)  # which nobody changes meanwhile
    except TypeError as error:
        raise wrong_streams(streams) from cause_of(error, streams, "__iter__", "")
    cdef cnp.ndarray numbers = numpy.empty(len(items), numpy.uint64)
    cdef uint64_t *number = <uint64_t *>cnp.PyArray_DATA(numbers)
    for i, item in enumerate(items):
        if not is_uint64(item, &number[i]):
            number[i] = stream_at(i, item)
    return numbers


cdef uint64_t stream_at(Py_ssize_t i, object stream) except? 0:
    try:
        return explicit_stream(stream)
    except (TypeError, ValueError) as error:
        raise labelled(error, f"streams[{i}]") from error.__cause__


cdef object wrong_streams(object streams):
    return TypeError(
        f"streams must be an array of integers, a range or a list of integers and names, not {kind_of(streams)}"
    )
