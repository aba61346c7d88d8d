# How many threads a fill may use.

def set_num_threads(n):
    """
    Sets how many threads a fill may use, in this process, whichever generator and thread it comes from.

    A large fill uses several: at most that many, and at most one for each 2**18 elements. The values do not depend on
    it. To begin with, it is the number in the environment variable FASTINIT_NUM_THREADS or, without one, that of the
    CPUs that the calling thread may run on. On Windows a fill takes one thread, so far.

    Parameters
    ----------
    n : int or None
        From 1 to 1024. None: the CPUs, however many there are when a fill begins.

    Raises
    ------
    TypeError, ValueError
        If n is not as above.

    Examples
    --------
    >>> import fastinit
    >>> fastinit.set_num_threads(4)
    >>> fastinit.get_num_threads()
    4
    >>> fastinit.set_num_threads(None)
    """
    fi_set_threads(0 if n is None else thread_count("n", n))


def get_num_threads():
    """
    How many threads a fill may use: see set_num_threads.

    Returns
    -------
    int
        The number that was set, or the CPUs that the calling thread may run on.

    Examples
    --------
    >>> import fastinit
    >>> fastinit.get_num_threads() >= 1
    True
    """
    return fi_threads()


cdef int thread_count(str name, object value) except -1:
    count = integer_of(name, value, "an integer or None")
    if not 1 <= count <= FI_THREADS_MAX:
        raise ValueError(f"{name}={count}; accepted is 1 <= {name} <= {FI_THREADS_MAX}")
    return count


cdef int set_threads_from_environment() except -1:
    """A value that is no number of threads is warned of, and counts as none: it changes how long fills take, no bit."""
    text = os.environ.get("FASTINIT_NUM_THREADS", "").strip()
    if not text:
        return 0
    try:
        fi_set_threads(thread_count("FASTINIT_NUM_THREADS", int(text)))
        return 0
    except ValueError:
        pass  # and no cause of the warning, where that is made an error
    from fastinit.text import quoted

    warnings.warn_explicit(
        f"FASTINIT_NUM_THREADS={quoted(text)} is ignored, and a fill may take as many threads as there are CPUs; "
        f"accepted is a number from 1 to {FI_THREADS_MAX}",
        RuntimeWarning,
        "<environment>",  # no line of code is to blame
        1,
        "fastinit",
    )
    return 0


set_threads_from_environment()
