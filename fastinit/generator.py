"""Generator: the core's draws and schemes, the constants, and the fills that are matrices, which NumPy writes."""

import functools
import inspect
import math
import sys
from collections.abc import Callable, ItemsView, Iterable, Mapping
from typing import Any, SupportsIndex, TypeAlias, TypeVar, overload

import numpy as np

from fastinit import _core, docstrings, hints, matrices
from fastinit.constants import bytes_in_dtype, check_overflow, finite_in_dtype, held_bytes
from fastinit.schemes import FUNCTIONS
from fastinit.typing import ComplexNumber, Number, Output, Sizes, Stream, Streams

_Shape: TypeAlias = tuple[int, ...]
_Key = TypeVar("_Key", bound=str | int)
_Function = TypeVar("_Function", bound=Callable[..., Any])
_Spec: TypeAlias = tuple[Any, ...] | list[Any]  # (out, scheme, *arguments)


for _class in _core.Generator.__mro__[:-1]:
    docstrings.complete(_class)


@docstrings.complete
class Generator(_core.Generator):
    __doc__ = _core.Generator.__doc__
    __module__ = "fastinit"
    __slots__ = ()

    # ---- Constants ---------------------------------------------------------------------------------------------------

    def zeros(self, out: Output, *, offset: Sizes | None = None, global_shape: Sizes | None = None) -> Output:
        """
        Fills an array with zeros: for biases. Weights that are all equal stay so: their units learn the same.

        Parameters
        ----------
        <constant out>
        <block>

        <returns and raises>

        Examples
        --------
        >>> import numpy as np, fastinit
        >>> fastinit.zeros(np.empty(3))
        array([0., 0., 0.])
        """
        dtype = _core.dtype_for_constants(out)
        return self._fill_constant(out, dtype, _value_in(0, dtype), offset, global_shape)

    def ones(self, out: Output, *, offset: Sizes | None = None, global_shape: Sizes | None = None) -> Output:
        """
        Fills an array with ones: for the scales of normalisation layers.

        Parameters
        ----------
        <constant out>
        <block>

        <returns and raises>

        Examples
        --------
        >>> import numpy as np, fastinit
        >>> fastinit.ones(np.empty(3))
        array([1., 1., 1.])
        """
        dtype = _core.dtype_for_constants(out)
        return self._fill_constant(out, dtype, _value_in(1, dtype), offset, global_shape)

    def constant(
        self, out: Output, value: ComplexNumber, *, offset: Sizes | None = None, global_shape: Sizes | None = None
    ) -> Output:
        """
        Fills an array with one value.

        Parameters
        ----------
        <constant out>
        value : float, int or complex
            Any number, infinities and NaN too, that the array's dtype holds; a bool for an array of bools only. In an
            integer dtype it is exact, and a fraction or what is out of range is refused. In others it is a double, cast
            as NumPy casts it, and may not overflow.
        <block>

        <returns and raises>

        Examples
        --------
        >>> import numpy as np, fastinit
        >>> fastinit.constant(np.empty(3), 0.1)
        array([0.1, 0.1, 0.1])
        """
        dtype = _core.dtype_for_constants(out)
        return self._fill_constant(out, dtype, bytes_in_dtype("value", value, dtype), offset, global_shape)

    def identity(
        self, out: Output, gain: ComplexNumber = 1.0, *, offset: Sizes | None = None, global_shape: Sizes | None = None
    ) -> Output:
        """
        Fills a matrix with gain times the identity: ones on the diagonal, which may be shorter than a side.

        Parameters
        ----------
        out : numpy.ndarray, or an array on a CUDA device
            Of two axes, of any dtype of numbers: bool, integers, floating-point or complex; of ml_dtypes too.
        gain : float, int or complex
            Finite, and a number that the dtype holds.
        <block>

        <returns and raises>

        Notes
        -----
        ``torch.nn.init.eye_``, keras.initializers.Identity. As recurrent weights of ReLU units: Le, Jaitly and Hinton,
        "A simple way to initialize recurrent networks of rectified linear units", 2015.

        Examples
        --------
        >>> import numpy as np, fastinit
        >>> fastinit.identity(np.empty((2, 3)), gain=0.5)
        array([[0.5, 0. , 0. ],
               [0. , 0.5, 0. ]])
        """
        view, _, (top, left) = _block("identity", out, offset, global_shape, 2, 2)
        diagonal = held_bytes(finite_in_dtype("gain", gain, view.dtype), view.dtype)
        zero = _held_by("identity", 0, view.dtype)
        ones = matrices.diagonal(view, max(left - top, 0), max(top - left, 0))
        return self._fill_marked(out, view, zero, [ones], diagonal)

    def dirac(
        self, out: Output, groups: SupportsIndex = 1, *, offset: Sizes | None = None, global_shape: Sizes | None = None
    ) -> Output:
        """
        Fills the weights of a convolution so that it passes its input channels on: as many as there are outputs.

        Parameters
        ----------
        out : numpy.ndarray, or an array on a CUDA device
            Of three to five axes (out, in, \\*kernel), of any dtype of numbers: bool, integers, floating-point or
            complex; of ml_dtypes too.
        groups : int
            Groups of output channels, each of which passes on the same input channels; divides the first axis.
        <block>

        <returns and raises>

        Notes
        -----
        The element at the kernel's center, k // 2, of output channel g (out / groups) + d and input channel d is 1, for
        each group g; all others are 0. ``torch.nn.init.dirac_``.

        Examples
        --------
        >>> import numpy as np, fastinit
        >>> fastinit.dirac(np.empty((2, 2, 3)))
        array([[[0., 1., 0.],
                [0., 0., 0.]],
        <BLANKLINE>
               [[0., 0., 0.],
                [0., 1., 0.]]])
        """
        view, shape, start = _block("dirac", out, offset, global_shape, 3, 5)
        count = _core.positive_integer("groups", groups)
        if shape[0] % count:
            raise ValueError(f"groups={count} does not divide the {shape[0]} output channels of shape={shape}")
        zero, one = (_held_by("dirac", number, view.dtype) for number in (0, 1))
        ones: list[np.ndarray[Any, Any]] = []
        center = tuple(size // 2 - first for size, first in zip(shape[2:], start[2:], strict=True))
        if all(0 <= place < size for place, size in zip(center, view.shape[2:], strict=True)):
            # The part of group g lies in the rows from g * group - start[0] on.
            group, matrix = max(shape[0] // count, 1), view.transpose(*range(2, view.ndim), 0, 1)[center]
            ones += matrices.group_diagonals(matrix, group, -start[0] % group, start[1])
        return self._fill_marked(out, view, zero, ones, one)

    # ---- Matrices ----------------------------------------------------------------------------------------------------

    def orthogonal(
        self,
        out: Output,
        gain: Number = 1.0,
        *,
        stream: Stream | None = None,
        streams: Streams | None = None,
        offset: Sizes | None = None,
        global_shape: Sizes | None = None,
        accumulate: bool = False,
    ) -> Output:
        """
        Fills an array with a random orthogonal matrix, times gain: rows or columns, the fewer, are orthonormal.

        Parameters
        ----------
        out : numpy.ndarray
            Of two axes or more, of dtype float32, float64, float16 or bfloat16 (of ml_dtypes); the matrix is the first
            axis by all others, as in PyTorch.
        gain : float
            Positive and finite: the activation's, see fastinit.gain.
        <stream>
        <streams>
        <block>
        <accumulate>

        <returns and raises>

        Notes
        -----
        Q Q^T = gain**2 I or Q^T Q = gain**2 I, with Q uniform over such matrices (the Haar measure): the product of one
        Householder reflection for each row or column, each of a normal vector, with the signs that a QR factorisation
        with a positive diagonal has. Equal from machine to machine up to rounding, not bit for bit. For a block of it
        the whole matrix is computed. Matrices of many streams are computed on all threads; those larger than 64 by 64
        one after the other, on the threads of NumPy's linear algebra, if that has several. Sources: Saxe, McClelland
        and Ganguli, "Exact solutions to the nonlinear dynamics of learning in deep linear neural networks", ICLR 2014;
        Stewart, "The efficient generation of random orthogonal matrices", 1980; Mezzadri, "How to generate random
        matrices from the classical compact groups", 2007.

        Examples
        --------
        >>> import numpy as np, fastinit
        >>> q = fastinit.Generator(42).orthogonal(np.empty((2, 3)))
        >>> np.allclose(q @ q.T, np.eye(2))
        True
        """
        accumulate = bool(accumulate)
        rows = _core.rows_of(stream, streams)
        view, shape, start = _block("orthogonal", out, offset, global_shape, 2, rows=rows)
        scale = _gain_in_dtype(gain, view.dtype)
        _check_size("orthogonal", shape, view.dtype)
        height, width = shape[0], math.prod(shape[1:])

        def write(seed: int, numbers: int | list[int]) -> None:
            tensors, streams = _tensors(view, numbers)

            def write_some(some: slice, check: Callable[[], None]) -> None:
                stack = matrices.haar(height, width, _compute_dtype(view.dtype), seed, streams[some], check)
                stack *= scale
                values = stack.reshape(len(stack), *shape)[(slice(None), *_slices(start, tensors.shape[1:]))]
                _store(out, view, tensors[some], values, accumulate)

            _for_rows(write_some, len(streams), height * width, matrices.multiplications(height, width))

        return self._write_draws(out, view, stream, rows, write)

    def delta_orthogonal(
        self,
        out: Output,
        gain: Number = 1.0,
        *,
        stream: Stream | None = None,
        streams: Streams | None = None,
        offset: Sizes | None = None,
        global_shape: Sizes | None = None,
        accumulate: bool = False,
    ) -> Output:
        """
        Fills the weights of a convolution with an orthogonal matrix at the kernel's center, and zeros around it.

        Parameters
        ----------
        out : numpy.ndarray
            Of three to five axes (\\*kernel, in, out), Keras's and JAX's layout, with in <= out; of dtype float32,
            float64, float16 or bfloat16 (of ml_dtypes).
        gain : float
            Positive and finite.
        <stream>
        <streams>
        <block>
        <accumulate>

        <returns and raises>

        Notes
        -----
        The matrix (in, out) at (k - 1) // 2 has orthonormal rows, times gain, drawn as by orthogonal: the convolution
        keeps the norm of its input. For a block the whole matrix is computed. Sources: Xiao et al., "Dynamical isometry
        and a mean field theory of CNNs", ICML 2018; jax.nn.initializers.delta_orthogonal.

        Examples
        --------
        >>> import numpy as np, fastinit
        >>> w = fastinit.Generator(42).delta_orthogonal(np.empty((3, 3, 4, 8)))
        >>> np.allclose(w[1, 1] @ w[1, 1].T, np.eye(4))
        True
        >>> int(np.count_nonzero(w))
        32
        """
        accumulate = bool(accumulate)
        rows = _core.rows_of(stream, streams)
        view, shape, start = _block("delta_orthogonal", out, offset, global_shape, 3, 5, rows)
        scale = _gain_in_dtype(gain, view.dtype)
        height, width = shape[-2:]
        if height > width:
            raise ValueError(f"a tensor of shape={shape}; delta_orthogonal takes (*kernel, in, out) with in <= out")
        _check_size("delta_orthogonal", (height, width), view.dtype)

        def write(seed: int, numbers: int | list[int]) -> None:
            tensors, streams = _tensors(view, numbers)
            sizes = tensors.shape[1:]
            center: _Shape = tuple((size - 1) // 2 - first for size, first in zip(shape[:-2], start, strict=False))
            inside = (0 <= place < size for place, size in zip(center, sizes, strict=False))
            has_center = 0 not in sizes and all(inside)

            def write_some(some: slice, check: Callable[[], None]) -> None:
                values = np.zeros(tensors[some].shape, _compute_dtype(view.dtype))
                if has_center:
                    stack = matrices.haar(height, width, values.dtype, seed, streams[some], check)
                    stack *= scale
                    np.moveaxis(values, 0, len(center))[center] = stack[(slice(None), *_slices(start[-2:], sizes[-2:]))]
                _store(out, view, tensors[some], values, accumulate)

            largest = max(height * width * has_center, math.prod(sizes))
            _for_rows(write_some, len(streams), largest, matrices.multiplications(height, width) * has_center)

        return self._write_draws(out, view, stream, rows, write)

    def sparse(
        self,
        out: Output,
        sparsity: Number,
        std: Number = 0.01,
        *,
        stream: Stream | None = None,
        streams: Streams | None = None,
        offset: Sizes | None = None,
        global_shape: Sizes | None = None,
        accumulate: bool = False,
    ) -> Output:
        """
        Fills a matrix with N(0, std**2), and a part of each column with zeros.

        Parameters
        ----------
        out : numpy.ndarray
            Of two axes, of dtype float32, float64, float16 or bfloat16 (of ml_dtypes).
        sparsity : float
            The part of each column that is zero, in [0, 1]; rounded up to whole elements.
        std : float
            Of the others; finite and >= 0.
        <stream>
        <streams>
        <block>
        <accumulate>

        <returns and raises>

        Notes
        -----
        Which elements are zero is random, in each column apart: with n elements, those whose long words W[n + i] of the
        stream are the column's smallest. The others are what normal writes. For a block its whole columns are computed.
        Sources: Martens, "Deep learning via Hessian-free optimization", ICML 2010; ``torch.nn.init.sparse_``.

        Examples
        --------
        >>> import numpy as np, fastinit
        >>> w = fastinit.Generator(42).sparse(np.empty((10, 4)), sparsity=0.25)
        >>> np.count_nonzero(w == 0, axis=0)
        array([3, 3, 3, 3])
        """
        accumulate = bool(accumulate)
        rows = _core.rows_of(stream, streams)
        view, shape, (top, left) = _block("sparse", out, offset, global_shape, 2, 2, rows)
        height, width = shape[0], view.shape[-1]
        part = _core.finite("sparsity", sparsity)
        if not _core.in_standard_environment(lambda: 0 <= part <= 1):
            raise ValueError(f"sparsity={sparsity!r}; accepted is 0 <= sparsity <= 1")
        std = _core.number("std", std)
        _core.check_normal(view, std)
        _check_size("sparse", (height, width), np.dtype(np.uint64))

        def write(seed: int, numbers: int | list[int]) -> None:
            tensors, streams = _tensors(view, numbers)
            # Which elements of a column are zero depends on all of it.
            columns = (height, width), (0, left), shape

            def write_some(some: slice, check: Callable[[], None]) -> None:
                values = matrices.normals(*columns, _compute_dtype(view.dtype), seed, streams[some], std)
                zeros = matrices.smallest(math.ceil(part * height), matrices.keys(*columns, seed, streams[some]))
                check()
                np.put_along_axis(values, zeros, 0, axis=1)
                _store(out, view, tensors[some], values[:, top : top + tensors.shape[1]], accumulate)

            _for_rows(write_some, len(streams), height * width)

        return self._write_draws(out, view, stream, rows, write)

    # ---- Many fills at once ------------------------------------------------------------------------------------------

    @overload
    def fill(self, fills: Mapping[_Key, _Spec], *, accumulate: bool = False) -> dict[_Key, np.ndarray[Any, Any]]: ...
    @overload
    def fill(self, fills: Iterable[_Spec], *, accumulate: bool = False) -> list[np.ndarray[Any, Any]]: ...
    def fill(self, fills: Any, *, accumulate: bool = False) -> Any:
        """
        Fills many arrays in one call, spread over threads; each takes its name as its stream.

        Parameters
        ----------
        fills : mapping or iterable
            What to fill and how: a mapping of streams (names or integers, as in stream=) to tuples, or tuples alone,
            whose arrays take the generator's next streams in turn. A tuple is (out, scheme, \\*arguments): an array,
            the name of any function that fills one, and its arguments; a dictionary at the end holds keyword arguments.
            With ``streams`` among them, the rows of the array take those, and its key in the mapping is a name only.
        accumulate : bool
            Add the values to what is there, in every array.

        Returns
        -------
        dict or list
            The arrays, under their names, or in turn.

        Raises
        ------
        TypeError, ValueError
            If an argument of any of the fills is not as its function accepts it, or two arrays share memory; the error
            says whose. Nothing is written and no stream is taken then.

        Notes
        -----
        Exactly ``getattr(g, scheme)(out, *arguments, stream=name)`` for each array: neither the order nor the set of
        the others matters. A method that a subclass overrides is called when its turn comes, after the checks of all
        others; what it refuses itself, it refuses only then.

        Examples
        --------
        >>> import numpy as np, fastinit
        >>> w, b = np.empty((2, 784), np.float32), np.empty(2, np.float32)
        >>> layers = {"fc1.weight": (w, "he_normal", 784), "fc1.bias": (b, "uniform", -0.1, 0.1)}
        >>> fastinit.Generator(7).fill(layers)["fc1.bias"] is b
        True
        >>> np.array_equal(w, fastinit.Generator(7).he_normal(np.empty_like(w), 784, stream="fc1.weight"))
        True
        """
        if not isinstance(fills, Iterable):
            raise TypeError(f"fills must be a mapping or an iterable of tuples, not {type(fills).__name__}")
        if isinstance(fills, ItemsView):
            raise TypeError("fills must be the mapping itself, whose keys are the streams, not its items")
        named = isinstance(fills, Mapping)
        specs = fills.items() if isinstance(fills, Mapping) else enumerate(fills)
        pending = self._fill(specs, "fills[{!r}]", named, accumulate)
        return {fill.key: fill.out for fill in pending} if named else [fill.out for fill in pending]

    def _fill(
        self, specs: Iterable[tuple[Any, _Spec]], label: str, named: bool = False, accumulate: bool = False
    ) -> list[_core.Pending]:
        """Runs the fills under their keys, which may repeat; the label, with the key in it, begins the errors."""
        recording = _core.record(self, Generator(0), SCHEMES, specs, named, accumulate, label)
        _core.check_apart(recording, label)
        self._run(recording, label)
        return recording.pending


def _with_hint(function: _Function) -> _Function:
    """The function, whose error about a keyword that it does not take says what is meant, as those of the core do."""

    @functools.wraps(function)
    def call(*arguments: Any, **keywords: Any) -> Any:
        try:
            return function(*arguments, **keywords)
        except TypeError as error:
            unknown = [name for name in keywords if name not in names]
            if unknown and error.__traceback__ is not None and error.__traceback__.tb_next is None:
                raise TypeError(f"{error}{hints.of_keyword(function.__name__, unknown[0], names)}") from None
            raise

    names = tuple(inspect.signature(function).parameters)
    return call  # type: ignore[return-value]


class DefaultFunctions(Generator):
    """
    The generator whose methods are the functions of the package: it stands for fastinit.default_generator.

    It looks at each call which generator that is. The functions are pickled and copied by their names, so that in
    another process they are those of its own default generator; fastinit.default_generator itself is pickled with its
    state.
    """

    __module__ = "fastinit"
    __slots__ = ()

    def __new__(cls, package: dict[str, Any]) -> "DefaultFunctions":
        self = super().__new__(cls)
        self._stand_for_default(package)
        return self

    def __init__(self, package: dict[str, Any]) -> None:
        pass

    def __reduce__(self) -> str:
        return "_functions"


# What fills an array, and whether it draws.
SCHEMES: dict[str, bool] = {name: FUNCTIONS[name].draws for name in sorted(FUNCTIONS)}

for _name, _method in list(vars(Generator).items()):
    if _name in SCHEMES and inspect.isfunction(_method):  # not of the core
        setattr(Generator, _name, _with_hint(_method))


def _compute_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    return np.dtype(np.float64 if dtype == np.float64 else np.float32)


def _slices(start: _Shape, shape: _Shape) -> tuple[slice, ...]:
    """The block of that shape that begins there."""
    return tuple(slice(first, first + size) for first, size in zip(start, shape, strict=True))


def _tensors(view: np.ndarray[Any, Any], numbers: int | list[int]) -> tuple[np.ndarray[Any, Any], list[int]]:
    """A view whose first axis is that of tensors, and their streams: of one tensor, or of all the rows."""
    return (view, numbers) if isinstance(numbers, list) else (view[np.newaxis], [numbers])


def _store(
    out: object,
    view: np.ndarray[Any, Any],
    part: np.ndarray[Any, Any],
    values: np.ndarray[Any, Any],
    accumulate: bool,
) -> None:
    """Writes values of the compute type to a part of out, of which there is a view, or adds them in that type."""
    _core.check_view(out, view)  # again: the values have taken a while
    part[...] = part.astype(values.dtype) + values if accumulate else values


def _for_rows(write_some: Callable[[slice, Callable[[], None]], None], *sizes: int) -> None:
    """Writes rows, on several threads where that is worth it; what these take is imported late."""
    from fastinit import parallel

    parallel.for_rows(write_some, *sizes)


def _block(
    scheme: str,
    out: Any,
    offset: Sizes | None,
    global_shape: Sizes | None,
    least: int,
    most: int | None = None,
    rows: _core.Rows | None = None,
) -> tuple[np.ndarray[Any, Any], _Shape, _Shape]:
    """
    A view of out's memory, the shape of the tensor that out is a block of, and where in it out begins.

    Or of the tensor that each row of out is a block of, where these have streams. If the scheme takes such a tensor;
    otherwise a ValueError.
    """
    if SCHEMES[scheme]:
        _core.refuse_device(out, scheme)  # NumPy writes what is drawn here
    view = _core.view_of(out, not SCHEMES[scheme])
    shape, start = _core.block_of(view, offset, global_shape, rows)
    sizes = view.shape[view.ndim - len(shape) :]
    if len(shape) < least or (most is not None and len(shape) > most):
        has = "has" if shape == sizes else "is a block of a tensor of"
        accepted = f"{least} axes or more"
        if most is not None:
            accepted = f"{least} to {most} axes" if least < most else f"{least} axes"
        name = "out" if rows is None else "out[i]"
        raise ValueError(f"{name} {has} shape={shape}; {scheme} takes an array of {accepted}")
    return view, shape, start


@functools.cache
def _value_in(number: int, dtype: np.dtype[Any]) -> bytes:
    """A value of a dtype, as the bytes of an element."""
    return bytes_in_dtype("value", number, dtype)


def _gain_in_dtype(gain: Number, dtype: np.dtype[Any]) -> float:
    """A gain that neither overflows the dtype nor is 0 in that which a matrix is computed in."""
    value = check_overflow("gain", _core.positive("gain", gain), dtype)
    compute = _compute_dtype(dtype)
    if not any(held_bytes(value, compute)):
        raise ValueError(f"gain={gain!r} rounds to 0 in {compute}; accepted is a positive number of that dtype")
    return value


def _held_by(scheme: str, number: int, dtype: np.dtype[Any]) -> bytes:
    """A zero or a one, of which the scheme makes its matrix; a ValueError if the dtype has none."""
    try:
        return _value_in(number, dtype)
    except ValueError:
        raise ValueError(f"out has dtype {dtype}, which has no {('zero', 'one')[number]}; {scheme} needs it") from None


def _check_size(scheme: str, shape: _Shape, dtype: np.dtype[Any]) -> None:
    if math.prod(shape) * dtype.itemsize > sys.maxsize:
        raise ValueError(f"{scheme} computes a whole matrix of shape={shape}, which no memory holds")
