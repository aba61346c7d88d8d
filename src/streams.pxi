# Streams and seeds as the numbers of the contract.

_SEED_END = 1 << 64
_STREAM_END = 1 << 63


cdef uint64_t next_unnamed_stream(object stream) except? 0:
    """As the counter holds it: 2**63 means that all are used up."""
    return integer_below("stream", stream, _STREAM_END + 1, "2**63 + 1")


# The numbers of names, in two generations: the older one goes when the younger one is full, and what is still in use
# moves on.
NAME_CACHE_BYTES = 1 << 22
cdef dict _young_names = {}
cdef dict _old_names = {}
cdef Py_ssize_t _young_bytes = 0


cdef uint64_t number_of_name(object given) except? 0:
    cdef str name = characters_of(given)
    number = _young_names.get(name)
    if number is None:
        number = remember_name(name)
    return number


cdef object remember_name(str name):
    global _young_bytes
    number = _old_names.get(name)
    if number is None:
        try:
            encoded = name.encode()
        except UnicodeEncodeError:
            raise ValueError(f"stream={name!r} cannot be encoded as UTF-8") from None
        number = _STREAM_END + blake2b_of(encoded) % _STREAM_END
    # The string, the integer, and what two dictionaries take for them.
    cdef Py_ssize_t size = len(name) * PyUnicode_KIND(name) + 220
    if size > NAME_CACHE_BYTES // 64:
        return number
    with cython.critical_section(_young_names):
        if _young_bytes + size > NAME_CACHE_BYTES // 2:
            _old_names.clear()
            _old_names.update(_young_names)
            _young_names.clear()
            _young_bytes = 0
        _young_names[name] = number
        _young_bytes += size
    return number


cdef object blake2b_of(bytes data):
    """The digest of eight bytes, as a little-endian integer."""
    import hashlib  # takes milliseconds, which a program that names no stream should not pay for at import

    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "little")


cdef uint64_t explicit_stream(object stream) except? 0:
    cdef uint64_t small
    if is_small_int(stream, &small):
        return small
    if isinstance(stream, str):
        return number_of_name(stream)
    return integer_below("stream", stream, _STREAM_END, "2**63", "an integer or a name (a string)")


def stream_number(stream):
    """
    The number of a stream: what C callers give for a name.

    Parameters
    ----------
    stream : int or str
        As the functions that fill an array take it: an integer in [0, 2**63) or a name.

    Returns
    -------
    int
        An integer is its own number. A name has 2**63 + (BLAKE2b(name in UTF-8, 8-byte digest, little-endian) mod
        2**63).

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
    """
    return explicit_stream(stream)


cdef Rows read_call(
    call *c, object stream, object streams, object offset, object global_shape, bint accumulate
):
    """Reads what a call asks for besides the array; returns the streams of its rows, if there are any."""
    cdef Rows rows = None
    c.unnamed = stream is None and streams is None
    if stream is not None:
        c.fill.stream = explicit_stream(stream)
    if streams is not None:
        rows = streams_of(stream, streams)
        c.fill.stream = rows.first
    set_rows(&c.where, rows)
    c.fill.accumulate = accumulate
    read_block(&c.where, offset, global_shape)
    return rows


cdef uint64_t seed_of(object seed) except? 0:
    """A seed as its 64 bits; an error that says what to take for what other libraries call one."""
    cdef uint64_t small
    if is_small_int(seed, &small):
        return small
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
