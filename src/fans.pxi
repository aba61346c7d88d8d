# The fans, and the schemes that are scaled by them.

cdef enum:
    TORCH_LAYOUT, KERAS_LAYOUT, LASAGNE_LAYOUT

_LAYOUTS = {
    "torch": TORCH_LAYOUT,
    **dict.fromkeys(("keras", "jax", "flax", "tensorflow"), KERAS_LAYOUT),
    "lasagne": LASAGNE_LAYOUT,
}


cdef bint find_fan_axes(int layout, int axes, int *inputs, int *outputs) noexcept:
    """Which axes are a unit's inputs and outputs, -1 for none; all others are the kernel's. Whether the layout fits."""
    if layout == KERAS_LAYOUT:
        inputs[0], outputs[0] = axes - (2 if axes > 1 else 1), axes - 1
        return True
    inputs[0], outputs[0] = (0, 1) if layout == LASAGNE_LAYOUT and axes == 2 else (1, 0)
    return axes >= 2


cdef object too_few_axes(int layout, tuple shape):
    form = "'torch' is (out, in, *kernel)"
    if layout == LASAGNE_LAYOUT:
        form = "'lasagne' is (in, out) or (filters, in, *kernel)"
    return ValueError(f"shape={shape}; layout={form}, of two axes or more")


def fan_axes(layout, tuple shape):
    """Which axes of a shape are the inputs and the outputs of a unit by a layout, -1 for none."""
    cdef int rule = choice("layout", layout, _LAYOUTS), inputs, outputs
    if not find_fan_axes(rule, <int>len(shape), &inputs, &outputs):
        raise too_few_axes(rule, shape)
    return inputs, outputs


cdef int set_fans_by_layout(fi_scheme *scheme, cnp.ndarray array, const block *where, int layout) except -1:
    """The fans of the tensor's shape: see fastinit.fans."""
    cdef int axis, axes = cnp.PyArray_NDIM(array) - where.outer, inputs, outputs
    cdef uint64_t size, kernel = 1, fan_in = 1, fan_out = 1
    cdef bint empty = False
    if not find_fan_axes(layout, axes, &inputs, &outputs):
        raise too_few_axes(layout, tensor_shape(array, where))
    for axis in range(axes):
        size = where.global_shape[axis] if where.given else <uint64_t>cnp.PyArray_DIM(array, where.outer + axis)
        empty = empty or size == 0
        if axis != inputs and axis != outputs:
            kernel *= size
        if axis == inputs:
            fan_in = size
        if axis == outputs:
            fan_out = size
    if empty:  # which may have larger axes than 64 bits hold the product of, and fans of zero: nothing is written
        scheme.fan_in = scheme.fan_out = 1
        return 0
    scheme.fan_in, scheme.fan_out = <double>(fan_in * kernel), <double>(fan_out * kernel)
    return 0


cpdef object choice(str name, object value, dict accepted):
    """accepted[value]; an error that lists the keys if it has no such one."""
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a string, not {type(value).__name__}; accepted are {', '.join(accepted)}")
    value = characters_of(value)
    if value not in accepted:
        meant = hints().closest(value, accepted)
        raise ValueError(
            f"{name}={value!r}; accepted are {', '.join(accepted)}{f'; did you mean {meant!r}?' if meant else ''}"
        )
    return accepted[value]


cdef inline str characters_of(object text):
    """A string of Python's own: a subclass may compare as it likes, and an enumeration's str() is another name."""
    return text if PyUnicode_CheckExact(text) else PyUnicode_FromObject(text)


cdef int read_fans(
    fi_scheme *scheme, object out, block *where, object fan_in, object fan_out, object layout
) except -1:
    """Sets the fans that scheme.mode needs, as they were given or by the layout of the tensor's shape."""
    cdef cnp.ndarray array
    cdef int rule
    if layout is not None:
        if fan_in is not None or fan_out is not None:
            raise ValueError(
                f"layout={layout!r} with fan_in={fan_in!r}, fan_out={fan_out!r}; accepted are fans or a layout, not "
                "both"
            )
        rule = choice("layout", layout, _LAYOUTS)
        array = array_of(out)
        check_block(where, array, False)
        return set_fans_by_layout(scheme, array, where, rule)
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
