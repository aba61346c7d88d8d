# cython: language_level=3, binding=True, embedsignature=False, cdivision=True, freethreading_compatible=True
# cython: auto_pickle=False
"""The Cython layer: checks arguments, holds Generator, releases the GIL. The values are made in the C files beside."""

import copyreg
import functools
import os
import warnings

import numpy

cimport cython
cimport numpy as cnp
from cpython.bool cimport PyBool_Check
from cpython.complex cimport PyComplex_ImagAsDouble, PyComplex_RealAsDouble
from cpython.exc cimport PyErr_CheckSignals
from cpython.float cimport PyFloat_AS_DOUBLE, PyFloat_AsDouble, PyFloat_Check
from cpython.long cimport PyLong_AsLongLongAndOverflow, PyLong_AsUnsignedLongLong, PyLong_CheckExact
from cpython.mem cimport PyMem_Calloc, PyMem_Free, PyMem_RawFree, PyMem_RawRealloc
from cpython.number cimport PyNumber_Index
from cpython.object cimport Py_TYPE, PyObject, PyObject_Hash, PyTypeObject
from cpython.pycapsule cimport PyCapsule_New
from cpython.ref cimport Py_INCREF, Py_XDECREF
from cpython.tuple cimport PyTuple_CheckExact, PyTuple_GET_ITEM
from cpython.unicode cimport PyUnicode_CheckExact, PyUnicode_Compare, PyUnicode_FromObject, PyUnicode_KIND
from libc.stddef cimport ptrdiff_t
from libc.stdint cimport uint32_t, uint64_t, uintptr_t
from libc.string cimport memcmp, memcpy, memset, strcmp, strrchr

cnp.import_array()

include "declarations.pxi"

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


include "numbers.pxi"
include "threads.pxi"
include "arrays.pxi"
include "fans.pxi"
include "streams.pxi"
include "rows.pxi"
include "gpu.pxi"


# ---- The fill --------------------------------------------------------------------------------------------------------

cdef enum:
    RELEASE_GIL_FROM = 1 << 15  # elements: ten microseconds and more of work

cdef double SLICE = 0.1  # seconds between two looks for signals, with all threads at rest


cdef inline int run_fill(
    const fi_kernels *with_kernels, call *c, cnp.ndarray array, Rows rows, uint64_t first
) except -1:
    """Fills the array, or its rows, the first element of whose tensor counts as number first."""
    cdef int plain = cnp.NPY_ARRAY_C_CONTIGUOUS | cnp.NPY_ARRAY_ALIGNED
    cdef size_t count = size_of(array) << c.is_complex
    if count < RELEASE_GIL_FROM and rows is None and cnp.PyArray_FLAGS(array) & plain == plain:
        if not c.where.given:
            fi_fill_range(with_kernels, &c.fill, first, count, cnp.PyArray_DATA(array))
            return 0
        if first == 0 and not c.is_complex and fi_fill_small_block(
            with_kernels, &c.fill, cnp.PyArray_DATA(array), cnp.PyArray_NDIM(array),
            <const ptrdiff_t *>cnp.PyArray_DIMS(array), c.where.offset, c.where.global_shape
        ):
            return 0
    return run_region(with_kernels, c, array, rows, first)


cdef int run_region(
    const fi_kernels *with_kernels, call *c, cnp.ndarray array, Rows rows, uint64_t first
) except -1:
    cdef fi_task task
    cdef fi_axis axis[FI_AXES_MAX + 2]
    set_task(&task, c, array, rows, axis)
    if first:
        fi_start_region_at(&task.region, task.fill.dtype, first)
    return run_tasks(with_kernels, &task, 1)


cdef inline void set_task(fi_task *task, const call *c, cnp.ndarray array, Rows rows, fi_axis *axis) noexcept:
    task.fill = c.fill
    set_region(
        task, extent_of(array), rows, c.where.offset if c.where.given else NULL,
        c.where.global_shape if c.where.given else NULL, c.is_complex, axis
    )


cdef void set_region(
    fi_task *task, fi_extent array, Rows rows, const uint64_t *offset, const uint64_t *global_shape,
    bint is_complex, fi_axis *axis
) noexcept:
    """The region of a task whose fill is set. axis has room for two more axes than the array has."""
    cdef int i, outer = rows is not None, axes = array.axes - outer
    cdef const ptrdiff_t *sizes = array.shape + outer
    cdef const ptrdiff_t *steps = array.strides + outer
    cdef ptrdiff_t shape[FI_AXES_MAX + 1]
    cdef ptrdiff_t strides[FI_AXES_MAX + 1]
    cdef uint64_t start[FI_AXES_MAX + 1]
    cdef uint64_t whole[FI_AXES_MAX + 1]
    if is_complex:
        for i in range(axes):
            shape[i], strides[i] = sizes[i], steps[i]
            start[i] = 0 if offset is NULL else offset[i]
            whole[i] = <uint64_t>shape[i] if global_shape is NULL else global_shape[i]
        # The last axis is the real and the imaginary part.
        shape[axes], strides[axes], start[axes], whole[axes] = 2, <ptrdiff_t>array.item // 2, 0, 2
        axes, sizes, steps, offset, global_shape = axes + 1, shape, strides, start, whole
    fi_set_region(
        &task.region, task.fill.dtype, <void *>array.data, axes, sizes, steps, offset, global_shape, axis
    )
    if rows is not None:
        fi_set_streams(&task.region, task.fill.dtype, rows.from_stride(array.strides[0]))


cdef void set_constant_region(fi_task *task, fi_extent array, const fi_marks *marks, fi_axis *axis) noexcept:
    fi_set_constant_region(
        &task.region, array.item, <void *>array.data, array.axes, array.shape, array.strides, marks, axis
    )


cdef int run_tasks(const fi_kernels *with_kernels, fi_task *tasks, size_t count) except -1:
    cdef fi_work work
    cdef bint done = False
    cdef size_t i, chunk
    fi_set_work(&work, with_kernels, tasks, count)
    if work.element_count < RELEASE_GIL_FROM:  # without what threads and signals would take
        for i in range(count):
            for chunk in range(tasks[i].region.chunks):
                fi_fill_chunk(with_kernels, &tasks[i].fill, &tasks[i].region, chunk)
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
    read_call(&c, None, None, offset, global_shape, accumulate)
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
    run_fill(find_kernels(kernels_name), &c, array, None, first << c.is_complex)
    return out


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


cdef Draws copied(Draws original, uint64_t seed):
    """A copy with another seed, and with the attributes that a subclass adds."""
    cdef Draws copy = type(original).__new__(type(original))
    copy._seed = seed
    set_attributes(copy, object.__getstate__(original))
    return copy


# ---- Generator -------------------------------------------------------------------------------------------------------

cdef PyTypeObject *generator_type = NULL  # Generator, once it is there: fastinit.Generator's base


cdef inline int check_self(object self) except -1:
    """Raises where a method is called on its class, as Generator.normal(out): Cython takes the argument for a self."""
    return 0 if Py_TYPE(self).tp_base == generator_type or isinstance(self, Draws) else refuse_self(self)


cdef int refuse_self(object self) except -1:
    raise TypeError(
        "a method of Generator is called on a generator, such as fastinit.Generator(7), not on an object of type "
        f"{type(self).__name__}"
    )


cdef class Draws:
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
    cdef fi_parameter _last_parameter
    cdef readonly bint _from_entropy
    cdef Recording _recording  # the fills that record() has checked; None in any other generator
    cdef dict _package  # of a generator that stands for the default one among these names; None in any other
    cdef type _class  # of the default one, as it was at first
    cdef object __weakref__

    def __init__(self, seed=None, stream=0):
        cdef uint64_t next_stream = next_unnamed_stream(stream)
        self.reseed(seed)
        self._stream = next_stream

    @cython.final
    cdef inline Draws _owner(self):
        """Whose state is meant: the generator's own, but for that of the package's functions."""
        return self if self._package is None else self._default()

    cdef Draws _default(self):
        cdef object default = self._package.get("default_generator")
        if type(default) is not self._class and (
            not isinstance(default, Draws) or (<Draws>default)._package is not None
        ):
            kind = type(default)  # NumPy's has the same name
            raise TypeError(
                f"fastinit.default_generator must be a fastinit.Generator, not {kind.__module__}.{kind.__qualname__}"
            )
        return <Draws>default

    def reseed(self, seed=None):
        """
        Starts again at stream 0 with another seed.

        Parameters
        ----------
        seed : int or numpy.random.SeedSequence, optional
            In [0, 2**64). Left out: 64 bits from the operating system.
        """
        check_self(self)
        cdef Draws owner = self._owner()
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
        check_self(self)
        cdef Draws owner
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
        cdef Draws owner = self._owner()
        cdef uint64_t next_stream = next_unnamed_stream(value)
        with cython.critical_section(owner):
            owner._stream = next_stream

    @property
    def state(self):
        """
        The whole state, as a dictionary of "seed", "stream" and "spawned", the number of generators that spawn made.

        It can be set to one, which may lack "spawned": 0.
        """
        cdef Draws owner = self._owner()
        with cython.critical_section(owner):
            seed, stream, spawned = owner._seed, owner._stream, owner._spawned
        return {"seed": seed, "stream": stream, "spawned": spawned}

    @state.setter
    def state(self, value):
        cdef Draws owner = self._owner()
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
        check_self(self)
        cdef Draws owner = self._owner()
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
        check_self(self)
        return self.state, object.__getstate__(self)

    def __setstate__(self, value):
        check_self(self)
        self.state, attributes = value
        set_attributes(self, attributes)

    def __reduce__(self):
        check_self(self)
        # Without __init__: that of a subclass may take other arguments.
        return copyreg.__newobj__, (type(self),), self.__getstate__()

    def __repr__(self):
        state = self.state
        return f"Generator(seed={state['seed']}, stream={state['stream']})"

    def _stand_for_default(self, dict package):
        """Takes the seed and the streams of what is, at each call, the default_generator among the package's names."""
        check_self(self)
        self._package = package
        self._class = type(self._default())

    @cython.final
    cdef inline int take_stream(self, call *c) except -1:
        """The fill's seed and stream: the last step before the first byte, so that a refused fill takes no stream."""
        cdef Draws owner
        if c.unnamed:
            c.fill.stream = self.take_streams(1, &c.fill.seed)
            return 0
        owner = self._owner()
        with cython.critical_section(owner):
            c.fill.seed = owner._seed
        return 0

    @cython.final
    cdef inline uint64_t take_streams(self, uint64_t count, uint64_t *seed) except? 0:
        """The first of the next count unnamed streams, which no other fill gets, and their seed."""
        cdef uint64_t first
        cdef Draws owner = self._owner()
        with cython.critical_section(owner):
            first = owner._stream
            if count > (<uint64_t>1 << 63) - first:
                raise ValueError("all 2**63 unnamed streams are used up; reseed the generator")
            owner._stream = first + count
            seed[0] = owner._seed
        return first

    def _address(self, stream):
        """The seed and the stream of a fill that is given this stream; takes the next unnamed one if that is None."""
        check_self(self)
        cdef uint64_t seed = 0
        if stream is None:
            stream = self.take_streams(1, &seed)
            return seed, stream
        explicit_stream(stream)
        return self.seed, stream

    # What a method whose arguments are converted and checked ends with: it runs the fill, or records it.

    @cython.final
    cdef inline object finish(self, call *c, cnp.ndarray array, Rows rows):
        """Of a fill whose draw and constants are set."""
        if self._recording is not None or c.on_device:
            return self.finish_otherwise(c, array, rows)
        self.take_stream(c)
        run_fill(kernels, c, array, rows, 0)
        return array

    @cython.final
    cdef object finish_otherwise(self, call *c, cnp.ndarray array, Rows rows):
        """Of a fill that is recorded, or one of a device's memory."""
        cdef fi_task task
        cdef fi_axis axis[FI_AXES_MAX + 2]
        cdef Launches launches = None
        if self._recording is not None:
            self._recording.add(Pending.of_fill(c, array, rows))[0] = c.fill
            return array
        set_task(&task, c, array, rows, axis)
        memory = memory_behind(array)
        if task.region.chunks:
            launches = Launches.prepared(memory, &task, fi_gpu_form_of(&task), None, None)
        self.take_stream(c)
        task.fill.seed, task.fill.stream = c.fill.seed, c.fill.stream
        if task.region.chunks:
            launches.run(&task)
        return memory.out

    @cython.final
    cdef object fill_scheme(
        self, object out, fi_scheme *scheme, fi_scheme_draw draw, object fan_in, object fan_out, object layout,
        object stream, object streams, object offset, object global_shape, bint accumulate
    ):
        """A draw whose one parameter the scheme gives."""
        check_fillable(out)
        cdef call c
        cdef Rows rows = read_call(&c, stream, streams, offset, global_shape, accumulate)
        read_fans(scheme, out, &c.where, fan_in, fan_out, layout)
        cdef cnp.ndarray array = checked_array(out, &c, REALS_OR_COMPLEX if draw == FI_SCHEME_NORMAL else REALS)
        cdef fi_refusal refusal = FI_ACCEPTED
        if c.is_complex:
            set_complex_normal(&c.fill, 0, 0, fi_scheme_parameter(scheme, draw))
            if not is_positive(c.fill.scale):
                refusal = FI_REFUSED_UNDERFLOW
        else:
            with cython.critical_section(self):
                refusal = fi_set_scheme_again(&c.fill, scheme, draw, &self._last_parameter)
        if refusal != FI_ACCEPTED:
            refuse_scheme(&c.fill, scheme, draw, refusal)
        return self.finish(&c, array, rows)

    def _fill_constant(self, out, dtype, bytes value, offset, global_shape):
        """Fills out, which had the dtype when its value was converted, with the bytes of one element."""
        check_self(self)
        cdef call c
        read_call(&c, None, None, offset, global_shape, False)
        cdef cnp.ndarray array = array_for_constants(out)
        check_block(&c.where, array, False)
        if descr_of(array) is not dtype:
            raise ValueError(f"out was changed while the arguments were read: it had dtype {dtype}")
        fi_set_value(&c.fill, <const char *>value, len(value))
        if self._recording is not None:
            self._recording.add(Pending.of_constants(array, value))
        elif is_on_device(out):
            run_constants(Pending.of_constants(array, value))
        else:
            run_constant(&c.fill, array)
        return out

    def _fill_marked(self, out, cnp.ndarray view, bytes value, list marks, bytes mark):
        """Fills out, of which there is a view, with one value, as an element's bytes, and parts of it with another."""
        check_self(self)
        check_view(out, view)
        each = Pending.of_constants(view if is_on_device(out) else out, value, marks, mark)
        if self._recording is None:
            run_constants(each)
        else:
            self._recording.add(each)
        return out

    def _write_draws(self, out, cnp.ndarray view, stream, Rows rows, write):
        """
        Calls write(seed, number), which fills the view of the checked array out from the stream of that number.

        Or, if its rows have streams, write(seed, numbers), with a list of them.
        """
        check_self(self)
        cdef call c
        read_call(&c, stream, None, None, None, False)
        c.unnamed = c.unnamed and rows is None
        check_view(out, view)
        if self._recording is not None:
            self._recording.add(Pending.of_draws(&c, out, rows, write)).stream = 0 if stream is None else c.fill.stream
            return out
        self.take_stream(&c)
        in_standard_environment(write, c.fill.seed, c.fill.stream if rows is None else rows.tolist())
        return out

    def _run(self, Recording recording, str label):
        """Runs fills that were recorded, with this generator's seed and unnamed streams."""
        check_self(self)
        cdef Pending each
        cdef size_t i, first = 0, count = <size_t>len(recording.pending)
        check_unchanged(recording, 0, count, label)
        for i in range(count):
            each = recording.pending[i]
            if each.call is None:
                continue
            self._run_batch(recording, first, i, label)
            first = i + 1
            try:
                each.call()
            except (TypeError, ValueError) as error:
                raise labelled(error, label.format(each.key)) from error
        self._run_batch(recording, first, count, label)

    cdef int _run_batch(self, Recording recording, size_t first, size_t end, str label) except -1:
        """The fills from first to end, none of which is a call."""
        cdef Pending each
        cdef fi_fill *fill
        cdef size_t i
        cdef uint64_t seed = 0, unnamed = 0, next_unnamed
        cdef tuple _memory = set_regions(recording, first, end)  # which lives as long as this
        cdef list launches = prepared_launches(recording, first, end, label) if recording.on_device else None
        for i in range(first, end):
            each = recording.pending[i]
            unnamed += each.unnamed
        next_unnamed = self.take_streams(unnamed, &seed)
        for i in range(first, end):
            each = recording.pending[i]
            fill = &recording.tasks[i].fill
            fill.seed = seed
            if each.unnamed:
                fill.stream = next_unnamed
                next_unnamed += 1
        run_fills(recording, first, end, label, launches)
        for i in range(first, end):
            each = recording.pending[i]
            if each.write is not None:
                stream = recording.tasks[i].fill.stream if each.rows is None else each.rows.tolist()
                in_standard_environment(each.write, seed, stream)
        return 0

    def bits(self, out, *, stream=None, streams=None, offset=None, global_shape=None):
        """
        Fills an array with random bits: uniform integers.

        Parameters
        ----------
        out : numpy.ndarray, or an array on a CUDA device
            Of any shape and layout, of dtype uint32 or uint64.
        <stream>
        <streams>
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
        check_self(self)
        check_fillable(out)
        cdef call c
        cdef Rows rows = read_call(&c, stream, streams, offset, global_shape, False)
        cdef cnp.ndarray array = checked_array(out, &c, WORDS)
        fi_set_bits(&c.fill)
        return self.finish(&c, array, rows)

    def uniform(
        self, out, low=0.0, high=1.0, *,
        stream=None, streams=None, offset=None, global_shape=None, bint accumulate=False
    ):
        """
        Fills an array with uniform draws: U[low, high).

        Parameters
        ----------
        <out>
        low, high : float
            The interval: low <= high, finite in the array's dtype, and so is high - low in float32 (float64 for
            float64). low == high gives low everywhere.
        <stream>
        <streams>
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
        check_self(self)
        check_fillable(out)
        cdef call c
        cdef double least = number("low", low), most = number("high", high)
        cdef Rows rows = read_call(&c, stream, streams, offset, global_shape, accumulate)
        cdef cnp.ndarray array = checked_array(out, &c)
        set_uniform(&c.fill, least, most)
        return self.finish(&c, array, rows)

    def normal(
        self, out, mean=0.0, std=1.0, *,
        stream=None, streams=None, offset=None, global_shape=None, bint accumulate=False
    ):
        """
        Fills an array with normal draws: N(mean, std**2).

        Parameters
        ----------
        <normal out>
        mean, std : float
            Finite, std >= 0, and no draw may overflow the array's dtype: abs(mean) + 6.77 std (float64: 8.66 std) is
            finite in it. The mean of a complex array may be complex; std**2 is the variance of both parts together.
        <stream>
        <streams>
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
        check_self(self)
        check_fillable(out)
        cdef call c
        cdef double parts[2]
        cdef bint has_parts = read_complex("mean", mean, parts)
        cdef double deviation = number("std", std)
        cdef Rows rows = read_call(&c, stream, streams, offset, global_shape, accumulate)
        cdef cnp.ndarray array = checked_array(out, &c, REALS_OR_COMPLEX)
        if c.is_complex:
            set_complex_normal(&c.fill, parts[0], parts[1], deviation)
        elif has_parts:
            raise TypeError(f"mean must be a number, not {kind_of(mean)}: the array is not complex")
        else:
            set_normal(&c.fill, parts[0], deviation)
        return self.finish(&c, array, rows)

    def truncated_normal(
        self, out, mean=0.0, std=1.0, low=-2.0, high=2.0, *,
        stream=None, streams=None, offset=None, global_shape=None, bint accumulate=False
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
        <streams>
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
        check_self(self)
        check_fillable(out)
        cdef call c
        cdef double center = number("mean", mean), deviation = number("std", std)
        cdef double least = number("low", low), most = number("high", high)
        cdef Rows rows = read_call(&c, stream, streams, offset, global_shape, accumulate)
        cdef cnp.ndarray array = checked_array(out, &c)
        set_truncated_normal(&c.fill, center, deviation, least, most)
        return self.finish(&c, array, rows)

    def variance_scaling(
        self, out, scale=1.0, mode="fan_in", distribution="truncated_normal", *,
        fan_in=None, fan_out=None, layout=None, stream=None, streams=None, offset=None, global_shape=None,
        bint accumulate=False
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
        <streams>
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
        check_self(self)
        cdef int fan_mode = choice("mode", mode, _MODES), draw = choice("distribution", distribution, _DISTRIBUTIONS)
        cdef fi_scheme scheme = scheme_of(<fi_fan_mode>fan_mode, positive("scale", scale))
        return self.fill_scheme(
            out, &scheme, <fi_scheme_draw>draw, fan_in, fan_out, layout, stream, streams, offset, global_shape,
            accumulate
        )


include "schemes.pxi"

generator_type = <PyTypeObject *>Generator

for _name, _method in vars(Draws).items():
    if isinstance(_method, type(available_kernels)):
        _method.__qualname__ = f"Generator.{_name}"  # the class that users know


include "many.pxi"
include "testing.pxi"
