# What tests look at and nothing else uses.

def philox_block(str kernels_name, counter, key):
    """The four words of a counter of four words and a key of two."""
    cdef uint32_t c[4]
    cdef uint32_t k[2]
    cdef uint32_t words[4]
    c[0], c[1], c[2], c[3] = counter
    k[0], k[1] = key
    fi_philox_block(find_kernels(kernels_name), c, k, words)
    return words[0], words[1], words[2], words[3]


def soft_fma(double a, double b, double c):
    """fma(a, b, c) as the portable kernels do it on a CPU that cannot."""
    return fi_soft_fma(a, b, c)


def soft_fmaf(float a, float b, float c):
    """fma(a, b, c) in float32, likewise."""
    return fi_soft_fmaf(a, b, c)


def overlap_of(list arrays):
    """The first two of the arrays found that share memory, or None, and the steps that it took."""
    cdef fi_overlap found
    shared = find_overlap([Pending.of_array(array) for array in arrays], &found)
    return (found.first, found.second) if shared else None, found.work


def name_cache_sizes():
    """How many names the cache holds, in its younger and in its older part."""
    cdef size_t young = 0, old = 0
    cdef int i
    for i in range(SHELVES):
        young += (<Shelf>shelves[i]).young.names
        old += (<Shelf>shelves[i]).old.names
    return young, old


def set_launch_threads(uint64_t most):
    """The most threads of a launch of rows on a GPU; returns what it was."""
    global launch_threads_max
    before, launch_threads_max = launch_threads_max, most
    return before
