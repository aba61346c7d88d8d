# The fans, and the schemes that are scaled by them.

Fans = collections.namedtuple("Fans", ("fan_in", "fan_out"), module="fastinit")
Fans.__doc__ = "The inputs and the outputs of a unit, as the schemes count them."


def _torch_fans(shape):
    if len(shape) < 2:
        raise ValueError(f"shape={shape}; layout='torch' is (out, in, *kernel), of two axes or more")
    field = math.prod(shape[2:])
    return Fans(shape[1] * field, shape[0] * field)


def _keras_fans(shape):
    if len(shape) < 2:
        return Fans(*(shape or (1,)) * 2)
    field = math.prod(shape[:-2])
    return Fans(shape[-2] * field, shape[-1] * field)


def _lasagne_fans(shape):
    if len(shape) < 2:
        raise ValueError(f"shape={shape}; layout='lasagne' is (in, out) or (filters, in, *kernel), of two axes or more")
    if len(shape) == 2:
        return Fans(*shape)
    return _torch_fans(shape)


_LAYOUTS = {
    "torch": _torch_fans,
    **dict.fromkeys(("keras", "jax", "flax", "tensorflow"), _keras_fans),
    "lasagne": _lasagne_fans,
}


def fans(shape, layout):
    """
    The fans of a weight array: how many inputs a unit sums, and how many units an input reaches.

    Parameters
    ----------
    shape : tuple of int
        The array's shape.
    layout : {"torch", "keras", "jax", "flax", "tensorflow", "lasagne"}
        What the axes mean, with f the product of the kernel's axes:

        - "torch", (out, in, \\*kernel): fan_in = in f, fan_out = out f. Fewer than two axes are an error, as there.
        - "keras", (\\*kernel, in, out), also by the names "jax", "flax" and "tensorflow": the same. One axis of n is
          fan_in = fan_out = n, none is 1, as in Keras.
        - "lasagne": (in, out) for a dense layer; (filters, in, \\*kernel) for a convolution, whose fan_in = in f and
          fan_out = filters f add up to f times the first two axes. Fewer than two axes are an error, as there.

    Returns
    -------
    Fans
        A named tuple (fan_in, fan_out) of int.

    Raises
    ------
    TypeError, ValueError
        If shape is not of non-negative integers, or layout is unknown or does not fit it.

    Examples
    --------
    >>> import fastinit
    >>> fastinit.fans((64, 3, 7, 7), "torch")
    Fans(fan_in=147, fan_out=3136)
    >>> fastinit.fans((7, 7, 3, 64), "keras")
    Fans(fan_in=147, fan_out=3136)
    """
    try:
        sizes = tuple([integer_of("shape", size, "of integers") for size in shape])
    except TypeError as error:
        traced = "".join(map(if_traced, shape if isinstance(shape, (tuple, list)) else ()))
        raise TypeError(f"shape={shape!r}; accepted is a tuple of integers{traced}") from error.__cause__
    if any(size < 0 for size in sizes):
        raise ValueError(f"shape={shape!r}; accepted are sizes of zero and more")
    return choice("layout", layout, _LAYOUTS)(sizes)


cpdef object choice(str name, object value, dict accepted):
    """accepted[value]; an error that lists the keys if it has no such one."""
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a string, not {type(value).__name__}; accepted are {', '.join(accepted)}")
    value = characters_of(value)
    if value not in accepted:
        meant = closest(value, accepted)
        raise ValueError(
            f"{name}={value!r}; accepted are {', '.join(accepted)}{f'; did you mean {meant!r}?' if meant else ''}"
        )
    return accepted[value]


cdef inline str characters_of(object text):
    """A string of Python's own: a subclass may compare as it likes, and an enumeration's str() is another name."""
    return text if PyUnicode_CheckExact(text) else PyUnicode_FromObject(text)


# What other libraries call fastinit's schemes, where it is not a matter of spelling.
_NAMES_ELSEWHERE = {
    "eye": "identity",
    "full": "constant",
    "random_normal": "normal",
    "random_uniform": "uniform",
    "trunc_normal": "truncated_normal",
}


def closest(name, accepted):
    """Which of the accepted names is meant by one like "kaiming_normal_", "HeNormal" or "he_norml"; None if none is."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower().strip("_")
    words = _NAMES_ELSEWHERE.get(words, words)
    if words in accepted:
        return words
    import difflib  # which takes as long to import as all of fastinit

    return next(iter(difflib.get_close_matches(words, accepted, 1, 0.82)), None)


cdef int read_fans(
    fi_scheme *scheme, object out, block *where, object fan_in, object fan_out, object layout
) except -1:
    """Sets the fans that scheme.mode needs, as they were given or by the layout of the tensor's shape."""
    if layout is not None:
        if fan_in is not None or fan_out is not None:
            raise ValueError(
                f"layout={layout!r} with fan_in={fan_in!r}, fan_out={fan_out!r}; accepted are fans or a layout, not "
                "both"
            )
        rule = choice("layout", layout, _LAYOUTS)
        check_block(where, array_of(out), False)
        of_shape = rule(tensor_shape(array_of(out), where))
        # Only an empty array can have a fan of zero.
        scheme.fan_in, scheme.fan_out = max(of_shape.fan_in, 1), max(of_shape.fan_out, 1)
        return 0
    if scheme.mode != FI_FAN_OUT:
        if fan_in is None:
            raise missing_fan("fan_in")
        scheme.fan_in = positive("fan_in", fan_in)
    if scheme.mode != FI_FAN_IN:
        if fan_out is None:
            raise missing_fan("fan_out")
        scheme.fan_out = positive("fan_out", fan_out)
    return 0


cdef inline fi_scheme scheme_of(fi_fan_mode mode, double scale, double gain=1, double negative_slope=0) noexcept:
    """A scheme whose fans are still to be set."""
    return fi_scheme(mode, 0, 0, scale, gain, negative_slope)


cdef int one_fan(object fan_in, object fan_out) except -1:
    """The fi_fan_mode of a scheme that takes the one fan or the other."""
    if fan_in is not None and fan_out is not None:
        raise ValueError(f"fan_in={fan_in!r}, fan_out={fan_out!r}; accepted is one of the two")
    return FI_FAN_IN if fan_out is None else FI_FAN_OUT


cdef fi_scheme scheme_of_gain_or_relu(fi_fan_mode mode, double scale, object gain) except *:
    if isinstance(gain, str):
        if characters_of(gain) != "relu":
            raise ValueError(f"gain={gain!r}; accepted is a positive finite number or 'relu'")
        return scheme_of(mode, 2 * scale)  # sqrt(2) squared, unrounded
    return scheme_of(mode, scale, positive("gain", gain))


cdef inline fi_scheme_draw normal_or(bint truncated) noexcept:
    return FI_SCHEME_TRUNCATED if truncated else FI_SCHEME_NORMAL


_MODES = {
    "fan_in": FI_FAN_IN, "fan_out": FI_FAN_OUT, "fan_avg": FI_FAN_AVERAGE, "fan_geo_avg": FI_FAN_GEOMETRIC,
}
_DISTRIBUTIONS = {
    "truncated_normal": FI_SCHEME_TRUNCATED,
    "untruncated_normal": FI_SCHEME_NORMAL,
    "normal": FI_SCHEME_NORMAL,
    "uniform": FI_SCHEME_UNIFORM,
}


def missing_fan(name):
    return TypeError(
        f"{name} is missing: give it as a number, or give layout='torch', 'keras' or 'lasagne' to take it from out's "
        "shape"
    )
