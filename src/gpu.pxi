# Memory of a GPU: an array that has the device's addresses, which the CPU never follows, so all checks are those of
# any array; and the launches that fill it, by fastinit.gpu.

cdef extern from "gpu/launches.h" nogil:
    ctypedef enum fi_gpu_form:
        FI_GPU_RANGE, FI_GPU_REGION, FI_GPU_BLOCKS, FI_GPU_RANGES, FI_GPU_CONSTANT
    ctypedef int fi_gpu_launcher(
        void *context, fi_gpu_form form, uint32_t groups, void **parameters
    ) except -1 with gil
    fi_gpu_form fi_gpu_form_of(const fi_task *task)
    bint fi_gpu_is_aligned(const fi_task *task)
    bint fi_gpu_is_small(const fi_task *task)
    int fi_gpu_fill(
        const fi_task *task, uint64_t threads_max, fi_gpu_launcher *launch, void *context
    ) except -1 with gil
    int fi_gpu_fill_small(
        const fi_task *const *tasks, size_t count, fi_gpu_launcher *launch, void *context
    ) except -1 with gil

cdef extern from *:
    """
    #define FI_DRAW(NAME, ...) #NAME,
    #define FI_DRAW_NOT_ADDED(NAME, ...) #NAME,
    static const char *const draw_names[] = {
    #include "draws.def"
        "CONSTANT"
    };
    """
    const char *const *draw_names

cdef tuple _FORMS = ("range", "region", "blocks", "ranges", "constant")
cdef object device_array_type = None  # once there was one
cdef uint64_t launch_threads_max = (<uint64_t>1 << 31) - 1


cdef inline object opened(object out):
    """out, or what is known of its memory on a device; an error if it is neither that nor an array."""
    return out if cnp.PyArray_Check(out) else opened_on_device(out)


cdef object opened_on_device(object out):
    global device_array_type
    if type(out) is device_array_type:
        return out
    from fastinit.gpu import arrays

    device_array_type = arrays.DeviceArray
    if type(out) is device_array_type:
        return out
    if not arrays.is_device_array(out):
        raise TypeError(
            f"out must be a NumPy array or an array on a CUDA device, not {type(out).__name__}"
            f"{hints().instead_of_array(out)}"
        )
    return arrays.device_array(out)


cdef cnp.ndarray array_on_device(object out):
    """An array of the memory's shape, strides and dtype, whose base is what is known of it."""
    cdef object memory = opened_on_device(out)
    cdef cnp.npy_intp sizes[FI_AXES_MAX]
    cdef cnp.npy_intp steps[FI_AXES_MAX]
    cdef int axis, axes = <int>len(memory.shape)
    cdef uintptr_t address = memory.address
    if axes > FI_AXES_MAX:
        raise ValueError(f"out has {axes} axes; accepted are up to {FI_AXES_MAX}")
    for axis in range(axes):
        sizes[axis], steps[axis] = memory.shape[axis], memory.strides[axis]
    cdef cnp.dtype descr = memory.dtype
    Py_INCREF(descr)  # which the next call takes
    # Of an empty array the address may be 0, for which NumPy would allocate memory.
    array = PyArray_NewFromDescr(
        <PyTypeObject *>cnp.ndarray, descr, axes, sizes, steps, <void *>(address or 16),
        0 if memory.read_only else cnp.NPY_ARRAY_WRITEABLE, NULL
    )
    cnp.set_array_base(array, memory)
    return array


cdef inline bint is_on_device(object out) noexcept:
    return not cnp.PyArray_Check(out)


cdef inline bint stands_for_device(cnp.ndarray array) noexcept:
    cdef PyObject *base = cnp.PyArray_BASE(array)
    return base is not NULL and <void *>Py_TYPE(<object>base) == <void *>device_array_type


cdef inline object memory_behind(cnp.ndarray array):
    """What is known of the memory of an array that array_on_device has made."""
    return <object>cnp.PyArray_BASE(array)


def refuse_device(out, str scheme):
    """Raises where out is memory of a device: for what NumPy computes."""
    if is_on_device(out):
        opened_on_device(out)  # or what else is wrong with it
        raise TypeError(
            f"out is memory of a GPU; {scheme} is computed by NumPy: fill an array and copy it, or fill a tensor of "
            "PyTorch's by fastinit.torch, which does so"
        )


cdef class Launches:
    """The kernels of one draw and dtype for memory of one device, by their forms."""

    cdef object memory
    cdef str draw, dtype
    cdef bint accumulate
    cdef list launchers  # of each form, once it is needed

    @staticmethod
    cdef Launches of(object memory, const fi_fill *fill):
        cdef Launches self = Launches.__new__(Launches)
        cdef bint is_constant = fill.draw == FI_CONSTANT
        self.memory = memory
        self.draw = draw_names[<int>fill.draw].decode()
        self.dtype = f"BYTES{fill.value.size}" if is_constant else fi_dtype_name(fill.dtype).decode().upper()
        self.accumulate = fill.accumulate and not is_constant and fill.draw != FI_BITS
        self.launchers = [None] * len(_FORMS)
        return self

    cdef object launcher(self, fi_gpu_form form):
        found = self.launchers[<int>form]
        if found is None:
            from fastinit.gpu import kernels, launch

            kernel = kernels.Kernel(_FORMS[<int>form], self.draw, self.dtype, self.accumulate)
            found = self.launchers[<int>form] = launch.launcher(self.memory, kernel)
        return found

    cdef int run(self, const fi_task *task) except -1:
        fi_gpu_fill(task, launch_threads_max, launch_one, <void *>self)
        return finish_on_device(self.memory)


cdef int launch_one(void *context, fi_gpu_form form, uint32_t groups, void **parameters) except -1 with gil:
    (<Launches>context).launcher(form)(groups, <uintptr_t>parameters)
    return 0


cdef object device_of(object memory):
    """The number of the device, which some interfaces do not tell."""
    if memory.device is not None:
        return memory.device
    from fastinit.gpu import launch

    return launch.device_of(memory)


cdef int finish_on_device(object memory) except -1:
    from fastinit.gpu import launch

    launch.finish(memory)
    return 0


cdef int check_alignment(const fi_task *task, cnp.ndarray array) except -1:
    """GPUs write an element at a multiple of its size."""
    if not fi_gpu_is_aligned(task):
        raise ValueError(
            f"out on a GPU begins at address {<uintptr_t>cnp.PyArray_DATA(array):#x} and has strides="
            f"{tuple([cnp.PyArray_STRIDE(array, i) for i in range(cnp.PyArray_NDIM(array))])}; accepted are multiples "
            f"of what an element of {descr_of(array)} takes"
        )
    return 0


cdef int launch_tasks(Recording recording, size_t first, size_t end, str label) except -1:
    """Launches those of the fills whose arrays are a device's, and leaves nothing of them to do."""
    cdef Pending each
    cdef fi_task *task
    cdef Launches launches
    cdef dict together = {}  # small ones, by what one launch can share
    cdef size_t i
    for i in range(first, end):
        each = recording.pending[i]
        task = &recording.tasks[i]
        if not each.on_device or task.region.chunks == 0:
            continue
        memory = memory_behind(each.array)
        if task.fill.draw != FI_CONSTANT and fi_gpu_is_small(task) and not memory.synchronize:
            key = (device_of(memory), memory.stream, task.fill.draw, task.fill.dtype, task.fill.accumulate)
            together.setdefault(key, []).append(i)
        else:
            try:
                Launches.of(memory, &task.fill).run(task)
            except RuntimeError as error:
                raise type(error)(f"{label.format(each.key)}: {error}") from error
    for numbers in together.values():
        try:
            launch_together(recording, numbers)
        except RuntimeError as error:
            each = recording.pending[numbers[0]]
            others = f" and {len(numbers) - 1} more" if len(numbers) > 1 else ""
            raise type(error)(f"{label.format(each.key)}{others}: {error}") from error
    for i in range(first, end):
        each = recording.pending[i]
        if each.on_device:
            memset(&recording.tasks[i].region, 0, sizeof(fi_region))
    return 0


cdef int launch_together(Recording recording, list numbers) except -1:
    cdef size_t i, count = <size_t>len(numbers)
    cdef bytearray memory_of_tasks = bytearray(<Py_ssize_t>(count * sizeof(fi_task *)))
    cdef const fi_task **tasks = <const fi_task **><char *>memory_of_tasks
    for i in range(count):
        tasks[i] = &recording.tasks[<size_t>numbers[i]]
    cdef Launches launches = Launches.of(memory_behind((<Pending>recording.pending[numbers[0]]).array), &tasks[0].fill)
    fi_gpu_fill_small(tasks, count, launch_one, <void *>launches)
    for number in numbers:
        finish_on_device(memory_behind((<Pending>recording.pending[number]).array))
    return 0
