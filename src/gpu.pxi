# Memory of a GPU: an array that has the device's addresses, which the CPU never follows, so all checks are those of
# any array; and the launches that fill it, by fastinit.gpu.

cdef extern from "gpu/launches.h" nogil:
    ctypedef enum fi_gpu_form:
        FI_GPU_RANGE, FI_GPU_REGION, FI_GPU_BLOCKS, FI_GPU_RANGES, FI_GPU_CONSTANT
    ctypedef int fi_gpu_launcher(
        void *context, fi_gpu_form form, uint32_t groups, void **parameters
    ) except -1 with gil
    fi_gpu_form fi_gpu_form_of(const fi_task *task)
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


cdef inline int check_fillable(object out) except -1:
    """Raises if out is neither an array nor one on a device. A fill looks at it when its arguments are read."""
    return 0 if cnp.PyArray_Check(out) else check_fillable_on_device(out)


cdef int check_fillable_on_device(object out) except -1:
    global device_array_type
    if type(out) is device_array_type:
        return 0
    from fastinit.gpu import arrays

    device_array_type = arrays.DeviceArray
    if type(out) is not device_array_type and not arrays.is_device_array(out):
        raise TypeError(
            f"out must be a NumPy array or an array on a CUDA device, not {type(out).__name__}"
            f"{hints().instead_of_array(out)}"
        )
    return 0


cdef object memory_of(object out):
    """What is known of an array on a device: what a face has told, or what the array tells now."""
    check_fillable_on_device(out)
    if type(out) is device_array_type:
        return out
    from fastinit.gpu import arrays

    return arrays.device_array(out)


cdef cnp.ndarray array_on_device(object out):
    """An array of the memory's shape, strides and dtype, whose base is what is known of it."""
    cdef object memory = memory_of(out)
    return array_at(
        memory.address, memory.shape, memory.strides, memory.dtype, memory,
        0 if memory.read_only else cnp.NPY_ARRAY_WRITEABLE
    )


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
        memory_of(out)  # or what else is wrong with it
        raise TypeError(
            f"out is memory of a GPU; {scheme} is computed by NumPy: fill an array and copy it, or fill a tensor of "
            "PyTorch's by fastinit.torch, which does so"
        )


cdef class Launches:
    """
    The launches of one fill of memory on a device, or of several small ones that share them.

    What a machine lacks is missed when they are prepared.
    """

    cdef object memory  # of the first fill
    cdef list numbers  # of the fills, among those that were recorded,
    cdef object where  # and what errors call them
    cdef str draw, dtype
    cdef bint accumulate
    cdef list launchers  # of each form, once it is needed
    cdef bint begun

    @staticmethod
    cdef Launches prepared(object memory, const fi_task *task, fi_gpu_form form, list numbers, object where):
        cdef Launches self = Launches.__new__(Launches)
        cdef bint is_constant = task.fill.draw == FI_CONSTANT
        self.memory, self.numbers, self.where = memory, numbers, where
        self.draw = draw_names[<int>task.fill.draw].decode()
        self.dtype = f"BYTES{task.fill.value.size}" if is_constant else fi_dtype_name(task.fill.dtype).decode().upper()
        self.accumulate = task.fill.accumulate and not is_constant and task.fill.draw != FI_BITS
        self.launchers = [None] * len(_FORMS)
        self.launcher(form)
        return self

    cdef object launcher(self, fi_gpu_form form):
        found = self.launchers[<int>form]
        if found is None:
            from fastinit.gpu import kernels, launch

            kernel = kernels.Kernel(_FORMS[<int>form], self.draw, self.dtype, self.accumulate)
            found = self.launchers[<int>form] = launch.launcher(self.memory, kernel, self.where)
        return found

    cdef int run(self, const fi_task *task) except -1:
        """Of one fill."""
        try:
            fi_gpu_fill(task, launch_threads_max, launch_one, <void *>self)
        except BaseException:
            self.give_up()
            raise
        return self.finish(self.memory)

    cdef int run_recorded(self, Recording recording) except -1:
        """Of those that were recorded."""
        cdef size_t i, count = <size_t>len(self.numbers)
        cdef bytearray memory_of_tasks
        cdef const fi_task **tasks
        if count == 1:
            return self.run(&recording.tasks[<size_t>self.numbers[0]])
        memory_of_tasks = bytearray(<Py_ssize_t>(count * sizeof(fi_task *)))
        tasks = <const fi_task **><char *>memory_of_tasks
        for i in range(count):
            tasks[i] = &recording.tasks[<size_t>self.numbers[i]]
        fi_gpu_fill_small(tasks, count, launch_one, <void *>self)
        for i in range(count):
            self.finish(memory_behind((<Pending>recording.pending[<size_t>self.numbers[i]]).array))
        return 0

    cdef int finish(self, object memory) except -1:
        if self.begun:
            from fastinit.gpu import launch

            launch.finish(memory)
        return 0

    cdef int give_up(self) except -1:
        """After a failure: what was launched may still write, to memory that was only lent."""
        try:
            self.finish(self.memory)
        except RuntimeError:
            pass  # the first error is the one that counts
        return 0


cdef int launch_one(void *context, fi_gpu_form form, uint32_t groups, void **parameters) except -1 with gil:
    launches = <Launches>context
    launches.launcher(form)(groups, <uintptr_t>parameters)
    launches.begun = True
    return 0


cdef int check_constant_on_device(cnp.ndarray array) except -1:
    if cnp.PyArray_ITEMSIZE(array) not in (1, 2, 4, 8, 16):
        raise TypeError(
            f"out on a GPU has dtype {descr_of(array)}, of {cnp.PyArray_ITEMSIZE(array)} bytes an element; accepted "
            "are 1, 2, 4, 8 and 16"
        )
    return 0


cdef int check_same_memory(Pending each, str label) except -1:
    """Raises if code that ran since the checks has changed an array on a device."""
    cdef object then = memory_behind(each.array)
    if not then.of_user:
        return 0
    cdef object now = memory_of(then.out)
    if (now.address, now.shape, now.strides, now.dtype, now.read_only) != (
        then.address, then.shape, then.strides, then.dtype, then.read_only
    ):
        raise changed(label.format(each.key), then.dtype, then.shape)
    return 0


cdef list prepared_launches(Recording recording, size_t first, size_t end, str label):
    """What those of the fills whose arrays are a device's are launched by: small ones together."""
    cdef Pending each
    cdef fi_task *task
    cdef dict together = {}  # by what one launch can share
    cdef list launches = []
    cdef fi_gpu_form form
    cdef size_t i
    from fastinit.gpu import launch

    for i in range(first, end):
        each = recording.pending[i]
        task = &recording.tasks[i]
        if not each.on_device or task.region.chunks == 0:
            continue
        check_same_memory(each, label)
        memory, key = memory_behind(each.array), i
        if task.fill.draw != FI_CONSTANT and fi_gpu_is_small(task) and not memory.synchronize:
            device = launch.device_of(memory, launch.Where(label, each.key))
            key = device, memory.stream, task.fill.draw, task.fill.dtype, task.fill.accumulate
        together.setdefault(key, []).append(i)
    for numbers in together.values():
        i = numbers[0]
        each, task = recording.pending[i], &recording.tasks[i]
        where = launch.Where(label, each.key, len(numbers) - 1)
        form = fi_gpu_form_of(task) if len(numbers) == 1 else FI_GPU_RANGES
        launches.append(Launches.prepared(memory_behind(each.array), task, form, numbers, where))
    return launches


cdef int run_launches(Recording recording, list prepared) except -1:
    """Launches what is prepared, and leaves nothing of it to do."""
    cdef Launches launches
    for launches in prepared:
        launches.run_recorded(recording)
        for number in launches.numbers:
            memset(&recording.tasks[<size_t>number].region, 0, sizeof(fi_region))
    return 0
