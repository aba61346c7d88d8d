# Streams and seeds as the numbers of the contract.

_SEED_END = _STREAM_END = 1 << 64
_NAMES_FROM = 1 << 63  # the streams of names; the counter of unnamed fills stays below


cdef uint64_t next_unnamed_stream(object stream) except? 0:
    """As the counter holds it: 2**63 means that all are used up."""
    return integer_below("stream", stream, _NAMES_FROM + 1, "2**63 + 1")


# The numbers of names, by the hashes that strings keep: to find one is a look at a slot or two. A shelf has two
# generations: the older one goes when the younger one is full, and what is still in use moves on. There are several
# shelves so that threads without a GIL seldom wait for each other.
cdef enum:
    CACHE_BYTES = 1 << 22
    SHELVES = 16
    SLOTS_AT_FIRST = 16

NAME_CACHE_BYTES = CACHE_BYTES

cdef struct name_slot:
    PyObject *name  # a reference of the table's; NULL: free
    Py_hash_t hash
    uint64_t number

cdef struct name_table:
    name_slot *slots
    size_t mask  # of the slots, a power of two, less one
    size_t names  # at most half as many
    Py_ssize_t bytes


cdef class Shelf:
    cdef name_table young, old

    def __cinit__(self):
        self.young = new_table(SLOTS_AT_FIRST)
        self.old = new_table(SLOTS_AT_FIRST)


cdef name_table new_table(size_t slots) except *:
    cdef name_slot *memory = <name_slot *>PyMem_Calloc(slots, sizeof(name_slot))
    if memory is NULL:
        raise MemoryError
    return name_table(memory, slots - 1, 0, 0)


cdef inline name_slot *slot_of(const name_table *table, str name, Py_hash_t hash) noexcept:
    """The name's slot, or the free one where it would be put."""
    cdef size_t i = (<size_t>hash // SHELVES) & table.mask
    cdef name_slot *slot = &table.slots[i]
    while slot.name is not NULL and (
        slot.hash != hash or (slot.name != <PyObject *>name and PyUnicode_Compare(<object>slot.name, name) != 0)
    ):
        i = (i + 1) & table.mask
        slot = &table.slots[i]
    return slot


cdef int make_room(Shelf shelf, Py_ssize_t size) except -1:
    """Room in the younger generation for another name."""
    cdef name_table before = shelf.young
    cdef name_slot *slot
    cdef size_t i
    if before.bytes + size > CACHE_BYTES // 2 // SHELVES:
        shelf.young = shelf.old
        shelf.old = before
        shelf.young.names = shelf.young.bytes = 0
        for i in range(shelf.young.mask + 1):
            slot = &shelf.young.slots[i]
            Py_XDECREF(slot.name)
            slot.name = NULL
    elif 2 * before.names > before.mask:
        shelf.young = new_table(2 * (before.mask + 1))
        shelf.young.names, shelf.young.bytes = before.names, before.bytes
        for i in range(before.mask + 1):
            slot = &before.slots[i]
            if slot.name is not NULL:
                slot_of(&shelf.young, <str>slot.name, slot.hash)[0] = slot[0]
        PyMem_Free(before.slots)
    return 0


cdef PyObject *shelves[SHELVES]  # a reference each, for good


cdef int set_up_shelves() except -1:
    for i in range(SHELVES):
        shelf = Shelf()
        Py_INCREF(shelf)
        shelves[i] = <PyObject *>shelf
    return 0


set_up_shelves()


cdef uint64_t number_of_name(object given) except? 0:
    cdef str name = characters_of(given)
    cdef Py_hash_t hash = PyObject_Hash(name)
    cdef Shelf shelf = <Shelf>shelves[<size_t>hash % SHELVES]
    cdef name_slot *slot
    cdef uint64_t number = 0
    with cython.critical_section(shelf):
        slot = slot_of(&shelf.young, name, hash)
        if slot.name is not NULL:
            number = slot.number
    return number if number else remember_name(shelf, name, hash)  # names have numbers from 2**63 on


cdef uint64_t remember_name(Shelf shelf, str name, Py_hash_t hash) except? 0:
    cdef name_slot *slot
    cdef uint64_t number = 0
    # The string, and its part of a table that is a quarter full or more and of one that it has grown from.
    cdef Py_ssize_t size = len(name) * PyUnicode_KIND(name) + 220
    with cython.critical_section(shelf):
        slot = slot_of(&shelf.old, name, hash)
        if slot.name is not NULL:
            number = slot.number
    if number == 0:
        try:
            encoded = name.encode()
        except UnicodeEncodeError:
            raise ValueError(f"stream={name!r} cannot be encoded as UTF-8") from None
        number = _NAMES_FROM + blake2b_of(encoded) % _NAMES_FROM
    if size > CACHE_BYTES // 64:
        return number
    with cython.critical_section(shelf):
        make_room(shelf, size)
        slot = slot_of(&shelf.young, name, hash)
        if slot.name is NULL:  # another thread may have been here
            Py_INCREF(name)
            slot[0] = name_slot(<PyObject *>name, hash, number)
            shelf.young.names += 1
            shelf.young.bytes += size
    return number


cdef object blake2b_of(bytes data):
    """The digest of eight bytes, as a little-endian integer."""
    import hashlib  # takes milliseconds, which a program that names no stream should not pay for at import

    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "little")


cdef inline uint64_t explicit_stream(object stream) except? 0:
    cdef uint64_t number
    return number if is_uint64(stream, &number) else unusual_stream(stream)


cdef uint64_t unusual_stream(object stream) except? 0:
    if isinstance(stream, str):
        return number_of_name(stream)
    return integer_below("stream", stream, _STREAM_END, "2**64", "an integer or a name (a string)")


def stream_number(stream):
    """
    The number of a stream: what C callers give for a name, and what is hoisted out of a loop.

    Parameters
    ----------
    stream : int or str
        As the functions that fill an array take it: an integer in [0, 2**64) or a name.

    Returns
    -------
    int
        An integer is its own number. A name has 2**63 + (BLAKE2b(name in UTF-8, 8-byte digest, little-endian) mod
        2**63). The number names the same stream as what it is the number of, wherever a stream is given.

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
    >>> fastinit.stream_number(12679638908415312138)
    12679638908415312138
    """
    return explicit_stream(stream)


cdef inline Rows read_call(
    call *c, object stream, object streams, object offset, object global_shape, bint accumulate
):
    """Reads what a call asks for besides the array; returns the streams of its rows, if there are any."""
    c.unnamed = stream is None and streams is None
    c.fill.accumulate = accumulate
    c.where.given = c.where.outer = False
    if stream is not None:
        c.fill.stream = explicit_stream(stream)
    if streams is None and offset is None and global_shape is None:
        return None
    return read_places(c, stream, streams, offset, global_shape)


cdef Rows read_places(call *c, object stream, object streams, object offset, object global_shape):
    cdef Rows rows = None
    if streams is not None:
        rows = streams_of(stream, streams)
        c.fill.stream = rows.first
    set_rows(&c.where, rows)
    read_block(&c.where, offset, global_shape)
    return rows


cdef uint64_t seed_of(object seed) except? 0:
    """A seed as its 64 bits; an error that says what to take for what other libraries call one."""
    cdef uint64_t number
    if is_uint64(seed, &number):
        return number
    if callable(getattr(seed, "generate_state", None)) and not isinstance(seed, type):  # numpy.random.SeedSequence
        return int(seed.generate_state(1, numpy.uint64)[0])
    instead = hints().instead_of_seed(seed)
    if instead:
        raise TypeError(f"seed must be an integer, not {instead}")
    integer = integer_of("seed", seed, "an integer or a numpy.random.SeedSequence")
    if integer >= _SEED_END:
        raise ValueError(
            f"seed={integer} is out of range; accepted is 0 <= seed < 2**64; of a larger integer, "
            "numpy.random.SeedSequence(seed) makes a seed that is accepted"
        )
    return integer_below("seed", integer, _SEED_END, "2**64")
