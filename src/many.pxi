# Many fills in one call: checked and recorded one by one, then run side by side.

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
    cdef Rows rows  # the streams of the rows, if these are tensors
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
    cdef Pending of_draws(const call *c, cnp.ndarray out, cnp.ndarray view, Rows rows, object write):
        cdef Pending self = Pending.of_array(out, view)
        self.rows = rows
        self.write = write
        self.unnamed = c.unnamed
        self.fill.stream = 0 if c.unnamed else c.fill.stream
        return self

    @staticmethod
    cdef Pending of_fill(const call *c, cnp.ndarray array, Rows rows):
        cdef Pending self = Pending.of_draws(c, array, None, rows, None)
        self.fill = c.fill
        self.is_complex = c.is_complex
        cdef Py_ssize_t size = (cnp.PyArray_NDIM(array) - c.where.outer) * sizeof(uint64_t)
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
        if draws and key is not None and keywords.get("streams") is None:
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


cdef int check_unchanged(list pending, str label) except -1:
    """Raises before the first byte if code that ran since the checks has changed an array."""
    cdef Pending each
    for each in pending:
        if not is_unchanged(each.out, each.view):
            raise changed(label.format(each.key), each.view)
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
                global_shape = offset + len(each.block) // (2 * sizeof(uint64_t))
            tasks[count].fill = each.fill
            set_region(&tasks[count], each.view, each.rows, offset, global_shape, each.is_complex, axis)
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
