# Many fills in one call: checked and recorded one by one, then run side by side.

cdef enum:
    AXES_INSIDE = 4  # of an array; the sizes and strides of more are kept apart


cdef class Pending:
    """A fill whose arguments are checked and that is still to run, and what its array was when it was checked."""

    cdef readonly object out  # what was given to be filled,
    cdef cnp.ndarray array  # and the array that is, or stands for it
    cdef readonly object key  # among the fills
    cdef void *data
    cdef object dtype
    cdef int axes
    cdef cnp.npy_intp sizes_strides[2 * AXES_INSIDE]
    cdef bytes more_sizes_strides
    cdef object write  # what writes the values, if not the core,
    cdef object call  # or what does all of it: a method that a subclass overrides
    cdef bytes value  # of constants, as the bytes of an element
    cdef list marks  # views of parts of the array, if some get another value,
    cdef bytes mark  # which is this one
    cdef bytes block  # offset, then global_shape, if it is one
    cdef Rows rows  # the streams of the rows, if these are tensors
    cdef bint unnamed, is_complex, on_device

    @staticmethod
    cdef Pending of_array(cnp.ndarray out):
        cdef Pending self = Pending.__new__(Pending)
        cdef size_t size = cnp.PyArray_NDIM(out) * sizeof(cnp.npy_intp)
        self.on_device = stands_for_device(out)
        self.array = out
        self.out = memory_behind(out).out if self.on_device else out
        self.data = cnp.PyArray_DATA(out)
        self.dtype = descr_of(out)
        self.axes = cnp.PyArray_NDIM(out)
        if self.axes > AXES_INSIDE:
            self.more_sizes_strides = (<char *>cnp.PyArray_DIMS(out))[:size] + (<char *>cnp.PyArray_STRIDES(out))[:size]
        elif self.axes:  # otherwise there are no lists to copy: NULL, which memcpy does not take
            memcpy(self.sizes_strides, cnp.PyArray_DIMS(out), size)
            memcpy(self.sizes_strides + self.axes, cnp.PyArray_STRIDES(out), size)
        return self

    cdef fi_extent extent(self) noexcept:
        """Where the array lay, as long as this fill is there."""
        cdef const ptrdiff_t *sizes = <const ptrdiff_t *>self.sizes_strides
        if self.axes > AXES_INSIDE:
            sizes = <const ptrdiff_t *><char *>self.more_sizes_strides
        return fi_extent(self.data, <size_t>(<cnp.dtype>self.dtype).itemsize, self.axes, sizes, sizes + self.axes)

    cdef bint is_unchanged(self) noexcept:
        """Whether the array is what it was, and can be written to."""
        cdef fi_extent then = self.extent(), now = extent_of(self.array)
        return (
            cnp.PyArray_FLAGS(self.array) & cnp.NPY_ARRAY_WRITEABLE
            and is_same_extent(&then, &now)
            and cnp.PyArray_DESCR(self.array) == <void *>self.dtype
        )

    @staticmethod
    cdef Pending of_call(cnp.ndarray out, object call):
        cdef Pending self = Pending.of_array(out)
        self.call = call
        return self

    @staticmethod
    cdef Pending of_constants(cnp.ndarray out, bytes value, list marks=None, bytes mark=None):
        cdef Pending self = Pending.of_array(out)
        self.value, self.marks, self.mark = value, marks, mark
        return self

    @staticmethod
    cdef Pending of_draws(const call *c, cnp.ndarray out, Rows rows, object write):
        cdef Pending self = Pending.of_array(out)
        self.rows = rows
        self.write = write
        self.unnamed = c.unnamed
        return self

    @staticmethod
    cdef Pending of_fill(const call *c, cnp.ndarray array, Rows rows):
        cdef Pending self = Pending.of_draws(c, array, rows, None)
        self.is_complex = c.is_complex
        cdef Py_ssize_t size = (cnp.PyArray_NDIM(array) - c.where.outer) * sizeof(uint64_t)
        if c.where.given:
            self.block = (<const char *>c.where.offset)[:size] + (<const char *>c.where.global_shape)[:size]
        return self


cdef class Recording:
    """
    Fills in turn: what Python knows of them, and their tasks.

    These are in one piece of memory, which the C library keeps for the next recording.
    """

    cdef readonly list pending
    cdef fi_task *tasks  # of draws the fill is set, but for the seed and a next unnamed stream
    cdef size_t room
    cdef bint on_device  # some of them

    def __cinit__(self):
        self.pending = []

    def __dealloc__(self):
        PyMem_RawFree(self.tasks)

    cdef fi_fill *add(self, Pending each) except NULL:
        """Adds a fill; returns where its task's is."""
        cdef size_t count = <size_t>len(self.pending), room = count + count // 2 + 16
        cdef fi_task *moved
        if count == self.room:
            moved = <fi_task *>PyMem_RawRealloc(self.tasks, room * sizeof(fi_task))
            if moved is NULL:
                raise MemoryError
            self.tasks, self.room = moved, room
        self.pending.append(each)
        self.on_device = self.on_device or each.on_device
        return &self.tasks[count].fill


def record(Generator generator, Generator recorder, dict accepted, specs, bint named, bint accumulate, str label):
    """
    The fills of pairs of a key and a tuple (out, scheme, *arguments), as a Recording, for this generator.

    The recorder, which nobody else has, is spent. accepted tells of each scheme whether it draws. Named fills that do
    take their key as the stream. The label, with the key in it, begins the errors.
    """
    cdef Pending each
    cdef dict known = {}
    cdef Recording recording = Recording()
    recorder._recording = recording
    for key, spec in specs:
        try:
            record_one(generator, recorder, accepted, known, key, spec, named, accumulate)
        except (TypeError, ValueError) as error:
            raise labelled(error, label.format(key)) from error.__cause__
        each = recording.pending[-1]
        each.key = key
    return recording


cdef class Recorded:
    """A scheme of which fills are recorded."""

    cdef object name, method  # the recorder's, which takes it as its first argument; None if a subclass overrides it
    cdef bint draws

    @staticmethod
    cdef Recorded of(Generator generator, Generator recorder, dict accepted, object scheme):
        cdef Recorded self = Recorded.__new__(Recorded)
        self.draws = choice("scheme", scheme, accepted)
        self.name = characters_of(scheme)
        method = getattr(type(recorder), self.name)
        self.method = method if getattr(getattr(generator, self.name), "__func__", None) is method else None
        return self


cdef int record_one(
    Generator generator, Generator recorder, dict accepted, dict known, object key, object spec, bint named,
    bint accumulate
) except -1:
    """Records the fill; known are the schemes so far, by what they were called."""
    cdef Recorded scheme = None
    cdef cnp.ndarray array
    cdef bint is_key
    if not isinstance(spec, (tuple, list)) or len(spec) < 2:
        raise TypeError(f"accepted is a tuple (out, scheme, *arguments), not {described(spec)}")
    cdef tuple items = tuple(spec)
    cdef dict keywords = None
    if len(items) < 2:  # of a class with an iterator of its own
        raise TypeError(f"accepted is a tuple (out, scheme, *arguments), not {described(items)}")
    if PyUnicode_CheckExact(items[1]):
        scheme = known.get(items[1])
    if scheme is None:
        scheme = Recorded.of(generator, recorder, accepted, items[1])
        known[scheme.name] = scheme
    if len(items) > 2 and isinstance(items[-1], dict):
        keywords = dict(items[-1])
        items = items[:-1]
    is_key = named and scheme.draws and key is not None
    if named:
        if keywords is not None and "stream" in keywords:
            raise TypeError(f"stream={keywords['stream']!r}; the stream of a fill in a mapping is its key")
        if is_key and keywords is not None and keywords.get("streams") is not None:
            is_key = False
        if not is_key:
            explicit_stream(key)
    if accumulate and not scheme.draws:
        raise TypeError(f"accumulate=True with {scheme.name}, which draws nothing that could be added")
    if scheme.method is not None and keywords is None and len(items) <= ITEMS_MAX:
        record_plainly(recorder, scheme.method, items, key if is_key else None, accumulate)
        return 0
    if keywords is None:
        keywords = {}
    if is_key:
        keywords["stream"] = key
    if accumulate:
        keywords["accumulate"] = True
    if scheme.method is not None:
        scheme.method(recorder, items[0], *items[2:], **keywords)
        return 0
    array = array_of(items[0])  # what a subclass does, it does when its turn comes
    check_memory(array)
    method = functools.partial(getattr(generator, scheme.name), items[0], *items[2:], **keywords)
    recorder._recording.add(Pending.of_call(array, method))
    return 0


cdef enum:
    ITEMS_MAX = 10  # of a tuple of a fill; longer ones are none, or take their time

cdef tuple WITH_STREAM = ("stream",), WITH_ACCUMULATE = ("accumulate",), WITH_BOTH = ("stream", "accumulate")
cdef object TRUE = True  # Cython takes True itself for a number


cdef int record_plainly(Generator recorder, object method, tuple items, object stream, bint accumulate) except -1:
    """Calls the method with the arguments of a fill, as most are: without keywords of its own, and so no dictionary."""
    cdef PyObject *given[ITEMS_MAX + 2]
    cdef Py_ssize_t i, count = len(items)
    given[0] = <PyObject *>recorder
    given[1] = <PyObject *>items[0]
    for i in range(2, count):
        given[i] = <PyObject *>items[i]
    if stream is not None:
        given[count] = <PyObject *>stream
    if accumulate:
        given[count + (stream is not None)] = <PyObject *>TRUE
    names = WITH_BOTH if accumulate else WITH_STREAM
    if stream is None:
        names = WITH_ACCUMULATE if accumulate else None
    PyObject_Vectorcall(method, given, count, <PyObject *>names if names is not None else NULL)
    return 0


cdef object labelled(object error, str label):
    kind = TypeError if isinstance(error, TypeError) else ValueError
    return kind(f"{label}: {error}")


cdef str described(object spec):
    """What an error calls something that is no tuple of a fill."""
    if not isinstance(spec, (tuple, list)):
        return type(spec).__name__
    return f"one of {len(spec)} item{'' if len(spec) == 1 else 's'}"


def check_apart(Recording recording, str label):
    """Raises an error, with the label and their keys in it, if two of the arrays share memory."""
    cdef fi_overlap found
    if find_overlap(recording.pending, &found):
        one, other = [label.format((<Pending>recording.pending[i]).key) for i in (found.first, found.second)]
        raise ValueError(f"{one} and {other} share memory; each array is filled once")


cdef bint find_overlap(list pending, fi_overlap *found) except -1:
    cdef size_t i, count = <size_t>len(pending)
    cdef cnp.ndarray memory_of_extents = numpy.empty(count * sizeof(fi_extent), numpy.uint8), memory
    cdef fi_extent *extents = <fi_extent *>cnp.PyArray_DATA(memory_of_extents)
    cdef int shared = -1
    for i in range(count):
        extents[i] = (<Pending>pending[i]).extent()
    found.memory = fi_overlap_memory(count)
    while shared < 0:
        memory = numpy.empty(found.memory, numpy.uint8)
        shared = fi_find_overlap(extents, count, cnp.PyArray_DATA(memory), found.memory, found)
    return shared


cdef int check_unchanged(Recording recording, size_t first, size_t end, str label) except -1:
    """Raises before the first byte if code that ran since the checks has changed an array."""
    cdef Pending each
    cdef size_t i
    for i in range(first, end):
        each = recording.pending[i]
        if not each.is_unchanged():
            raise changed(label.format(each.key), each.dtype, sizes_of(each.extent()))
    return 0


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


cdef tuple set_regions(Recording recording, size_t first, size_t end):
    """The regions of those of the fills that the core writes; returns the memory that they lead to."""
    cdef Pending each
    cdef fi_task *task
    cdef const uint64_t *offset
    cdef const uint64_t *global_shape
    cdef size_t i, axes = 0, marked = 0
    for i in range(first, end):
        each = recording.pending[i]
        axes += <size_t>each.axes + 2
        marked += each.marks is not None
    cdef bytearray memory_of_axes = bytearray(<Py_ssize_t>(axes * sizeof(fi_axis)))
    cdef bytearray memory_of_marks = bytearray(<Py_ssize_t>(marked * sizeof(fi_marks)))
    cdef fi_axis *axis = <fi_axis *><char *>memory_of_axes
    cdef fi_marks *marks = <fi_marks *><char *>memory_of_marks
    for i in range(first, end):
        each = recording.pending[i]
        task = &recording.tasks[i]
        if each.write is not None:
            memset(&task.region, 0, sizeof(fi_region))  # nothing
        elif each.value is not None:
            fi_set_value(&task.fill, <const char *>each.value, len(each.value))
            if each.marks is not None:
                set_marks(marks, each.marks, each.mark)
            set_constant_region(task, each.extent(), NULL if each.marks is None else marks, axis)
            marks += each.marks is not None
        else:
            offset = global_shape = NULL
            if each.block is not None:
                offset = <const uint64_t *><const char *>each.block
                global_shape = offset + len(each.block) // (2 * sizeof(uint64_t))
            set_region(task, each.extent(), each.rows, offset, global_shape, each.is_complex, axis)
        axis += each.axes + 2
    return memory_of_axes, memory_of_marks


cdef int run_fills(Recording recording, size_t first, size_t end, str label, list launches) except -1:
    """Runs those of the fills whose regions are set, side by side; on devices what is prepared for them."""
    check_unchanged(recording, first, end, label)  # again: what was allocated since may have made Python run
    if launches is not None:
        run_launches(recording, launches)
    return run_tasks(kernels, recording.tasks + first, end - first)


cdef int run_constants(Pending each) except -1:
    """One fill, with marks or on a device."""
    cdef Recording recording = Recording()
    recording.add(each)
    cdef tuple _memory = set_regions(recording, 0, 1)  # which lives as long as this
    return run_fills(recording, 0, 1, "out", prepared_launches(recording, 0, 1, "out") if each.on_device else None)


cdef int run_constant(fi_fill *fill, cnp.ndarray array) except -1:
    cdef fi_task task
    cdef fi_axis axis[FI_AXES_MAX + 1]
    cdef size_t count = cnp.PyArray_SIZE(array)
    if count < RELEASE_GIL_FROM and cnp.PyArray_FLAGS(array) & cnp.NPY_ARRAY_C_CONTIGUOUS:
        fi_fill_constant(&fill.value, count, cnp.PyArray_DATA(array))
        return 0
    task.fill = fill[0]
    set_constant_region(&task, extent_of(array), NULL, axis)
    return run_tasks(kernels, &task, 1)
